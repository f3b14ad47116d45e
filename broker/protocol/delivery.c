/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out. A small message is one reservation in the output: the deliver method written by hand,
 * then the message's header and body frames as they were received, with two channel numbers patched.
 * A longer body is referenced, cut into frames of the connection's frame-max.
 */
#include "broker/protocol/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "amqp/frame.h"
#include "amqp/method.h"
#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/trace.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/consumer_timeout.h"
#include "broker/protocol/fetch.h"
#include "broker/protocol/gate.h"
#include "broker/protocol/reply_to.h"
#include "broker/protocol/send.h"

/* Content up to this size is copied into the output; a longer one is referenced. */
#define CONTENT_COPY_MAX 4096u
/* Stretches of a long body below this are copied: a reference costs an iovec. */
#define BODY_REFERENCE_MIN 1024u
/* Head, class and method ids, tag, delivery tag, redelivered, exchange and key, end octet. */
#define DELIVER_SIZE_MAX (7u + 4u + 256u + 8u + 1u + 512u + 1u)
/* Room for the deliver_head of nearly every consumer: tags that brokers and clients make are shorter. */
#define DELIVER_HEAD_USUAL 64u

_Static_assert(CONTENT_COPY_MAX + DELIVER_SIZE_MAX <= OUTBUF_RESERVE_MAX,
               "a small delivery fits one reservation");

/* --- content --- */

static bool fits_copy(const struct connection *connection, const struct message *message) {
    if (message->body_size > 0 && message->inline_len == 0)
        return false;
    return message->header_len + message->inline_len <= CONTENT_COPY_MAX &&
           message->inline_len <= connection->frame_max;
}

/* In a copy of the message's header and body frames. */
static void patch_channel(uint8_t *at, uint16_t channel_number, const struct message *message) {
    frame_write_channel(at, channel_number);
    if (message->inline_len > 0)
        frame_write_channel(at + message->header_len, channel_number);
}

/* Header frame and body frame stand side by side in the message. Returns their length. */
static size_t copy_content(uint8_t *at, uint16_t channel_number, const struct message *message) {
    size_t len = message->header_len + message->inline_len;
    memcpy(at, message_header_frame(message).data, len);
    patch_channel(at, channel_number, message);
    return len;
}

static void append_frame_head(struct outbuf *output, uint8_t type, uint16_t channel_number,
                              size_t size) {
    uint8_t *at = outbuf_reserve(output, AMQP_FRAME_HEAD_SIZE);
    frame_write_head(at, type, channel_number, (uint32_t)size);
    outbuf_commit(output, AMQP_FRAME_HEAD_SIZE);
}

static void append_frame_end(struct outbuf *output) {
    *outbuf_reserve(output, 1) = AMQP_FRAME_END;
    outbuf_commit(output, 1);
}

static void append_shared(struct outbuf *output, struct message *message, struct slice bytes) {
    if (bytes.len < BODY_REFERENCE_MIN)
        outbuf_append(output, bytes);
    else
        outbuf_append_reference(output, bytes, message_release, message_ref(message));
}

static void append_header_frame(struct outbuf *output, uint16_t channel_number,
                                struct message *message) {
    struct slice payload = message_header_payload(message);
    append_frame_head(output, AMQP_FRAME_HEADER, channel_number, payload.len);
    append_shared(output, message, payload);
    append_frame_end(output);
}

static void append_body_frames(struct outbuf *output, uint16_t channel_number,
                               struct message *message, uint64_t payload_max) {
    struct body_hint hint = {0};
    uint64_t at = 0;
    while (at < message->body_size) {
        uint64_t left = message->body_size - at;
        uint64_t frame_end = at + (left < payload_max ? left : payload_max);
        append_frame_head(output, AMQP_FRAME_BODY, channel_number, (size_t)(frame_end - at));
        while (at < frame_end) {
            struct slice range = message_body_at(message, at, &hint);
            if (range.len > frame_end - at)
                range.len = (size_t)(frame_end - at);
            append_shared(output, message, range);
            at += range.len;
        }
        append_frame_end(output);
    }
}

static void append_content(struct channel *channel, struct message *message) {
    struct connection *connection = channel->connection;
    struct outbuf *output = gate_output(connection);
    if (fits_copy(connection, message)) {
        uint8_t *at = outbuf_reserve(output, message->header_len + message->inline_len);
        outbuf_commit(output, copy_content(at, channel->number, message));
        return;
    }
    append_header_frame(output, channel->number, message);
    append_body_frames(output, channel->number, message,
                       connection->frame_max - AMQP_FRAME_OVERHEAD);
}

