/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class exchange: clean the names, let the vhost decide (compat 2.3 - 2.5), reply unless no-wait.
 */
#include "amqp/spec.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/send.h"

void handle_exchange_declare(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_exchange_declare *declare = &method->exchange_declare;
    uint8_t name[AMQP_SHORTSTR_MAX];
    struct refusal refusal;
    struct exchange_declaration declaration = {
        .name = entity_name_clean(declare->exchange, name),
        .type = declare->type,
        .arguments = declare->arguments,
        .passive = declare->passive,
        .durable = declare->durable,
        .auto_delete = declare->auto_delete,
        .internal = declare->internal,
    };

    if (vhost_declare_exchange(channel->connection->vhost, &declaration, &refusal) == NULL)
        channel_refuse(channel, &refusal);
    else if (!declare->no_wait)
        SEND(channel, AMQP_EXCHANGE_DECLARE_OK, exchange_declare_ok);
}

void handle_exchange_delete(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_exchange_delete *delete = &method->exchange_delete;
    uint8_t buffer[AMQP_SHORTSTR_MAX];
    struct slice name = entity_name_clean(delete->exchange, buffer);
    struct refusal refusal;

    if (!vhost_delete_exchange(channel->connection->vhost, name, delete->if_unused, &refusal))
        channel_refuse(channel, &refusal);
    else if (!delete->no_wait)
        SEND(channel, AMQP_EXCHANGE_DELETE_OK, exchange_delete_ok);
}

void handle_exchange_bind(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_exchange_bind *bind = &method->exchange_bind;
    uint8_t source[AMQP_SHORTSTR_MAX], destination[AMQP_SHORTSTR_MAX];
    struct refusal refusal;
    struct binding_request request = {
        .source = entity_name_clean(bind->source, source),
        .destination = entity_name_clean(bind->destination, destination),
        .binding_key = bind->routing_key,
        .arguments = bind->arguments,
        .connection = channel->connection,
    };

    if (!vhost_bind(channel->connection->vhost, &request, &refusal))
        channel_refuse(channel, &refusal);
    else if (!bind->no_wait)
        SEND(channel, AMQP_EXCHANGE_BIND_OK, exchange_bind_ok);
}

void handle_exchange_unbind(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_exchange_unbind *unbind = &method->exchange_unbind;
    uint8_t source[AMQP_SHORTSTR_MAX], destination[AMQP_SHORTSTR_MAX];
    struct refusal refusal;
    struct binding_request request = {
        .source = entity_name_clean(unbind->source, source),
        .destination = entity_name_clean(unbind->destination, destination),
        .binding_key = unbind->routing_key,
        .arguments = unbind->arguments,
        .connection = channel->connection,
    };

    if (!vhost_unbind(channel->connection->vhost, &request, &refusal))
        channel_refuse(channel, &refusal);
    else if (!unbind->no_wait)
        SEND(channel, AMQP_EXCHANGE_UNBIND_OK, exchange_unbind_ok);
}
