/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "amqp/cursor.h"
#include "amqp/frame.h"
#include "broker/base/alloc.h"
#include "tools/leveret-perf/connection.h"
#include "tools/leveret-perf/consumer.h"
#include "tools/leveret-perf/perf.h"
#include "tools/leveret-perf/producer.h"

#define METHOD_NUMBER(class_id, method_id) ((uint32_t)(class_id) << 16 | (uint32_t)(method_id))
#define BASIC_RETURN                       METHOD_NUMBER(60, 50)
#define BASIC_DELIVER                      METHOD_NUMBER(60, 60)
#define BASIC_ACK                          METHOD_NUMBER(60, 80)
#define BASIC_NACK                         METHOD_NUMBER(60, 120)

static void fail_malformed(struct connection *connection) {
    perf_fail(connection->perf, PERF_EXIT_CONNECTION, "the broker sent octets that are no AMQP");
}

/* NULL for channel 0 and for a number we never opened. */
static struct channel *find_channel(struct connection *connection, uint16_t number) {
    if (number == 0 || number > connection->channel_count)
        return NULL;
    return &connection->channels[number - 1];
}

/* -- Rare methods ------------------------------------------------------------------------------ */

static void on_cancel(struct channel *channel, const struct amqp_method *method) {
    perf_fail(channel->connection->perf, PERF_EXIT_CHANNEL,
              "the broker cancelled consumer " SLICE_FMT,
              SLICE_ARG(method->basic_cancel.consumer_tag));
}

static void on_blocked(struct connection *connection, const struct amqp_method *method) {
    fprintf(stderr, "leveret-perf: blocked by the broker: " SLICE_FMT "\n",
            SLICE_ARG(method->connection_blocked.reason));
    connection->blocked = true;
}

static void on_unblocked(struct connection *connection) {
    fprintf(stderr, "leveret-perf: no longer blocked\n");
    connection->blocked = false;
}

static void answer_flow(struct connection *connection, uint16_t channel,
                        const struct amqp_method *method) {
    struct amqp_method flow_ok = {.id = AMQP_CHANNEL_FLOW_OK};

    flow_ok.channel_flow_ok.active = method->channel_flow.active;
    connection_put_method(connection, channel, &flow_ok);
}

static void on_channel_method(struct channel *channel, const struct amqp_method *method) {
    if (method->id == AMQP_BASIC_CONSUME_OK && channel->consumer != NULL)
        channel->connection->perf->subscribed++;
    else if (method->id == AMQP_TX_COMMIT_OK && channel->producer != NULL)
        producer_on_commit_ok(channel->producer);
    else if (method->id == AMQP_BASIC_CANCEL)
        on_cancel(channel, method);
    else if (method->id == AMQP_CHANNEL_FLOW)
        answer_flow(channel->connection, channel->number, method);
    else
        perf_fail(channel->connection->perf, PERF_EXIT_CONNECTION,
                  "the broker sent a surprising %s", amqp_method_name(method->id));
}

static void on_rare_method(struct connection *connection, uint16_t number, struct slice payload) {
    struct channel *channel = find_channel(connection, number);
    struct amqp_method method;

    if (amqp_method_decode(payload, &method) != AMQP_DECODED)
        fail_malformed(connection);
    else if (method.id == AMQP_CONNECTION_CLOSE || method.id == AMQP_CHANNEL_CLOSE)
        connection_report_close(connection, &method);
    else if (method.id == AMQP_CONNECTION_BLOCKED)
        on_blocked(connection, &method);
    else if (method.id == AMQP_CONNECTION_UNBLOCKED)
        on_unblocked(connection);
    else if (channel != NULL)
        on_channel_method(channel, &method);
    else
        fail_malformed(connection);
}

/* -- Frequent methods -------------------------------------------------------------------------- */

