/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   connection_feed
 *     feed_protocol_header      the first eight octets
 *     feed_frame                a complete frame -> on_frame -> method | header | body | heartbeat
 *     feed_body_part            inside a body frame that is longer than what has arrived
 *
 * Each returns the octets it used, 0 when it needs more. Invariants: nothing is used while the
 * connection is congested or blocked; borrowed content headers (content.h) never outlive one feed.
 */
#include "broker/protocol/input.h"

#include "amqp/frame.h"
#include "amqp/method.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/protocol/blocking.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/content.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/methods_connection.h"

/* A body frame is streamed when it is unfinished and at least this much of it is here. */
#define STREAM_PAYLOAD_MIN 4096u

/*
 * Work (broker.h) that one connection gets done in one turn. Little input can ask for much: a message
 * for ten thousand queues is forty octets. So others wait for a millisecond, and not for all of it.
 */
#define WORK_PER_TURN 32768u

#define METHOD_IDS_SIZE 4u /* class id and method id */

/* Class, weight and body size: with less RabbitMQ does not take a frame for a content header. */
#define CONTENT_HEADER_FIXED_SIZE 12u

/* --- frame errors --- */

/* RabbitMQ shows the payload of a bad frame as an Erlang binary, its first 16 octets at most. */
static void append_snippet(struct text *text, uint8_t type, struct slice payload) {
    bool whole = payload.len <= 16;
    text_append_format(text, "type %u, %s octets = ", type, whole ? "all" : "first 16");
    text_append_erlang_binary(text, whole ? payload : slice_of(payload.data, 16));
}

/* A frame that is none of ours; the next one may be. */
static void fail_frame(struct connection *connection, uint16_t reply_code, struct text *text) {
    connection->current_method = AMQP_METHOD_UNKNOWN;
    connection_fail(connection, reply_code, "%s", text_chars(text));
    text_clear(text);
}

/* Input is not understood any further: what follows is discarded and TCP closed after 3 s. */
static void fail_framing(struct connection *connection, struct text *text) {
    fail_frame(connection, AMQP_FRAME_ERROR, text);
    connection->discard_input = true;
    if (connection->state == CONNECTION_CLOSING)
        connection_set_deadline(connection, CONNECTION_SILENT_CLOSE_MS);
}

static void fail_frame_too_large(struct connection *connection, struct frame_header header,
                                 uint32_t limit) {
    struct text text = {0};
    limit_reached(connection->broker,
                  connection->state < CONNECTION_OPEN ? LIMIT_INITIAL_FRAME : LIMIT_FRAME);
    append_snippet(&text, header.type, (struct slice){0});
    text_append_format(&text, ": {frame_too_large,%u,%u}", header.size,
                       limit - AMQP_FRAME_OVERHEAD);
    fail_framing(connection, &text);
}

static void fail_frame_end(struct connection *connection, uint8_t type, struct slice payload,
                           uint8_t end) {
    struct text text = {0};
    append_snippet(&text, type, payload);
    text_append_format(&text, ": {invalid_frame_end_marker,%u}", end);
    fail_framing(connection, &text);
}

static void fail_unknown_frame(struct connection *connection, uint8_t type, struct slice payload) {
    struct text text = {0};
    append_snippet(&text, type, payload);
    text_append(&text, SLICE(": unknown_frame"));
    fail_frame(connection, AMQP_FRAME_ERROR, &text);
}

static void fail_unexpected_frame(struct connection *connection, uint8_t type,
                                  struct slice payload) {
    struct text text = {0};
    append_snippet(&text, type, payload);
    fail_frame(connection, AMQP_UNEXPECTED_FRAME, &text);
}

/* --- methods --- */

static void fail_undecodable(struct connection *connection, enum amqp_decode_result result,
                             struct slice payload) {
    struct text text = {0};
    switch (result) {
    case AMQP_DECODE_MALFORMED:
        text_append_erlang_binary(&text, slice_of(payload.data + 4, payload.len - 4));
        connection_fail(connection, AMQP_FRAME_ERROR, "cannot decode %s", text_chars(&text));
        break;
    case AMQP_DECODE_BAD_UTF8:
        connection->current_method = AMQP_METHOD_UNKNOWN;
        connection_fail(connection, AMQP_FRAME_ERROR, "Malformed UTF-8 in shortstr");
        break;
    case AMQP_DECODE_BAD_TABLE:
        limit_reached(connection->broker, LIMIT_TABLE);
        connection_fail(connection, AMQP_SYNTAX_ERROR, "invalid field table");
        break;
    default:
        connection_fail(connection, AMQP_COMMAND_INVALID, "unimplemented method");
        break;
    }
    text_clear(&text);
}

