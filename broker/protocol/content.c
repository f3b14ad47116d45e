/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/content.h"

#include <inttypes.h>

#include "amqp/properties.h"
#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/publish.h"

void content_expect(struct channel *channel) {
    channel->expectation = EXPECT_HEADER;
}

/* The limit as RabbitMQ words it: its own ceiling has a text of its own (compat 2.11). */
static bool check_message_size(struct channel *channel, uint64_t body_size) {
    uint64_t limit = channel->connection->broker->settings.max_message_size;
    if (body_size <= limit)
        return true;
    limit_reached(channel->connection->broker, LIMIT_MESSAGE_SIZE);
    channel_fail(channel, AMQP_PRECONDITION_FAILED,
                 limit >= AMQP_BODY_SIZE_MAX
                     ? "message size %" PRIu64 " is larger than max size %" PRIu64
                     : "message size %" PRIu64 " is larger than configured max size %" PRIu64,
                 body_size, limit);
    return false;
}

/* Compat 1.9. False when the connection or the channel was failed. */
static bool check_header(struct channel *channel, const struct amqp_content_header *header) {
    struct connection *connection = channel->connection;
    if (header->weight != 0) {
        connection_fail(connection, AMQP_UNEXPECTED_FRAME,
                        "expected content header for class 60, got non content header frame "
                        "instead");
        return false;
    }
    if (header->class_id != AMQP_CLASS_BASIC) {
        connection_fail(connection, AMQP_UNEXPECTED_FRAME,
                        "expected content header for class 60, got one for class %u instead",
                        header->class_id);
        return false;
    }
    if (header->body_size > AMQP_BODY_SIZE_MAX) {
        limit_reached(connection->broker, LIMIT_BODY_SIZE);
        connection_fail(connection, AMQP_FRAME_ERROR,
                        "content body size %" PRIu64 " exceeds maximum allowed size %u",
                        header->body_size, AMQP_BODY_SIZE_MAX);
        return false;
    }
    return true;
}

static void fail_properties(struct connection *connection) {
    connection->current_method = AMQP_METHOD_UNKNOWN;
    connection_fail(connection, AMQP_INTERNAL_ERROR, "%s", "");
}

static void fail_memory(struct channel *channel) {
    connection_fail_memory(channel->connection);
}

static struct message *create_message(struct channel *channel, struct slice body) {
    struct publisher *publisher = channel->publisher;
    return message_create(&channel->connection->broker->messages,
                          slice_of(publisher->exchange, publisher->exchange_len),
                          slice_of(publisher->routing_key, publisher->routing_key_len),
                          publisher->header_payload, body);
}

static void stop_borrowing(struct channel *channel) {
    channel->publisher->borrowed = false;
    channel->connection->borrowing_channel = NULL;
}

/* Contents of two channels may interleave; only the one that came last stays borrowed. */
static bool borrow_header(struct channel *channel, struct slice payload) {
    struct connection *connection = channel->connection;
    if (connection->borrowing_channel != NULL && !content_keep(connection->borrowing_channel))
        return false;
    channel->publisher->header_payload = payload;
    channel->publisher->borrowed = true;
    connection->borrowing_channel = channel;
    return true;
}

static void finish(struct channel *channel, struct message *message) {
    channel->publisher->message = NULL;
    channel->expectation = EXPECT_METHOD;
    if (message == NULL)
        fail_memory(channel);
    else
        publish_message(channel, message);
}

static void finish_inline(struct channel *channel, struct slice body) {
    struct message *message = create_message(channel, body);
    stop_borrowing(channel);
    finish(channel, message);
}

void content_on_header(struct channel *channel, struct slice payload) {
    struct amqp_content_header header;
    if (!amqp_content_header_decode(payload, &header)) {
        fail_properties(channel->connection);
        return;
    }
    if (!check_header(channel, &header))
        return;
    if (!amqp_properties_are_valid(header.flags, header.properties)) {
        fail_properties(channel->connection);
        return;
    }
    if (!check_message_size(channel, header.body_size))
        return;
    channel->publisher->body_size = header.body_size;
    if (!borrow_header(channel, payload))
        return;
    if (header.body_size == 0)
        finish_inline(channel, (struct slice){0});
    else
        channel->expectation = EXPECT_BODY;
}

