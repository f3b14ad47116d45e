/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/connection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/base/rate.h"
#include "broker/base/tls_peer.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/fetch.h"
#include "broker/protocol/gate.h"
#include "broker/protocol/heartbeat.h"
#include "broker/protocol/input.h"
#include "broker/protocol/slow_login.h"

/* --- endpoint --- */

static void on_end_of_input(struct endpoint *endpoint) {
    struct connection *connection = connection_of_endpoint(endpoint);
    if (connection->state == CONNECTION_OPEN)
        log_write_about(&connection->broker->env->log, LOG_CATEGORY_CONNECTION, LOG_WARNING,
                        "closing AMQP connection %s: client unexpectedly closed TCP connection",
                        connection->name);
    connection_end(connection, true);
}

static void on_output_drained(struct endpoint *endpoint) {
    struct connection *connection = connection_of_endpoint(endpoint);
    struct channel *channel, *next;
    HASH_ITER(by_number, connection->channels, channel, next) {
        channel_resume_consumers(channel);
    }
}

static void destroy(struct endpoint *endpoint) {
    struct connection *connection = connection_of_endpoint(endpoint);
    assert(connection->state == CONNECTION_CLOSED);
    outbuf_clear(&endpoint->output);
    list_remove(&endpoint->dirty_link);
    rate_window_destroy(connection->rates);
    free_slice(connection->client_properties);
    free(connection->tls);
    free(connection->name);
    free(connection);
}

static const struct endpoint_ops connection_ops = {
    .feed = connection_feed,
    .on_end_of_input = on_end_of_input,
    .on_output_drained = on_output_drained,
    .destroy = destroy,
};

/* --- life --- */

static void on_deadline(struct timer *timer) {
    struct connection *connection = LIST_ITEM(timer, struct connection, deadline);
    if (connection->state < CONNECTION_OPEN) {
        limit_reached(connection->broker, LIMIT_HANDSHAKE);
        log_write_about(&connection->broker->env->log, LOG_CATEGORY_CONNECTION, LOG_ERROR,
                        "closing AMQP connection %s: handshake_timeout", connection->name);
    }
    connection_end(connection, false);
}

void connection_set_deadline(struct connection *connection, int64_t timeout_ms) {
    timer_start(&connection->broker->timers, &connection->deadline,
                connection->broker->env->now_ms + timeout_ms, on_deadline);
}

struct connection *connection_create(struct broker *broker, const struct connection_peer *peer) {
    struct connection *connection = xcalloc(1, sizeof *connection);
    endpoint_init(&connection->endpoint, &connection_ops, &broker->endpoints, &broker->outbufs);
    connection->broker = broker;
    connection->state = CONNECTION_AWAIT_PROTOCOL_HEADER;
    connection->name = xmalloc(strlen(peer->name) + 1);
    strcpy(connection->name, peer->name);
    connection->peer_is_loopback = peer->is_loopback;
    connection->auth_mechanism = "";
    connection->connected_wall_ms = (uint64_t)broker->env->wall_ms;
    if (peer->tls != NULL)
        connection->tls = tls_peer_copy(peer->tls);
    connection->frame_max = broker->settings.initial_frame_max;
    list_init(&connection->broker_link);
    list_append(&broker->connections, &connection->broker_link);
    list_init(&connection->exclusive_queues);
    list_init(&connection->gate_link);
    list_init(&connection->fetch_link);
    outbuf_init(&connection->held, &broker->outbufs);
    if (broker->settings.handshake_timeout_ms > 0)
        connection_set_deadline(connection, broker->settings.handshake_timeout_ms);
    return connection;
}