/* Consumer tag, delivery tag, redelivered; exchange and routing key are not looked at. */
static void on_deliver(struct channel *channel, struct cursor *arguments) {
    cursor_shortstr(arguments);
    channel->delivery_tag = cursor_u64(arguments);
    channel->redelivered = cursor_u8(arguments) != 0;
    channel->is_return = false;
    if (cursor_failed(arguments) || channel->consumer == NULL)
        fail_malformed(channel->connection);
}

static void on_confirm(struct channel *channel, struct cursor *arguments, bool is_nack) {
    uint64_t tag = cursor_u64(arguments);
    bool multiple = (cursor_u8(arguments) & 1) != 0;

    if (cursor_failed(arguments) || channel->producer == NULL)
        fail_malformed(channel->connection);
    else
        producer_on_confirm(channel->producer, tag, multiple, is_nack);
}

static void on_method(struct connection *connection, uint16_t number, struct slice payload) {
    struct cursor arguments = cursor_over(payload);
    uint32_t method = cursor_u32(&arguments);
    struct channel *channel = find_channel(connection, number);

    if (channel != NULL && method == BASIC_DELIVER)
        on_deliver(channel, &arguments);
    else if (channel != NULL && (method == BASIC_ACK || method == BASIC_NACK))
        on_confirm(channel, &arguments, method == BASIC_NACK);
    else if (channel != NULL && method == BASIC_RETURN)
        channel->is_return = true;
    else
        on_rare_method(connection, number, payload);
}

/* -- Content ----------------------------------------------------------------------------------- */

static void on_content_complete(struct channel *channel) {
    if (channel->is_return)
        channel->connection->perf->counters.returned++;
    else
        consumer_on_message(channel->consumer);
}

static void on_header(struct connection *connection, uint16_t number, struct slice payload) {
    struct channel *channel = find_channel(connection, number);
    struct cursor cursor = cursor_over(payload);
    uint64_t size;

    cursor_u32(&cursor); /* class and weight */
    size = cursor_u64(&cursor);
    if (channel == NULL || cursor_failed(&cursor)) {
        fail_malformed(connection);
        return;
    }
    body_reader_begin(&channel->body, size);
    if (size == 0)
        on_content_complete(channel);
}

static void on_body(struct connection *connection, struct channel *channel, const uint8_t *piece,
                    size_t len) {
    struct body_reader *body = &channel->body;
    uint64_t missing = body->size - body->received;

    if (len > missing || missing == 0) {
        fail_malformed(connection);
        return;
    }
    body_reader_take(body, &connection->perf->pattern, piece, len);
    if (body->received == body->size)
        on_content_complete(channel);
}

/* -- Frames ------------------------------------------------------------------------------------ */

/*
 * A body frame of which only a part has arrived: takes that part, the head included.  The last
 * octet of the payload waits for the end octet, so that a message is complete with its last frame.
 */
static size_t begin_partial_body(struct connection *connection, const uint8_t *at, size_t len,
                                 const struct frame_header *head) {
    size_t piece = len - AMQP_FRAME_HEAD_SIZE;

    connection->body_channel = find_channel(connection, head->channel);
    if (connection->body_channel == NULL || head->size == 0) {
        fail_malformed(connection);
        return 0;
    }
    if (piece > head->size - 1)
        piece = head->size - 1;
    connection->body_left = head->size - (uint32_t)piece;
    on_body(connection, connection->body_channel, at + AMQP_FRAME_HEAD_SIZE, piece);
    return AMQP_FRAME_HEAD_SIZE + piece;
}

/* The next part of such a frame; 0 when it cannot be taken yet. */
static size_t continue_partial_body(struct connection *connection, const uint8_t *at, size_t len) {
    uint32_t left = connection->body_left;
    size_t piece;

    if (len > left) {
        if (at[left] != AMQP_FRAME_END)
            fail_malformed(connection);
        connection->body_left = 0;
        on_body(connection, connection->body_channel, at, left);
        return left + 1;
    }
    piece = len < left ? len : left - 1;
    connection->body_left -= (uint32_t)piece;
    on_body(connection, connection->body_channel, at, piece);
    return piece;
}