/* --- basic.deliver --- */

/* What every delivery to this consumer begins with; the size in it is the message's to say. */
static void write_deliver_head(struct channel_consumer *consumer, struct slice tag) {
    static const uint8_t class_and_method[4] = {0, 60, 0, 60};
    uint8_t *at = consumer->deliver_head;
    frame_write_head(at, AMQP_FRAME_METHOD, consumer->channel->number, 0);
    memcpy(at + AMQP_FRAME_HEAD_SIZE, class_and_method, sizeof class_and_method);
    at[DELIVER_HEAD_FIXED_SIZE - 1] = (uint8_t)tag.len;
    if (tag.len > 0)
        memcpy(at + DELIVER_HEAD_FIXED_SIZE, tag.data, tag.len);
    consumer->deliver_head_len = (uint16_t)(DELIVER_HEAD_FIXED_SIZE + tag.len);
}

/* Copies a length that the compiler knows, where it suffices: a call costs more than the octets. */
static void copy_deliver_head(uint8_t *start, const struct channel_consumer *consumer) {
    if (consumer->deliver_head_len <= DELIVER_HEAD_USUAL)
        memcpy(start, consumer->deliver_head, DELIVER_HEAD_USUAL);
    else
        memcpy(start, consumer->deliver_head, consumer->deliver_head_len);
}

/*
 * The octets that frame_encode_method() makes, up to where the message's own begin (message_tail()).
 * Written here because every delivery passes. Returns their length.
 */
static size_t write_deliver(uint8_t *start, const struct channel_consumer *consumer,
                            uint64_t delivery_tag, const struct entry *entry) {
    copy_deliver_head(start, consumer);
    uint8_t *at = start + consumer->deliver_head_len;
    uint64_t tag = __builtin_bswap64(delivery_tag);
    memcpy(at, &tag, sizeof tag);
    at += sizeof tag;
    *at++ = entry->redelivered;
    size_t payload_len = (size_t)(at - start) - AMQP_FRAME_HEAD_SIZE + entry->message->address_len;
    uint32_t size = __builtin_bswap32((uint32_t)payload_len);
    memcpy(start + AMQP_FRAME_HEAD_SIZE - sizeof size, &size, sizeof size);
    return (size_t)(at - start);
}

/* Address, end of the method, header and body stand side by side in the message. */
static size_t copy_tail(uint8_t *at, uint16_t channel_number, const struct message *message) {
    struct slice tail = message_tail(message);
    size_t header_at = tail.len - message->header_len - message->inline_len;
    memcpy(at, tail.data, tail.len);
    patch_channel(at + header_at, channel_number, message);
    return tail.len;
}

static void append_delivery(struct channel_consumer *consumer, uint64_t delivery_tag,
                            const struct entry *entry) {
    struct channel *channel = consumer->channel;
    struct endpoint *endpoint = &channel->connection->endpoint;
    struct message *message = entry->message;
    if (fits_copy(channel->connection, message)) {
        size_t content_len = message->header_len + message->inline_len;
        uint8_t *at = outbuf_reserve(&endpoint->output, DELIVER_SIZE_MAX + content_len);
        size_t len = write_deliver(at, consumer, delivery_tag, entry);
        len += copy_tail(at + len, channel->number, message);
        outbuf_commit(&endpoint->output, len);
    } else {
        struct slice method_end = message_method_end(message);
        uint8_t *at = outbuf_reserve(&endpoint->output, DELIVER_SIZE_MAX);
        size_t len = write_deliver(at, consumer, delivery_tag, entry);
        memcpy(at + len, method_end.data, method_end.len);
        outbuf_commit(&endpoint->output, len + method_end.len);
        append_content(channel, message);
    }
    endpoint_mark_dirty(endpoint);
}

/* A redelivery may have to be shown with what it went through. */
static void append_redelivery(struct channel_consumer *consumer, uint64_t delivery_tag,
                              const struct entry *entry) {
    struct entry shown = *entry;
    shown.message = queue_shown_message(consumer->consumer.queue, entry);
    append_delivery(consumer, delivery_tag, &shown);
    message_unref(shown.message);
}

static struct channel_consumer *channel_consumer_of(struct consumer *consumer) {
    return (struct channel_consumer *)(void *)consumer;
}

static void remember_unacked(struct channel_consumer *consumer, uint64_t delivery_tag,
                             const struct entry *entry) {
    struct channel *channel = consumer->channel;
    struct unacked record = {.delivery_tag = delivery_tag,
                             .queue = consumer->consumer.queue,
                             .consumer = consumer,
                             .entry = *entry};
    if (consumer->is_timed)
        consumer_timeout_watch(consumer, &record);
    unacked_add(&channel->unacked, &record);
    consumer->unacked_count++;
    channel->global_unacked++;
}

