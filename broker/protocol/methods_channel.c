/* SPDX-License-Identifier: Apache-2.0 */
/* Class channel, and class access, of which RabbitMQ keeps only the polite answer. */
#include "amqp/spec.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/send.h"

void handle_channel_open(struct connection *connection, uint16_t channel_number) {
    struct channel *channel = channel_open(connection, channel_number);

    SEND(channel, AMQP_CHANNEL_OPEN_OK, channel_open_ok);
}

void handle_channel_flow(struct channel *channel, const struct amqp_method *method) {
    if (!method->channel_flow.active) {
        channel_fail(channel, AMQP_NOT_IMPLEMENTED, "active=false");
        return;
    }
    SEND(channel, AMQP_CHANNEL_FLOW_OK, channel_flow_ok, .active = true);
}

/*
 * The number is free before the client hears so. When the two closes cross, ours is still to be
 * answered by close-ok: the number stays taken until then, as in RabbitMQ.
 */
void handle_channel_close(struct channel *channel, const struct amqp_method *method) {
    struct connection *connection = channel->connection;
    uint16_t number = channel->number;

    (void)method;
    if (channel->state == CHANNEL_OPEN)
        channel_destroy(channel);
    send_method(connection, number, &(struct amqp_method){.id = AMQP_CHANNEL_CLOSE_OK});
}

void handle_channel_close_ok(struct channel *channel, const struct amqp_method *method) {
    (void)method;
    channel_destroy(channel);
}

/* RabbitMQ knows no realms; every ticket is 1. */
void handle_access_request(struct channel *channel, const struct amqp_method *method) {
    (void)method;
    SEND(channel, AMQP_ACCESS_REQUEST_OK, access_request_ok, .ticket = 1);
}
