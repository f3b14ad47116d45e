/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/gate.h"

#include "broker/entities/broker.h"
#include "broker/entities/store.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/heartbeat.h"

bool gate_is_promise(enum amqp_method_id id) {
    switch (id) {
    case AMQP_EXCHANGE_DECLARE_OK:
    case AMQP_EXCHANGE_DELETE_OK:
    case AMQP_EXCHANGE_BIND_OK:
    case AMQP_EXCHANGE_UNBIND_OK:
    case AMQP_QUEUE_DECLARE_OK:
    case AMQP_QUEUE_BIND_OK:
    case AMQP_QUEUE_UNBIND_OK:
    case AMQP_QUEUE_DELETE_OK:
    case AMQP_QUEUE_PURGE_OK:
    case AMQP_TX_COMMIT_OK:
        return true;
    default:
        return false;
    }
}

bool gate_is_passed_by(enum amqp_method_id id) {
    return id == AMQP_CONNECTION_BLOCKED || id == AMQP_CONNECTION_UNBLOCKED;
}

void gate_close_for_promise(struct connection *connection) {
    struct broker *broker = connection->broker;
    if (store_is_safe(broker, broker->promise_lsn))
        return;
    connection->gate_lsn = broker->promise_lsn;
    if (!list_is_linked(&connection->gate_link))
        list_append(&broker->gated_connections, &connection->gate_link);
}

/*
 * While much is held nothing more is read: a client cannot pile up replies behind a slow disk. Nor can
 * it show that it lives, so nobody asks.
 */
void gate_limit(struct connection *connection) {
    if (!gate_is_closed(connection) || connection->endpoint.input_paused ||
        outbuf_size(&connection->held) <= OUTPUT_HIGH_WATER)
        return;
    endpoint_pause_input(&connection->endpoint, true);
    heartbeat_pause_receive(connection);
}

static void resume_input(struct connection *connection) {
    if (connection->blocked || !connection->endpoint.input_paused)
        return;
    endpoint_pause_input(&connection->endpoint, false);
    heartbeat_resume_receive(connection);
}

static void resume_consumers(struct connection *connection) {
    struct channel *channel, *next;
    HASH_ITER(by_number, connection->channels, channel, next) {
        channel_resume_consumers(channel);
    }
}

static void open_gate(struct connection *connection) {
    list_remove(&connection->gate_link);
    connection->gate_lsn = 0;
    outbuf_move_all(&connection->endpoint.output, &connection->held);
    resume_input(connection);
    endpoint_mark_dirty(&connection->endpoint);
    resume_consumers(connection);
}

void gates_open(struct broker *broker) {
    LIST_FOR_EACH_SAFE(&broker->gated_connections, at) {
        struct connection *connection = LIST_ITEM(at, struct connection, gate_link);
        if (store_is_safe(broker, connection->gate_lsn))
            open_gate(connection);
    }
}

void gates_fail(struct broker *broker) {
    LIST_FOR_EACH_SAFE(&broker->gated_connections, at) {
        struct connection *connection = LIST_ITEM(at, struct connection, gate_link);
        outbuf_clear(&connection->held);
        open_gate(connection);
    }
}

void gate_end(struct connection *connection) {
    list_remove(&connection->gate_link);
    outbuf_clear(&connection->held);
    connection->gate_lsn = 0;
}
