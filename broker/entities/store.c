/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes a record, of messages above all; store_entities.c, store_access.c, store_policy.c and
 * store_history.c have the definitions, kind by kind, store_away.c messages that are not in memory.
 */
#include "broker/entities/store.h"

#include <stdlib.h>

#include "amqp/cursor.h"
#include "amqp/spec.h"
#include "amqp/writer.h"
#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/map.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/chore.h"
#include "broker/entities/exchange.h"
#include "broker/entities/expiration.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/store_private.h"
#include "broker/entities/vhost.h"
#include "persistence/journal.h"

enum { MARK_DEAD_LETTERED = 1, MARK_KEYS_SPENT = 2, MARK_HIDDEN_KEYS = 4, MARK_PRIORITY = 8 };
enum { TIME_TO_LIVE_BITS = 48 };
#define NO_TIME_TO_LIVE ((UINT64_C(1) << TIME_TO_LIVE_BITS) - 1)

_Static_assert(STORE_NOTE == MESSAGE_STORED_HEAD, "a message has room for its note");

/* --- records of definitions --- */

static struct slice encoded(store_encode *function, const void *object) {
    struct writer size = writer_over(NULL, 0);
    function(&size, object);
    uint8_t *octets = xmalloc(writer_length(&size) + 1);
    struct writer w = writer_over(octets, writer_length(&size));
    function(&w, object);
    return slice_of(octets, writer_length(&size));
}

void store_put_record(struct broker *broker, enum store_kind kind, store_encode *key,
                      store_encode *payload, const void *object) {
    if (broker->journal == NULL)
        return;
    struct slice key_octets = encoded(key, object);
    struct slice payload_octets = encoded(payload, object);
    broker->promise_lsn =
        journal_put_meta(broker->journal, (uint8_t)kind, key_octets, payload_octets);
    free_slice(key_octets);
    free_slice(payload_octets);
}

void store_forget_record(struct broker *broker, enum store_kind kind, store_encode *key,
                         const void *object) {
    if (broker->journal == NULL)
        return;
    struct slice key_octets = encoded(key, object);
    broker->promise_lsn = journal_delete_meta(broker->journal, (uint8_t)kind, key_octets);
    free_slice(key_octets);
}

/* --- messages --- */

static size_t find_targets(const struct message *message, struct queue *const *queues,
                           size_t queue_count, struct journal_target *targets) {
    size_t count = 0;
    for (size_t i = 0; i < queue_count; i++) {
        if (!queue_keeps(queues[i], message) || queues[i]->deleted)
            continue;
        targets[count++] = (struct journal_target){.queue_id = queues[i]->id,
                                                   .sequence = queues[i]->next_sequence};
    }
    return count;
}

/* The body, and behind it the hidden keys: the content header says where one ends. */
static size_t find_body_parts(const struct message *message, struct slice *parts, size_t part_max) {
    struct slice hidden_keys = message_hidden_keys(message);
    struct body_hint hint = {0};
    size_t count = 0;
    for (uint64_t at = 0; at < message->body_size; count++) {
        struct slice part = message_body_at(message, at, &hint);
        if (count < part_max)
            parts[count] = part;
        at += part.len;
    }
    if (hidden_keys.len == 0)
        return count;
    if (count < part_max)
        parts[count] = hidden_keys;
    return count + 1;
}

uint64_t store_own_time_to_live(const struct message *message) {
    struct amqp_properties properties;
    if (!(message_flags(message) & AMQP_EXPIRATION))
        return NO_TIME_TO_LIVE;
    message_properties(message, &properties);
    int64_t ms = expiration_ms(properties.expiration);
    return ms < 0 ? NO_TIME_TO_LIVE : (uint64_t)ms;
}

static void write_stored_head(struct message *message, int64_t wall_ms, uint64_t time_to_live) {
    struct writer w = writer_over(message->stored_head, sizeof message->stored_head);
    uint64_t rest = (uint64_t)message_priority(message) << TIME_TO_LIVE_BITS;
    uint64_t marks = (message->dead_lettered ? MARK_DEAD_LETTERED : 0u) |
                     (message->copied_keys_are_spent ? MARK_KEYS_SPENT : 0u) |
                     (message_hidden_keys(message).len > 0 ? MARK_HIDDEN_KEYS : 0u) |
                     (message_flags(message) & AMQP_PRIORITY ? MARK_PRIORITY : 0u);
    writer_u64(&w, (uint64_t)wall_ms);
    writer_u64(&w, marks << (TIME_TO_LIVE_BITS + 8) | rest | time_to_live);
}