/* A method that interrupts a content is blamed on basic.publish, as in RabbitMQ. */
static bool channel_expects_method(struct connection *connection, const struct channel *channel) {
    if (channel == NULL || channel->state != CHANNEL_OPEN || channel->expectation == EXPECT_METHOD)
        return true;
    connection->current_method = AMQP_BASIC_PUBLISH;
    if (channel->expectation == EXPECT_HEADER)
        connection_fail(connection, AMQP_UNEXPECTED_FRAME,
                        "expected content header for class 60, got non content header frame "
                        "instead");
    else
        connection_fail(connection, AMQP_UNEXPECTED_FRAME,
                        "expected content body, got non content body frame instead");
    return false;
}

static void on_method_frame(struct connection *connection, uint16_t channel_number,
                            struct slice payload) {
    struct channel *channel = connection_find_channel(connection, channel_number);
    if (!channel_expects_method(connection, channel))
        return;
    struct amqp_method method;
    enum amqp_decode_result result = amqp_method_decode(payload, &method);
    connection->current_method = method.id;
    if (result == AMQP_DECODED)
        dispatch_method(connection, channel_number, channel, &method);
    else
        fail_undecodable(connection, result, payload);
}

/* --- contents --- */

/* The channel that takes this content frame; NULL when it is to be ignored or was an error. */
static struct channel *content_channel(struct connection *connection, uint16_t channel_number,
                                       uint8_t type) {
    struct channel *channel = connection_find_channel(connection, channel_number);
    if (channel != NULL && channel->state != CHANNEL_OPEN)
        return NULL;
    if (channel == NULL || channel->expectation == EXPECT_METHOD) {
        connection->current_method = AMQP_METHOD_UNKNOWN;
        connection_fail(connection, AMQP_UNEXPECTED_FRAME,
                        "expected method frame, got non method frame instead");
        return NULL;
    }
    connection->current_method = AMQP_BASIC_PUBLISH;
    if (channel->expectation == EXPECT_HEADER && type != AMQP_FRAME_HEADER) {
        connection_fail(connection, AMQP_UNEXPECTED_FRAME,
                        "expected content header for class 60, got non content header frame "
                        "instead");
        return NULL;
    }
    if (channel->expectation == EXPECT_BODY && type != AMQP_FRAME_BODY) {
        connection_fail(connection, AMQP_UNEXPECTED_FRAME,
                        "expected content body, got non content body frame instead");
        return NULL;
    }
    return channel;
}

static void on_content_frame(struct connection *connection, struct frame_header header,
                             struct slice payload) {
    if (header.channel == 0) {
        fail_unexpected_frame(connection, header.type, payload);
        return;
    }
    if (connection->state > CONNECTION_OPEN)
        return;
    struct channel *channel = content_channel(connection, header.channel, header.type);
    if (channel == NULL)
        return;
    if (header.type == AMQP_FRAME_BODY)
        content_on_body(channel, payload);
    else
        content_on_header(channel, payload);
    blocking_on_publish(connection);
}

/* Has it the parts that every frame of its type has (rabbit_command_assembler:analyze_frame)? */
static bool frame_is_known(struct frame_header header, struct slice payload) {
    switch (header.type) {
    case AMQP_FRAME_METHOD:
        return payload.len >= METHOD_IDS_SIZE;
    case AMQP_FRAME_HEADER:
        return payload.len >= CONTENT_HEADER_FIXED_SIZE;
    case AMQP_FRAME_BODY:
        return true;
    case AMQP_FRAME_HEARTBEAT:
        return payload.len == 0;
    default:
        return false;
    }
}

static void on_known_frame(struct connection *connection, struct frame_header header,
                           struct slice payload) {
    if (header.type == AMQP_FRAME_METHOD)
        on_method_frame(connection, header.channel, payload);
    else if (header.type != AMQP_FRAME_HEARTBEAT)
        on_content_frame(connection, header, payload);
    else if (header.channel != 0)
        fail_unexpected_frame(connection, header.type, payload);
}

static void on_frame(struct connection *connection, struct frame_header header,
                     struct slice payload) {
    if (header.channel != 0 && connection->state < CONNECTION_OPEN)
        fail_unexpected_frame(connection, header.type, payload);
    else if (frame_is_known(header, payload))
        on_known_frame(connection, header, payload);
    else
        fail_unknown_frame(connection, header.type, payload);
}

/* --- frames out of octets --- */

/* RabbitMQ compares the payload with frame-max, so eight octets too many pass. */
static uint32_t frame_limit(const struct connection *connection) {
    return connection->frame_max;
}

/* True when the unfinished body frame at hand is worth starting on. */
static bool can_stream(struct connection *connection, struct frame_header header,
                       size_t available) {
    if (header.type != AMQP_FRAME_BODY || available < STREAM_PAYLOAD_MIN ||
        connection->state != CONNECTION_OPEN)
        return false;
    struct channel *channel = connection_find_channel(connection, header.channel);
    return channel != NULL && channel->state == CHANNEL_OPEN &&
           channel->expectation == EXPECT_BODY && content_has_room(channel, header.size);
}

static size_t begin_streaming(struct connection *connection, struct frame_header header) {
    connection->streaming = true;
    connection->streaming_channel = header.channel;
    connection->streaming_remaining = header.size;
    return AMQP_FRAME_HEAD_SIZE;
}

