/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client connection in two lives.  While the topology is set up it is synchronous:
 * connection_call() sends a method and waits for its answer.  Then connection_go_asynchronous()
 * makes it part of the loop: receive.h takes what comes in, and output is of two kinds,
 *
 *   control   small frames (acks, commits), copied into a buffer of the connection
 *   a batch   a run of published messages that stays where the producer rendered it
 *
 * Control frames go out between batches, never inside one.  A batch that the socket did not take at
 * once remains with the connection, and its producer waits (connection_is_ready).
 */
#ifndef LEVERET_PERF_CONNECTION_H
#define LEVERET_PERF_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/method.h"
#include "tools/leveret-perf/body.h"
#include "tools/leveret-perf/stream.h"
#include "tools/leveret-perf/uri.h"

struct perf;
struct producer;
struct consumer;

/* A channel belongs to one producer or one consumer; the other pointer is NULL. */
struct channel {
    struct connection *connection;
    uint16_t number;
    struct producer *producer;
    struct consumer *consumer;
    /* The content that is arriving. */
    bool is_return;
    bool redelivered;
    uint64_t delivery_tag;
    struct body_reader body;
};

struct connection {
    struct perf *perf;
    struct stream stream;
    uint32_t frame_max;
    bool blocked;     /* the broker said connection.blocked */
    bool paused;      /* not read for now: a consumer is faster than -R allows */
    uint32_t watched; /* events epoll waits for */

    uint8_t *control;
    size_t control_len;
    size_t control_size;
    const uint8_t *batch;
    size_t batch_left;
    bool batch_begun;

    uint8_t *leftover; /* the beginning of a frame that has not all arrived */
    size_t leftover_len;
    size_t leftover_size;
    uint32_t body_left; /* payload octets to come of a body frame that is taken piecemeal */
    struct channel *body_channel;

    struct channel *channels; /* numbers 1 to channel_count */
    uint16_t channel_count;
};

/* Connects, logs in and opens `channel_count` channels.  False after perf_fail(). */
bool connection_open(struct connection *connection, struct perf *perf, const struct uri *uri,
                     uint16_t channel_count);

/* Says connection.close, waits for the answer at most two seconds, frees everything. */
void connection_close(struct connection *connection);

/*
 * Sends a method and waits for the one that answers it.  False after perf_fail(): the broker
 * closed, answered something else or nothing within ten seconds.  Slices in the reply live until
 * the next call.
 */
bool connection_call(struct connection *connection, uint16_t channel,
                     const struct amqp_method *request, enum amqp_method_id expected,
                     struct amqp_method *ret_reply);

/* From now on the loop reads and writes.  False after perf_fail(). */
bool connection_go_asynchronous(struct connection *connection);

/* Room for a control frame; it must be filled at once and leaves with the next flush. */
uint8_t *connection_control_room(struct connection *connection, size_t len);

/* A method as a control frame. */
void connection_put_method(struct connection *connection, uint16_t channel,
                           const struct amqp_method *method);

/* True when a batch may be sent. */
static inline bool connection_is_ready(const struct connection *connection) {
    return connection->batch_left == 0 && !connection->blocked && connection->stream.fd >= 0;
}

/* Begins to send a batch; the connection is ready.  The octets must stay until it is ready again.
 */
void connection_send_batch(struct connection *connection, const uint8_t *batch, size_t len);

/* Writes what the socket takes. */
void connection_flush(struct connection *connection);

/* The broker's channel.close or connection.close: says what and why, ends the run. */
void connection_report_close(struct connection *connection, const struct amqp_method *method);

#endif