/* The diagram in connection.h, a bit per state that may follow. */
static const unsigned edges[] = {
    [CONNECTION_AWAIT_PROTOCOL_HEADER] =
        1u << CONNECTION_AWAIT_START_OK | 1u << CONNECTION_DOOMED | 1u << CONNECTION_CLOSED,
    [CONNECTION_AWAIT_START_OK] = 1u << CONNECTION_AWAIT_TUNE_OK | 1u << CONNECTION_CLOSING |
                                  1u << CONNECTION_DOOMED | 1u << CONNECTION_CLOSED,
    [CONNECTION_AWAIT_TUNE_OK] =
        1u << CONNECTION_AWAIT_OPEN | 1u << CONNECTION_DOOMED | 1u << CONNECTION_CLOSED,
    [CONNECTION_AWAIT_OPEN] = 1u << CONNECTION_OPEN | 1u << CONNECTION_CLOSING |
                              1u << CONNECTION_DOOMED | 1u << CONNECTION_CLOSED,
    [CONNECTION_OPEN] =
        1u << CONNECTION_CLOSING | 1u << CONNECTION_CLOSE_OK_SENT | 1u << CONNECTION_CLOSED,
    [CONNECTION_CLOSING] = 1u << CONNECTION_CLOSED,
    [CONNECTION_CLOSE_OK_SENT] = 1u << CONNECTION_CLOSED,
    [CONNECTION_DOOMED] = 1u << CONNECTION_CLOSED,
    [CONNECTION_CLOSED] = 0,
};

void connection_set_state(struct connection *connection, enum connection_state state) {
    assert(edges[connection->state] & 1u << state);
    struct broker *broker = connection->broker;
    if (state == CONNECTION_OPEN) {
        broker->connection_count++;
        connection->user->connection_count++;
        connection->vhost->connection_count++;
        broker->counters.connections_opened++;
        timer_stop(&broker->timers, &connection->deadline);
    } else if (connection->state == CONNECTION_OPEN) {
        broker->connection_count--;
        connection->user->connection_count--;
        connection->vhost->connection_count--;
        broker->counters.connections_closed++;
    }
    connection->state = state;
}

struct channel *connection_find_channel(struct connection *connection, uint16_t number) {
    struct channel *channel = connection->last_channel;
    if (channel != NULL && channel->number == number)
        return channel;
    HASH_FIND(by_number, connection->channels, &number, sizeof number, channel);
    if (channel != NULL)
        connection->last_channel = channel;
    return channel;
}

void connection_doom(struct connection *connection, const char *reason) {
    if (connection->state == CONNECTION_DOOMED || connection->state == CONNECTION_CLOSED)
        return;
    log_write_about(&connection->broker->env->log, LOG_CATEGORY_CONNECTION, LOG_ERROR,
                    "closing AMQP connection %s: %s", connection->name, reason);
    connection_set_state(connection, CONNECTION_DOOMED);
    connection->discard_input = true;
    heartbeat_stop(connection);
    connection_set_deadline(connection, CONNECTION_SILENT_CLOSE_MS);
}

void connection_release_entities(struct connection *connection) {
    struct channel *channel, *next;
    HASH_ITER(by_number, connection->channels, channel, next) {
        channel_destroy(channel);
    }
    struct list *link;
    while ((link = list_first(&connection->exclusive_queues)) != NULL)
        vhost_remove_queue(LIST_ITEM(link, struct queue, exclusive_link));
}

void connection_end(struct connection *connection, bool reset) {
    if (connection->state == CONNECTION_CLOSED)
        return;
    connection_release_entities(connection);
    slow_login_abandon(connection);
    connection_set_state(connection, CONNECTION_CLOSED);
    heartbeat_stop(connection);
    timer_stop(&connection->broker->timers, &connection->deadline);
    list_remove(&connection->broker_link);
    connection->broker->counters.connections_ended++;
    gate_end(connection);
    fetch_end(connection);
    endpoint_close(&connection->endpoint, reset);
}

void connection_force_close(struct connection *connection, uint16_t reply_code,
                            const char *reason) {
    connection->current_method = AMQP_METHOD_UNKNOWN;
    if (connection->state == CONNECTION_OPEN)
        connection_fail(connection, reply_code, "%s", reason);
    else if (connection->state < CONNECTION_OPEN)
        connection_end(connection, false);
}

void connections_force_close_all(struct broker *broker, uint16_t reply_code, const char *reason) {
    LIST_FOR_EACH_SAFE(&broker->connections, at)
    connection_force_close(LIST_ITEM(at, struct connection, broker_link), reply_code, reason);
}