static void on_frame(struct connection *connection, const struct frame_header *head,
                     const uint8_t *payload) {
    switch (head->type) {
    case AMQP_FRAME_METHOD:
        on_method(connection, head->channel, slice_of(payload, head->size));
        break;
    case AMQP_FRAME_HEADER:
        on_header(connection, head->channel, slice_of(payload, head->size));
        break;
    case AMQP_FRAME_BODY: {
        struct channel *channel = find_channel(connection, head->channel);
        if (channel == NULL)
            fail_malformed(connection);
        else
            on_body(connection, channel, payload, head->size);
        break;
    }
    case AMQP_FRAME_HEARTBEAT:
        break;
    default:
        fail_malformed(connection);
    }
}

/* Takes one frame or a part of a body frame; 0 when more octets are needed or something failed. */
static size_t take_frame(struct connection *connection, const uint8_t *at, size_t len) {
    struct frame_header head;
    size_t total;

    if (connection->body_left > 0)
        return len == 0 ? 0 : continue_partial_body(connection, at, len);
    if (len < AMQP_FRAME_OVERHEAD)
        return 0;
    head = frame_header_decode(at);
    total = (size_t)head.size + AMQP_FRAME_OVERHEAD;
    if (total > connection->frame_max) {
        fail_malformed(connection);
        return 0;
    }
    if (total > len)
        return head.type == AMQP_FRAME_BODY ? begin_partial_body(connection, at, len, &head) : 0;
    if (at[total - 1] != AMQP_FRAME_END)
        fail_malformed(connection);
    on_frame(connection, &head, at + AMQP_FRAME_HEAD_SIZE);
    return total;
}

/* -- Reads ------------------------------------------------------------------------------------- */

static void keep_leftover(struct connection *connection, const uint8_t *at, size_t len) {
    if (len > connection->leftover_size) {
        free(connection->leftover);
        connection->leftover = xmalloc(len);
        connection->leftover_size = len;
    }
    connection->leftover_len = len;
    if (len > 0)
        memcpy(connection->leftover, at, len);
}

/* Takes what stands in the shared buffer until it is used up, incomplete or the consumer pauses. */
static void take_all(struct connection *connection, size_t len) {
    struct perf *perf = connection->perf;
    size_t at = 0;

    while (!connection->paused && perf->exit_code == 0) {
        size_t taken = take_frame(connection, perf->buffer + at, len - at);
        if (taken == 0)
            break;
        at += taken;
    }
    keep_leftover(connection, perf->buffer + at, len - at);
    latency_flush(&perf->delivery_latency, perf->now_ns);
    latency_flush(&perf->confirm_latency, perf->now_ns);
}

/* The leftover goes to the front of the shared buffer; its length. */
static size_t restore_leftover(struct connection *connection) {
    if (connection->leftover_len > 0)
        memcpy(connection->perf->buffer, connection->leftover, connection->leftover_len);
    return connection->leftover_len;
}

static void receive_once(struct connection *connection) {
    struct perf *perf = connection->perf;
    size_t kept = restore_leftover(connection);
    ssize_t received =
        stream_receive(&connection->stream, perf->buffer + kept, PERF_BUFFER_SIZE - kept);

    if (received > 0) {
        perf->now_ns = perf_clock_ns();
        take_all(connection, kept + (size_t)received);
    } else if (received == 0) {
        perf_fail(perf, PERF_EXIT_CONNECTION, "the broker dropped the connection");
    } else if (errno != EAGAIN && errno != EINTR) {
        perf_fail(perf, PERF_EXIT_CONNECTION, "receiving: %s", strerror(errno));
    }
}

/* The socket does not tell of what TLS still holds. */
static void receive_unread(struct connection *connection) {
    while (stream_has_unread(&connection->stream) && !connection->paused &&
           connection->perf->exit_code == 0)
        receive_once(connection);
}

void receive(struct connection *connection) {
    receive_once(connection);
    receive_unread(connection);
}

void receive_resume(struct connection *connection) {
    connection->paused = false;
    take_all(connection, restore_leftover(connection));
    receive_unread(connection);
}
