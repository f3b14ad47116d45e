/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeats (compat 1.8), two timers per connection.
 *
 *   send     every H/2: a frame, unless octets have left or wait to leave since the last look. The
 *            first look always sends, as RabbitMQ does. Our own heartbeat is no traffic.
 *   receive  every H: no octet in two consecutive intervals, and the peer is dead. The first look
 *            counts as traffic, so a peer is dropped between 2H and 3H after its last octet. While
 *            the connection is congested it is not read from: then what the peer takes or has sent
 *            counts where it waits, in the kernel - a slow reader may take a socket's buffer at a
 *            time, in longer than H.
 */
#include "broker/protocol/heartbeat.h"

#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/send.h"

static void on_send_look(struct timer *timer);

/* `timer` is one of the connection's own. */
static void look_in(struct connection *connection, struct timer *timer, int64_t interval_ms,
                    timer_callback *on_look) {
    struct broker *broker = connection->broker;

    timer_start(&broker->timers, timer, broker->env->now_ms + interval_ms, on_look);
}

static void wait_to_send(struct connection *connection, timer_callback *on_look) {
    look_in(connection, &connection->heartbeat_send, connection->heartbeat_s * 500, on_look);
}

/* The next look expects to find that all output of now has left, and this frame, but no more. */
static void send_and_wait(struct connection *connection) {
    struct endpoint *endpoint = &connection->endpoint;

    connection->sent_at_last_tick =
        endpoint->sent_bytes + outbuf_size(&endpoint->output) + AMQP_FRAME_OVERHEAD;
    send_heartbeat(connection);
    wait_to_send(connection, on_send_look);
}

static void on_send_look(struct timer *timer) {
    struct connection *connection = LIST_ITEM(timer, struct connection, heartbeat_send);
    struct endpoint *endpoint = &connection->endpoint;

    /* Output that does not get away will be a sign of life when it does: no frame behind it. */
    if (endpoint->sent_bytes == connection->sent_at_last_tick &&
        outbuf_size(&endpoint->output) == 0) {
        send_and_wait(connection);
        return;
    }
    connection->sent_at_last_tick = endpoint->sent_bytes;
    wait_to_send(connection, on_send_look);
}

static void on_first_send_look(struct timer *timer) {
    send_and_wait(LIST_ITEM(timer, struct connection, heartbeat_send));
}

static void on_receive_look(struct timer *timer);

static void wait_to_receive(struct connection *connection) {
    look_in(connection, &connection->heartbeat_receive, connection->heartbeat_s * 1000,
            on_receive_look);
}

static void on_receive_look(struct timer *timer) {
    struct connection *connection = LIST_ITEM(timer, struct connection, heartbeat_receive);
    const struct endpoint *endpoint = &connection->endpoint;
    bool received = endpoint->received_bytes != connection->received_at_last_tick;
    uint64_t progress = endpoint->congested ? endpoint_progress(endpoint) : 0;
    bool moved = endpoint->congested && progress != connection->progress_at_last_receive_tick;
    bool missed = !received && !moved;

    if (missed && connection->missed_one_interval) {
        limit_reached(connection->broker, LIMIT_HEARTBEAT);
        log_write_about(&connection->broker->env->log, LOG_CATEGORY_CONNECTION, LOG_ERROR,
                        "closing AMQP connection %s: missed heartbeats from client, timeout: %us",
                        connection->name, connection->heartbeat_s);
        connection_end(connection, true);
        return;
    }
    connection->missed_one_interval = missed;
    connection->received_at_last_tick = endpoint->received_bytes;
    connection->progress_at_last_receive_tick = progress;
    wait_to_receive(connection);
}

void heartbeat_start(struct connection *connection) {
    if (connection->heartbeat_s == 0)
        return;
    wait_to_send(connection, on_first_send_look);
    heartbeat_resume_receive(connection);
}

void heartbeat_pause_receive(struct connection *connection) {
    timer_stop(&connection->broker->timers, &connection->heartbeat_receive);
}

void heartbeat_resume_receive(struct connection *connection) {
    if (connection->heartbeat_s == 0)
        return;
    connection->received_at_last_tick = 0;
    connection->missed_one_interval = false;
    wait_to_receive(connection);
}

void heartbeat_stop(struct connection *connection) {
    timer_stop(&connection->broker->timers, &connection->heartbeat_send);
    timer_stop(&connection->broker->timers, &connection->heartbeat_receive);
}