/* What is stored of a message. `usual` has room for STORE_PARTS_USUAL parts of the body. */
struct journal_content store_content_of(struct broker *broker, struct message *message,
                                        uint64_t time_to_live, struct slice *usual) {
    struct slice *parts = usual;
    size_t part_count = find_body_parts(message, parts, STORE_PARTS_USUAL);
    if (part_count > STORE_PARTS_USUAL) {
        parts = xmalloc(part_count * sizeof *parts);
        find_body_parts(message, parts, part_count);
    }
    write_stored_head(message, broker->env->wall_ms, time_to_live);
    return (struct journal_content){
        .address = slice_of(message->stored_head, MESSAGE_STORED_HEAD + message->address_len),
        .header = message_header_payload(message),
        .body = parts,
        .body_parts = part_count};
}

void store_content_clear(const struct journal_content *content, const struct slice *usual) {
    if (content->body != usual)
        free((void *)(uintptr_t)content->body);
}

static uint64_t append(struct broker *broker, struct message *message, uint64_t time_to_live,
                       const struct journal_target *targets, size_t target_count) {
    struct slice usual[STORE_PARTS_USUAL];
    struct journal_content content = store_content_of(broker, message, time_to_live, usual);
    uint64_t lsn = journal_append_message(broker->journal, &content, targets, target_count,
                                          message_release, message_ref(message), &message->stored);
    store_content_clear(&content, usual);
    return lsn;
}

uint64_t store_publish(struct broker *broker, struct message *message, struct queue *const *queues,
                       size_t queue_count) {
    if (broker->journal == NULL || queue_count == 0 ||
        !(message->persistent || broker->has_quorum_queues))
        return 0;
    struct journal_target usual[16];
    struct journal_target *targets = usual;
    if (queue_count > sizeof usual / sizeof *usual)
        targets = xmalloc(queue_count * sizeof *targets);
    size_t target_count = find_targets(message, queues, queue_count, targets);
    uint64_t lsn = target_count > 0 ? append(broker, message, store_own_time_to_live(message),
                                             targets, target_count)
                                    : 0;
    if (targets != usual)
        free(targets);
    return lsn;
}

void store_settle(const struct queue *queue, const struct entry *entry) {
    struct broker *broker = queue->vhost->broker;
    if (entry->message->stored == NULL || !queue_keeps(queue, entry->message) ||
        broker->journal == NULL)
        return;
    broker->settle_lsn =
        journal_settle(broker->journal, entry->message->stored,
                       (struct journal_target){.queue_id = queue->id, .sequence = entry->sequence});
}

/* --- what exchanges hold --- */

/* An exchange that never held anything has no id; with the first message its definition gets one. */
static uint64_t holding_id(struct exchange *exchange, enum exchange_hold hold) {
    struct exchange_holding *held = &exchange->held[hold];
    if (held->id == 0) {
        held->id = ++exchange->vhost->broker->last_queue_id;
        store_put_exchange(exchange);
    }
    return held->id;
}

uint64_t store_hold(struct exchange *exchange, enum exchange_hold hold, struct message *message,
                    int64_t delay_ms, uint64_t *ret_sequence) {
    struct broker *broker = exchange->vhost->broker;
    *ret_sequence = ++exchange->held[hold].last_sequence;
    bool is_kept = message->persistent || hold == EXCHANGE_HOLDS_DELAYED;
    if (broker->journal == NULL || !exchange->durable || !is_kept)
        return 0;
    struct journal_target target = {.queue_id = holding_id(exchange, hold),
                                    .sequence = *ret_sequence};
    return append(broker, message, (uint64_t)delay_ms, &target, 1);
}

void store_release(const struct exchange *exchange, enum exchange_hold hold,
                   struct message *message, uint64_t sequence) {
    store_settle_held(exchange->vhost->broker, exchange->held[hold].id, message, sequence);
}

void store_settle_held(struct broker *broker, uint64_t holding_id, struct message *message,
                       uint64_t sequence) {
    struct journal *journal = broker->journal;
    if (message->stored == NULL || journal == NULL)
        return;
    bool is_borrowed = journal_is_borrowing(journal, message->stored);
    journal_settle(journal, message->stored,
                   (struct journal_target){.queue_id = holding_id, .sequence = sequence});
    if (!is_borrowed)
        message->stored = NULL;
}

void store_promise_settled(struct broker *broker) {
    if (broker->promise_lsn < broker->settle_lsn)
        broker->promise_lsn = broker->settle_lsn;
}

void store_settle_held_away(struct broker *broker, uint64_t holding_id,
                            struct stored_message *stored, uint64_t sequence) {
    if (broker->journal != NULL)
        journal_settle(broker->journal, stored,
                       (struct journal_target){.queue_id = holding_id, .sequence = sequence});
}