static void channel_deliver(struct consumer *queue_consumer, const struct entry *entry) {
    struct channel_consumer *consumer = channel_consumer_of(queue_consumer);
    struct channel *channel = consumer->channel;
    uint64_t delivery_tag = ++channel->last_delivery_tag;
    if (entry->redelivered)
        append_redelivery(consumer, delivery_tag, entry);
    else
        append_delivery(consumer, delivery_tag, entry);
    message_counters_take(&channel->counters, COUNT_DELIVER, queue_consumer->no_ack,
                          entry->redelivered);
    if (queue_consumer->no_ack)
        queue_finish_delivery(queue_consumer->queue, entry);
    else
        remember_unacked(consumer, delivery_tag, entry);
}

static void trace_entry(const struct channel *channel, const struct queue *queue,
                        const struct entry *entry) {
    const struct trace_party party = channel_trace_party(channel);
    struct message *shown = queue_shown_message(queue, entry);
    trace_delivery(&party, queue, shown, entry->redelivered);
    message_unref(shown);
}

/* Instead of channel_deliver() while the vhost is traced. */
static void channel_deliver_traced(struct consumer *queue_consumer, const struct entry *entry) {
    trace_entry(channel_consumer_of(queue_consumer)->channel, queue_consumer->queue, entry);
    channel_deliver(queue_consumer, entry);
}

static bool window_has_room(const struct channel_consumer *consumer) {
    const struct channel *channel = consumer->channel;
    if (consumer->prefetch != 0 && consumer->unacked_count >= consumer->prefetch)
        return false;
    return channel->global_prefetch == 0 || channel->global_unacked < channel->global_prefetch;
}

static bool consumer_has_credit(struct consumer *queue_consumer) {
    const struct channel_consumer *consumer = channel_consumer_of(queue_consumer);
    struct connection *connection = consumer->channel->connection;
    if (endpoint_is_congested(&connection->endpoint) || gate_is_closed(connection))
        return false;
    return queue_consumer->no_ack || window_has_room(consumer);
}

static bool consumer_has_unacked(const struct consumer *queue_consumer) {
    return ((const struct channel_consumer *)(const void *)queue_consumer)->unacked_count > 0;
}

/* --- consumers --- */

static void free_when_settled(struct channel_consumer *consumer) {
    if (!consumer->is_cancelled || consumer->unacked_count > 0)
        return;
    consumer_timeout_stop(consumer);
    free(consumer);
}

static void forget_consumer(struct channel_consumer *consumer) {
    struct channel *channel = consumer->channel;
    HASH_DELETE(by_tag, channel->consumers, consumer);
    channel->consumer_count--;
    channel->connection->broker->counters.consumers_removed++;
    consumer->is_cancelled = true;
    free_when_settled(consumer);
}

bool channel_consumer_settle(struct channel_consumer *consumer) {
    bool is_consuming = !consumer->is_cancelled;
    consumer->unacked_count--;
    free_when_settled(consumer);
    return is_consuming;
}

/* RabbitMQ tells those who can understand it; others just get nothing any more. */
static void tell_cancelled(const struct channel_consumer *consumer) {
    struct channel *channel = consumer->channel;
    if (channel->connection->consumer_cancel_notify)
        SEND(channel, AMQP_BASIC_CANCEL, basic_cancel,
             .consumer_tag = channel_consumer_tag(consumer), .no_wait = true);
}

static void on_queue_deleted(struct consumer *queue_consumer) {
    struct channel_consumer *consumer = channel_consumer_of(queue_consumer);
    tell_cancelled(consumer);
    forget_consumer(consumer);
}

void channel_cancel_consumer(struct channel_consumer *consumer) {
    tell_cancelled(consumer);
    channel_remove_consumer(consumer);
}

static void choose_ops(struct consumer *consumer);

static const struct consumer_ops channel_consumer_ops = {
    .has_credit = consumer_has_credit,
    .deliver = channel_deliver,
    .on_queue_deleted = on_queue_deleted,
    .on_tracing_switched = choose_ops,
    .has_unacked = consumer_has_unacked,
};

static const struct consumer_ops traced_consumer_ops = {
    .has_credit = consumer_has_credit,
    .deliver = channel_deliver_traced,
    .on_queue_deleted = on_queue_deleted,
    .on_tracing_switched = choose_ops,
    .has_unacked = consumer_has_unacked,
};