bool content_keep(struct channel *channel) {
    struct message *message = create_message(channel, (struct slice){0});
    stop_borrowing(channel);
    channel->publisher->message = message;
    if (message == NULL)
        fail_memory(channel);
    return message != NULL;
}

static uint64_t missing_octets(const struct channel *channel) {
    const struct publisher *publisher = channel->publisher;
    return publisher->body_size -
           (publisher->message != NULL ? message_body_present(publisher->message) : 0);
}

bool content_has_room(const struct channel *channel, uint32_t octets) {
    return octets <= missing_octets(channel);
}

/* --- how much is unfinished (bar S3) --- */

/* The largest message may come on two channels of a connection at once; all connections together get a
 * twentieth of the memory limit, or as much as one may have. */
#define ASSEMBLY_MESSAGES_MAX   2
#define ASSEMBLY_PART_OF_MEMORY 20

static uint64_t connection_assembly_max(const struct broker *broker) {
    return broker->settings.max_message_size * ASSEMBLY_MESSAGES_MAX;
}

static uint64_t node_assembly_max(const struct broker *broker) {
    uint64_t part = broker->resources.memory_limit / ASSEMBLY_PART_OF_MEMORY;
    uint64_t least = connection_assembly_max(broker);
    return part > least ? part : least;
}

static void count_assembling(struct channel *channel, uint64_t octets) {
    channel->connection->assembling_bytes += octets;
    channel->connection->broker->assembling_bytes += octets;
}

static void forget_assembling(struct channel *channel, uint64_t octets) {
    channel->connection->assembling_bytes -= octets;
    channel->connection->broker->assembling_bytes -= octets;
}

static struct connection *biggest_assembler(const struct broker *broker) {
    struct connection *biggest = NULL;
    LIST_FOR_EACH(&broker->connections, at) {
        struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (biggest == NULL || connection->assembling_bytes > biggest->assembling_bytes)
            biggest = connection;
    }
    return biggest;
}

static void fail_assembler(struct connection *connection, enum limit which, uint64_t limit,
                           const char *whose) {
    limit_reached(connection->broker, which);
    connection->current_method = AMQP_BASIC_PUBLISH;
    connection_fail(connection, AMQP_RESOURCE_ERROR,
                    "unfinished messages of more than %" PRIu64 " octets %s", limit, whose);
}

/* Many channels, or many connections, may each have a body under way. */
static void check_assembling(struct channel *channel) {
    struct connection *connection = channel->connection;
    const struct broker *broker = connection->broker;
    if (connection->assembling_bytes > connection_assembly_max(broker))
        fail_assembler(connection, LIMIT_CONNECTION_ASSEMBLY, connection_assembly_max(broker),
                       "on one connection");
    else if (broker->assembling_bytes > node_assembly_max(broker))
        fail_assembler(biggest_assembler(broker), LIMIT_NODE_ASSEMBLY, node_assembly_max(broker),
                       "in the broker, most of them here");
}

void content_forget(struct channel *channel) {
    const struct publisher *publisher = channel->publisher;
    if (publisher != NULL && publisher->message != NULL)
        forget_assembling(channel, message_body_present(publisher->message));
}

static void append_octets(struct channel *channel, struct slice octets) {
    if (channel->publisher->borrowed && !content_keep(channel))
        return;
    struct message *message = channel->publisher->message;
    uint64_t before = message_body_present(message);
    bool is_appended = message_append_body(message, octets);
    count_assembling(channel, message_body_present(message) - before);
    if (!is_appended) {
        fail_memory(channel);
    } else if (message_is_complete(message)) {
        forget_assembling(channel, message_body_present(message));
        finish(channel, message);
    } else {
        check_assembling(channel);
    }
}

void content_on_body(struct channel *channel, struct slice octets) {
    struct publisher *publisher = channel->publisher;
    if (octets.len > missing_octets(channel)) {
        connection_fail(channel->connection, AMQP_FRAME_ERROR,
                        "content body frame exceeds remaining content size");
        return;
    }
    if (publisher->borrowed && octets.len == publisher->body_size &&
        octets.len <= MESSAGE_INLINE_BODY_MAX)
        finish_inline(channel, octets);
    else
        append_octets(channel, octets);
}
