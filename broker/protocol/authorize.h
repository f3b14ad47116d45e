/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may (compat 4.1): one function for each method that needs a permission. They stand in the
 * permission column of the dispatch table (dispatch.c), which may not be empty, and run before the
 * handler, so that nobody learns what exists without permission to ask. Each asks permission.h, the one
 * place where it is decided, and returns false after it has failed the channel.
 *
 * Some refusals come before permissions in RabbitMQ: unknown exchange types, reserved names, the default
 * exchange. Where the handler is going to refuse for such a reason the authorizer stands aside.
 */
#ifndef LEVERET_BROKER_PROTOCOL_AUTHORIZE_H
#define LEVERET_BROKER_PROTOCOL_AUTHORIZE_H

#include <stdbool.h>

#include "amqp/method.h"
#include "amqp/slice.h"

struct channel;
struct exchange;
struct route_request;

typedef bool authorizer(struct channel *channel, const struct amqp_method *method);
authorizer authorize_exchange_declare, authorize_exchange_delete, authorize_exchange_bind,
    authorize_exchange_unbind, authorize_queue_declare, authorize_queue_bind,
    authorize_queue_unbind, authorize_queue_purge, authorize_queue_delete, authorize_basic_consume,
    authorize_basic_get;

/*
 * basic.publish is authorized when its content is complete, because that is when RabbitMQ answers: write
 * on the exchange, then for topic exchanges each of the keys, CC and BCC included.
 */
bool authorize_publish(struct channel *channel, struct slice exchange_name);
bool authorize_topics(struct channel *channel, const struct exchange *exchange,
                      const struct route_request *request);

/* After update-secret: consumers that the user may no longer read are cancelled, as by RabbitMQ 4.3. */
void authorize_consumers_again(struct channel *channel);

#endif