static void choose_ops(struct consumer *consumer) {
    const bool is_traced =
        channel_consumer_of(consumer)->channel->connection->vhost->metadata.tracing;
    consumer->ops = is_traced ? &traced_consumer_ops : &channel_consumer_ops;
}

struct channel_consumer *channel_find_consumer(const struct channel *channel, struct slice tag) {
    struct channel_consumer *consumer;
    MAP_FIND(channel->consumers, by_tag, channel->connection->broker->env->hash_seed, tag,
             consumer);
    return consumer;
}

struct channel_consumer *channel_add_consumer(struct channel *channel, struct queue *queue,
                                              const struct consumer_options *options,
                                              struct refusal *refusal) {
    size_t head_len = DELIVER_HEAD_FIXED_SIZE + options->tag.len;
    struct channel_consumer *consumer = xcalloc(
        1, sizeof *consumer + (head_len < DELIVER_HEAD_USUAL ? DELIVER_HEAD_USUAL : head_len));
    consumer->consumer = (struct consumer){
        .priority = options->priority, .no_ack = options->no_ack, .exclusive = options->exclusive};
    consumer->channel = channel;
    choose_ops(&consumer->consumer);
    consumer->prefetch = channel->consumer_prefetch;
    consumer->is_timed = queue->quorum != NULL && !options->no_ack;
    consumer->timeout_ms = options->timeout_ms;
    write_deliver_head(consumer, options->tag);
    if (!queue_add_consumer(queue, &consumer->consumer, refusal)) {
        free(consumer);
        return NULL;
    }
    MAP_ADD(channel->consumers, by_tag, channel->connection->broker->env->hash_seed,
            channel_consumer_tag(consumer), consumer);
    channel->consumer_count++;
    return consumer;
}

void channel_remove_consumer(struct channel_consumer *consumer) {
    struct channel *channel = consumer->channel;
    struct queue *queue = consumer->consumer.queue;
    queue_remove_consumer(queue, &consumer->consumer);
    forget_consumer(consumer);
    if (queue == channel->reply_queue)
        reply_to_end(channel);
}

void channel_resume_consumers(struct channel *channel) {
    struct channel_consumer *consumer, *next;
    channel->connection->broker->work += channel->consumer_count;
    HASH_ITER(by_tag, channel->consumers, consumer, next) {
        if (consumer->consumer.waiting)
            queue_resume_consumers(consumer->consumer.queue);
    }
}

/* --- basic.get --- */

static void send_get_ok(struct channel *channel, const struct queue *queue, struct entry entry) {
    SEND(channel, AMQP_BASIC_GET_OK, basic_get_ok, .delivery_tag = channel->last_delivery_tag,
         .redelivered = entry.redelivered, .exchange = message_exchange(entry.message),
         .routing_key = message_routing_key(entry.message),
         .message_count = (uint32_t)queue_ready_count(queue));
    struct message *shown = queue_shown_message(queue, &entry);
    append_content(channel, shown);
    message_unref(shown);
}

static void remember_got(struct channel *channel, struct queue *queue, struct entry entry) {
    struct unacked record = {
        .delivery_tag = channel->last_delivery_tag, .queue = queue, .entry = entry};
    if (queue->quorum != NULL)
        consumer_timeout_watch_get(channel, &record);
    unacked_add(&channel->unacked, &record);
}

void channel_get(struct channel *channel, struct queue *queue, bool no_ack) {
    struct entry entry;
    if (!queue_prepare_get(queue)) {
        fetch_wait(channel->connection);
        return;
    }
    if (!queue_get(queue, no_ack, &entry)) {
        channel->counters.of[COUNT_GET_EMPTY]++;
        SEND(channel, AMQP_BASIC_GET_EMPTY, basic_get_empty, .cluster_id = SLICE(""));
        return;
    }
    message_counters_take(&channel->counters, COUNT_GET, no_ack, entry.redelivered);
    channel->last_delivery_tag++;
    if (queue->vhost->metadata.tracing)
        trace_entry(channel, queue, &entry);
    send_get_ok(channel, queue, entry);
    if (no_ack)
        queue_finish_delivery(queue, &entry);
    else
        remember_got(channel, queue, entry);
}

/* --- basic.return --- */

void send_basic_return(struct channel *channel, struct message *message) {
    SEND(channel, AMQP_BASIC_RETURN, basic_return, .reply_code = AMQP_NO_ROUTE,
         .reply_text = SLICE("NO_ROUTE"), .exchange = message_exchange(message),
         .routing_key = message_routing_key(message));
    append_content(channel, message);
}