static size_t feed_frame(struct connection *connection, struct slice bytes) {
    if (bytes.len < AMQP_FRAME_HEAD_SIZE)
        return 0;
    struct frame_header header = frame_header_decode(bytes.data);
    if (header.size > frame_limit(connection)) {
        fail_frame_too_large(connection, header, frame_limit(connection));
        return AMQP_FRAME_HEAD_SIZE;
    }
    size_t frame_len = (size_t)header.size + AMQP_FRAME_OVERHEAD;
    if (bytes.len < frame_len) {
        if (can_stream(connection, header, bytes.len - AMQP_FRAME_HEAD_SIZE))
            return begin_streaming(connection, header);
        return 0;
    }
    struct slice payload = slice_of(bytes.data + AMQP_FRAME_HEAD_SIZE, header.size);
    if (bytes.data[frame_len - 1] != AMQP_FRAME_END)
        fail_frame_end(connection, header.type, payload, bytes.data[frame_len - 1]);
    else
        on_frame(connection, header, payload);
    return frame_len;
}

/* The channel may have been failed or closed while its frame was still arriving. */
static void on_body_part(struct connection *connection, struct slice octets) {
    struct channel *channel = connection_find_channel(connection, connection->streaming_channel);
    if (channel == NULL || channel->state != CHANNEL_OPEN || channel->expectation != EXPECT_BODY)
        return;
    connection->current_method = AMQP_BASIC_PUBLISH;
    content_on_body(channel, octets);
    blocking_on_publish(connection);
}

/*
 * The end octet is checked before the last part is handed on, so that a body whose frame is broken is
 * never published; hence the last part waits for it.
 */
static size_t feed_body_part(struct connection *connection, struct slice bytes) {
    if (bytes.len <= connection->streaming_remaining) {
        size_t len = bytes.len < connection->streaming_remaining ? bytes.len : bytes.len - 1;
        connection->streaming_remaining -= (uint32_t)len;
        if (len > 0)
            on_body_part(connection, slice_of(bytes.data, len));
        return len;
    }
    struct slice last = slice_of(bytes.data, connection->streaming_remaining);
    connection->streaming = false;
    if (bytes.data[last.len] != AMQP_FRAME_END)
        fail_frame_end(connection, AMQP_FRAME_BODY, last, bytes.data[last.len]);
    else
        on_body_part(connection, last);
    return last.len + 1;
}

static size_t feed_protocol_header(struct connection *connection, struct slice bytes) {
    if (bytes.len < AMQP_PROTOCOL_HEADER_SIZE)
        return 0;
    if (protocol_header_is_accepted(protocol_header_check(bytes.data))) {
        log_write_about(&connection->broker->env->log, LOG_CATEGORY_CONNECTION, LOG_INFO,
                        "accepting AMQP connection %s", connection->name);
        connection_set_state(connection, CONNECTION_AWAIT_START_OK);
        send_connection_start(connection);
        return AMQP_PROTOCOL_HEADER_SIZE;
    }
    log_write_about(&connection->broker->env->log, LOG_CATEGORY_CONNECTION, LOG_ERROR,
                    "connection %s: unsupported protocol header", connection->name);
    outbuf_append(&connection->endpoint.output,
                  slice_of(AMQP_PROTOCOL_HEADER, AMQP_PROTOCOL_HEADER_SIZE));
    connection_end(connection, false);
    return bytes.len;
}

static bool wants_input(const struct connection *connection) {
    return !connection->endpoint.input_paused && !connection->endpoint.congested &&
           connection->state != CONNECTION_CLOSED;
}

static size_t feed_next(struct connection *connection, struct slice bytes) {
    if (connection->discard_input || connection->state == CONNECTION_CLOSE_OK_SENT)
        return bytes.len;
    if (connection->state == CONNECTION_AWAIT_PROTOCOL_HEADER)
        return feed_protocol_header(connection, bytes);
    if (connection->streaming)
        return feed_body_part(connection, bytes);
    return feed_frame(connection, bytes);
}

size_t connection_feed(struct endpoint *endpoint, struct slice bytes) {
    struct connection *connection = connection_of_endpoint(endpoint);
    uint64_t work_end = connection->broker->work + WORK_PER_TURN;
    size_t used = 0, len = 0;
    while (used < bytes.len && wants_input(connection)) {
        len = feed_next(connection, slice_of(bytes.data + used, bytes.len - used));
        if (len == 0)
            break;
        used += len;
        endpoint_is_congested(endpoint);
        if (connection->broker->work >= work_end) {
            endpoint_yield(endpoint);
            break;
        }
    }
    if (connection->repeats_frame) { /* it waits for a message on disk (fetch.h) */
        connection->repeats_frame = false;
        used -= len;
    }
    if (connection->borrowing_channel != NULL)
        content_keep(connection->borrowing_channel);
    return used;
}