void store_quarantine_held(struct broker *broker, uint64_t holding_id,
                           struct stored_message *stored, uint64_t sequence) {
    journal_quarantine_message(broker->journal, stored);
    store_settle_held_away(broker, holding_id, stored, sequence);
}

bool store_is_written(const struct message *message) {
    return message->stored != NULL && journal_message_is_written(message->stored);
}

void store_begin_atomic(struct broker *broker) {
    if (broker->journal != NULL)
        journal_begin_atomic(broker->journal);
}

void store_end_atomic(struct broker *broker) {
    if (broker->journal != NULL)
        journal_end_atomic(broker->journal);
}

/* --- redelivered flags of a clean stop --- */

/* Ranges while they are gathered. */
struct ranges {
    struct text octets;
    uint64_t first;
    uint64_t last; /* 0: none is open */
};

static void append_u64(struct text *octets, uint64_t value) {
    value = __builtin_bswap64(value);
    text_append(octets, slice_of(&value, sizeof value));
}

static void close_range(struct ranges *ranges) {
    if (ranges->last == 0)
        return;
    append_u64(&ranges->octets, ranges->first);
    append_u64(&ranges->octets, ranges->last);
    ranges->last = 0;
}

static void add_sequence(struct ranges *ranges, uint64_t sequence) {
    if (ranges->last == 0 || sequence != ranges->last + 1) {
        close_range(ranges);
        ranges->first = sequence;
    }
    ranges->last = sequence;
}

/* Takes the entries out of the queue without settling them: the journal keeps them. */
static void gather_redelivered(struct queue *queue, struct ranges *ranges) {
    while (queue_ready_count(queue) > 0) {
        struct entry entry = queue_front_take(queue);
        bool is_away = entry_is_away(&entry);
        bool is_stored = is_away
                             ? entry_away(&entry).stored != NULL
                             : entry.message->stored != NULL && queue_keeps(queue, entry.message);
        if (entry.redelivered && is_stored)
            add_sequence(ranges, entry.sequence);
        if (!is_away)
            message_unref(entry.message);
    }
    close_range(ranges);
}

static void put_redelivered(struct broker *broker, struct queue *queue) {
    struct ranges ranges = {0};
    gather_redelivered(queue, &ranges);
    if (ranges.octets.len > 0) {
        uint64_t id = __builtin_bswap64(queue->id);
        journal_put_meta(broker->journal, STORE_REDELIVERED, slice_of(&id, sizeof id),
                         text_slice(&ranges.octets));
    }
    text_clear(&ranges.octets);
}

void store_prepare_stop(struct broker *broker) {
    struct vhost *vhost, *next_vhost;
    struct queue *queue, *next_queue;
    if (broker->journal == NULL)
        return;
    broker_finish_chores(broker);
    MAP_FOR_EACH(broker->vhosts, by_name, vhost, next_vhost) {
        MAP_FOR_EACH(vhost->queues, by_name, queue, next_queue) {
            if (queue->durable)
                put_redelivered(broker, queue);
        }
    }
}

bool store_is_safe(const struct broker *broker, uint64_t lsn) {
    return broker->journal == NULL || lsn <= journal_safe_lsn(broker->journal);
}

/* --- recovery --- */

bool store_apply_definition(struct broker *broker, uint8_t kind, struct slice key,
                            struct slice payload) {
    struct cursor key_cursor = cursor_over(key);
    struct cursor payload_cursor = cursor_over(payload);
    switch (kind) {
    case STORE_EXCHANGE:
        return store_apply_exchange(broker, &key_cursor, &payload_cursor);
    case STORE_QUEUE:
        return store_apply_queue(broker, &key_cursor, &payload_cursor);
    case STORE_BINDING:
        return store_apply_binding(broker, &key_cursor, &payload_cursor);
    case STORE_POLICY:
        return store_apply_policy(broker, &key_cursor, &payload_cursor);
    default:
        return store_apply_access(broker, kind, &key_cursor, &payload_cursor);
    }
}

static size_t body_length(const struct slice *body, size_t body_parts) {
    size_t len = 0;
    for (size_t i = 0; i < body_parts; i++)
        len += body[i].len;
    return len;
}

/* What was stored passed its checksum, but a foreign or newer writer may have meant something else. */
static bool header_is_ours(struct slice header, size_t stored_len, bool has_keys,
                           struct amqp_content_header *ret_header) {
    struct amqp_properties properties;
    return amqp_content_header_decode(header, ret_header) &&
           (has_keys ? ret_header->body_size < stored_len : ret_header->body_size == stored_len) &&
           amqp_properties_decode(ret_header->flags, ret_header->properties, &properties);
}

static struct slice behind(struct slice octets, size_t len) {
    return slice_of(octets.data + len, octets.len - len);
}

