/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE table: for each method its handler, who asks whether the user may, the connection states and the
 * kind of channel it is legal in. What is not legal is answered here (compat 1.9, 1.11), so that handlers are check, act, reply.
 */
#ifndef LEVERET_BROKER_PROTOCOL_DISPATCH_H
#define LEVERET_BROKER_PROTOCOL_DISPATCH_H

#include <stdint.h>

#include "amqp/method.h"

struct channel;
struct connection;

/*
 * A decoded method that arrived on `channel_number`; `channel` is NULL when that number is not open
 * (or 0). Sets connection->current_method for exceptions.
 */
void dispatch_method(struct connection *connection, uint16_t channel_number,
                     struct channel *channel, const struct amqp_method *method);

/* The permission column of the method's row, for tests and documentation. */
const char *dispatch_permission(enum amqp_method_id method);

/* Handlers on channel 0 (methods_connection.c). */
typedef void connection_handler(struct connection *connection, const struct amqp_method *method);
connection_handler handle_connection_start_ok, handle_connection_tune_ok, handle_connection_open,
    handle_connection_close, handle_connection_close_ok, handle_connection_update_secret;

/* channel.open is special: there is no channel yet (methods_channel.c). */
void handle_channel_open(struct connection *connection, uint16_t channel_number);

/* Handlers on open channels (methods_<class>.c). */
typedef void channel_handler(struct channel *channel, const struct amqp_method *method);
channel_handler handle_channel_flow, handle_channel_close, handle_channel_close_ok,
    handle_access_request, handle_exchange_declare, handle_exchange_delete, handle_exchange_bind,
    handle_exchange_unbind, handle_queue_declare, handle_queue_bind, handle_queue_unbind,
    handle_queue_purge, handle_queue_delete, handle_basic_qos, handle_basic_consume,
    handle_basic_cancel, handle_basic_cancel_ok, handle_basic_publish, handle_basic_get,
    handle_basic_ack, handle_basic_nack, handle_basic_reject, handle_basic_recover,
    handle_basic_recover_async, handle_confirm_select, handle_tx_select, handle_tx_commit,
    handle_tx_rollback;

#endif
