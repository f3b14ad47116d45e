/* SPDX-License-Identifier: Apache-2.0 */
/* Methods into output. Everything here marks the endpoint dirty; nothing here writes to a socket. */
#ifndef LEVERET_BROKER_PROTOCOL_SEND_H
#define LEVERET_BROKER_PROTOCOL_SEND_H

#include <stdint.h>

#include "amqp/method.h"

struct channel;
struct connection;

/* On channel 0 or any other number. */
void send_method(struct connection *connection, uint16_t channel_number,
                 const struct amqp_method *method);

/* On the channel's own number. */
void send_on_channel(struct channel *channel, const struct amqp_method *method);

void send_heartbeat(struct connection *connection);

/* SEND(channel, AMQP_QUEUE_DELETE_OK, queue_delete_ok, .message_count = n) */
#define SEND(channel, method_id, member, ...) \
    send_on_channel(channel, &(struct amqp_method){.id = (method_id), .member = {__VA_ARGS__}})

#endif