static bool append_parts(struct message *message, const struct slice *body, size_t body_parts) {
    for (size_t i = 0; i < body_parts; i++) {
        size_t missing = (size_t)(message->body_size - message_body_present(message));
        size_t len = body[i].len < missing ? body[i].len : missing;
        if (!message_append_body(message, slice_of(body[i].data, len)))
            return false;
    }
    return true;
}

static int64_t waited_since(const struct broker *broker, int64_t published_ms) {
    return broker->env->wall_ms > published_ms ? broker->env->wall_ms - published_ms : 0;
}

void store_read_note(const struct broker *broker, const uint8_t note[STORE_NOTE],
                     uint64_t body_length, struct restored_message *ret_restored) {
    struct cursor at = cursor_over(slice_of(note, STORE_NOTE));
    int64_t published_ms = (int64_t)cursor_u64(&at);
    uint64_t rest = cursor_u64(&at);
    uint64_t marks = rest >> (TIME_TO_LIVE_BITS + 8);
    uint64_t time_to_live = rest & NO_TIME_TO_LIVE;
    bool has_size = !(marks & MARK_HIDDEN_KEYS) && body_length < AWAY_SIZE_UNKNOWN;
    *ret_restored = (struct restored_message){
        .waited_ms = waited_since(broker, published_ms),
        .time_to_live_ms = time_to_live == NO_TIME_TO_LIVE ? -1 : (int64_t)time_to_live,
        .body_size = has_size ? (uint32_t)body_length : AWAY_SIZE_UNKNOWN,
        .has_priority = (marks & MARK_PRIORITY) != 0,
        .priority = (uint8_t)(rest >> TIME_TO_LIVE_BITS),
    };
}

bool store_understands(struct slice address, struct slice header, const struct slice *body,
                       size_t body_parts) {
    struct cursor at = cursor_over(address);
    struct amqp_content_header decoded;
    cursor_u64(&at);
    uint8_t marks = (uint8_t)(cursor_u64(&at) >> (TIME_TO_LIVE_BITS + 8));
    bool has_keys = (marks & MARK_HIDDEN_KEYS) != 0;
    cursor_shortstr(&at);
    cursor_shortstr(&at);
    return !cursor_failed(&at) &&
           header_is_ours(header, body_length(body, body_parts), has_keys, &decoded);
}

struct message *store_restore_message(struct broker *broker, struct slice address,
                                      struct slice header, const struct slice *body,
                                      size_t body_parts, int64_t *ret_waited_ms) {
    struct cursor at = cursor_over(address);
    int64_t published_ms = (int64_t)cursor_u64(&at);
    uint8_t marks = (uint8_t)(cursor_u64(&at) >> (TIME_TO_LIVE_BITS + 8));
    struct slice exchange = cursor_shortstr(&at);
    struct slice routing_key = cursor_shortstr(&at);
    struct amqp_content_header decoded;
    bool has_keys = (marks & MARK_HIDDEN_KEYS) != 0;
    if (cursor_failed(&at) ||
        !header_is_ours(header, body_length(body, body_parts), has_keys, &decoded))
        return NULL;
    /* Recovery reads a record in one piece; keys that a foreign hand has split are not looked for. */
    if (has_keys && body_parts != 1)
        return NULL;
    struct slice keys = has_keys ? behind(body[0], (size_t)decoded.body_size) : (struct slice){0};
    bool is_inline = body_parts == 1 && decoded.body_size <= MESSAGE_INLINE_BODY_MAX;
    struct slice whole =
        is_inline ? slice_of(body[0].data, (size_t)decoded.body_size) : (struct slice){0};
    struct message *message =
        message_create_hiding(&broker->messages, exchange, routing_key, header, whole, keys);
    if (message == NULL)
        return NULL;
    if (!is_inline && !append_parts(message, body, body_parts)) {
        message_unref(message);
        return NULL;
    }
    message->dead_lettered = (marks & MARK_DEAD_LETTERED) != 0;
    message->copied_keys_are_spent = (marks & MARK_KEYS_SPENT) != 0;
    *ret_waited_ms = waited_since(broker, published_ms);
    return message;
}

bool store_read_figures(const struct broker *broker, struct store_figures *ret_figures) {
    struct journal_statistics statistics;

    if (broker->journal == NULL)
        return false;
    journal_statistics(broker->journal, &statistics);
    *ret_figures = (struct store_figures){.batches = statistics.batches,
                                          .bytes_written = statistics.bytes_written,
                                          .syncs = statistics.syncs,
                                          .sync_us_max = statistics.sync_us_max,
                                          .segments = statistics.segments,
                                          .total_bytes = statistics.total_bytes,
                                          .live_bytes = statistics.live_bytes,
                                          .damaged_messages = statistics.damaged_messages};
    return true;
}
