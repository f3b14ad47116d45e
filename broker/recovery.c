/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal gives messages in the order of their places in the files, which compaction changes; a
 * queue wants them by sequence. So those that come too late are gathered, sorted and merged in at the
 * end. Bodies stay on disk (paging.h) but for those of a history. After any stop that
 * was not clean everything is marked redelivered, as RabbitMQ does, because nobody knows what had been
 * delivered.
 */
#include "broker/recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>

#include "amqp/cursor.h"
#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "persistence/journal.h"

/* A message that an exchange holds. */
struct held_entry {
    struct stored_message *stored;
    uint64_t sequence;
    int64_t left_ms; /* of its delay */
};

struct octet_buffer {
    uint8_t *octets;
    size_t capacity;
};

/* Sequences that had been delivered before a clean stop. */
struct range {
    uint64_t first;
    uint64_t last;
};

/* A queue, or what an exchange holds, while its messages are being gathered. */
struct restored_queue {
    uint64_t id;
    UT_hash_handle by_id;
    struct queue *queue;       /* NULL: it is the exchange's */
    struct exchange *exchange; /* NULL: it is a queue */
    enum exchange_hold hold;
    struct range *redelivered; /* sorted, NULL when there are none */
    size_t redelivered_count;
    uint64_t last_sequence;      /* given to the queue */
    struct restored_entry *late; /* of lower sequences than some before them */
    size_t late_count;
    size_t late_capacity;
    struct held_entry *held; /* of an exchange */
    size_t held_count;
    size_t held_capacity;
};

/* A message whose queue no definition knows; settled once the journal is open. */
struct orphan {
    struct stored_message *message;
    struct journal_target target;
};

struct recovery {
    struct broker *broker;
    const struct journal_report *found;
    struct restored_queue *queues; /* map by id */
    struct orphan *orphans;
    size_t orphan_count;
    size_t orphan_capacity;
    uint64_t definition_count;
    uint64_t message_count;
    uint64_t damaged_count;
    bool has_policies; /* applied */
    unsigned percent;
    bool failed; /* something stored could not be understood */
};

static struct restored_queue *add_restored(struct recovery *recovery, uint64_t id) {
    struct restored_queue *restored = xcalloc(1, sizeof *restored);
    restored->id = id;
    HASH_ADD(by_id, recovery->queues, id, sizeof restored->id, restored);
    return restored;
}

static void index_exchange(struct recovery *recovery, struct exchange *exchange) {
    for (int hold = 0; hold < EXCHANGE_HOLDS; hold++) {
        if (exchange->held[hold].id == 0)
            continue;
        struct restored_queue *restored = add_restored(recovery, exchange->held[hold].id);
        restored->exchange = exchange;
        restored->hold = (enum exchange_hold)hold;
    }
}

static void index_vhost(struct recovery *recovery, struct vhost *vhost) {
    struct queue *queue, *next_queue;
    struct exchange *exchange, *next_exchange;
    MAP_FOR_EACH(vhost->queues, by_name, queue, next_queue) {
        add_restored(recovery, queue->id)->queue = queue;
    }
    MAP_FOR_EACH(vhost->exchanges, by_name, exchange, next_exchange) {
        index_exchange(recovery, exchange);
    }
}

static void index_queues(struct recovery *recovery) {
    struct vhost *vhost, *next_vhost;
    MAP_FOR_EACH(recovery->broker->vhosts, by_name, vhost, next_vhost) {
        index_vhost(recovery, vhost);
    }
}

/* Definitions are complete when the first queue or message comes. */
static struct restored_queue *find_queue(struct recovery *recovery, uint64_t id) {
    struct restored_queue *restored;
    if (recovery->queues == NULL)
        index_queues(recovery);
    HASH_FIND(by_id, recovery->queues, &id, sizeof id, restored);
    return restored;
}

/* A queue with priorities wrote them in the order of its levels. */
static int compare_ranges(const void *a, const void *b) {
    const struct range *left = a;
    const struct range *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

static void keep_redelivered(struct recovery *recovery, struct slice key, struct slice ranges) {
    struct cursor at = cursor_over(key);
    struct restored_queue *restored = find_queue(recovery, cursor_u64(&at));
    if (restored == NULL || restored->redelivered != NULL)
        return;
    at = cursor_over(ranges);
    restored->redelivered = xmalloc(ranges.len + 1);
    while (cursor_remaining(&at) >= 2 * sizeof(uint64_t)) {
        struct range *range = &restored->redelivered[restored->redelivered_count++];
        range->first = cursor_u64(&at);
        range->last = cursor_u64(&at);
    }
    qsort(restored->redelivered, restored->redelivered_count, sizeof(struct range), compare_ranges);
}

static void keep_history(struct recovery *recovery, struct slice key, struct slice payload) {
    struct restored_queue *restored = find_queue(recovery, store_history_queue(key));
    if (restored == NULL || restored->queue == NULL || restored->queue->quorum == NULL ||
        !store_restore_history(restored->queue, key, payload))
        recovery->failed = true;
}

static void keep_lifetimes(struct recovery *recovery, struct slice key, struct slice payload) {
    struct cursor at = cursor_over(key);
    struct restored_queue *restored = find_queue(recovery, cursor_u64(&at));
    if (restored != NULL && restored->queue != NULL &&
        !store_restore_lifetimes(restored->queue, payload))
        recovery->failed = true;
}

static void on_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    struct recovery *recovery = context;
    if (kind == STORE_REDELIVERED) {
        keep_redelivered(recovery, key, payload);
        return;
    }
    if (kind == STORE_HISTORY) {
        keep_history(recovery, key, payload);
        return;
    }
    if (kind == STORE_LIFETIMES) {
        keep_lifetimes(recovery, key, payload);
        return;
    }
    recovery->definition_count++;
    if (!store_apply_definition(recovery->broker, kind, key, payload))
        recovery->failed = true;
}

static void on_queue(void *context, uint64_t queue_id, uint64_t highest_sequence) {
    struct restored_queue *restored = find_queue(context, queue_id);
    if (restored == NULL)
        return;
    if (restored->queue != NULL)
        restored->queue->next_sequence = highest_sequence + 1;
    else
        restored->exchange->held[restored->hold].last_sequence = highest_sequence;
}

static void add_orphan(struct recovery *recovery, struct stored_message *message,
                       struct journal_target target) {
    if (recovery->orphan_count == recovery->orphan_capacity) {
        recovery->orphan_capacity = recovery->orphan_capacity * 2 + 16;
        recovery->orphans =
            xrealloc(recovery->orphans, recovery->orphan_capacity * sizeof *recovery->orphans);
    }
    recovery->orphans[recovery->orphan_count++] =
        (struct orphan){.message = message, .target = target};
}

/* After a clean stop it is known which had been delivered; after any other they all may have been. */
static bool is_redelivered(const struct recovery *recovery, const struct restored_queue *restored,
                           uint64_t sequence) {
    size_t low = 0, high = restored->redelivered_count;
    if (!recovery->found->clean)
        return true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (restored->redelivered[middle].last < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low < restored->redelivered_count && restored->redelivered[low].first <= sequence;
}

/*
 * Messages stay on disk until it is their turn: a queue gets 8 octets for each of them. They come in
 * the order of the files, which is that of the queue but for those that compaction moved.
 */
static void add_entry(struct recovery *recovery, struct restored_queue *restored,
                      struct stored_message *stored, uint64_t sequence,
                      const struct restored_message *what) {
    struct entry entry = {.sequence = sequence & ENTRY_SEQUENCE_MAX,
                          .redelivered = is_redelivered(recovery, restored, sequence)};
    entry_set_away(&entry, (struct away){.stored = stored});
    if (sequence > restored->last_sequence) {
        restored->last_sequence = sequence;
        queue_restore(restored->queue, entry, what);
        return;
    }
    if (restored->late_count == restored->late_capacity) {
        restored->late_capacity = restored->late_capacity * 2 + 16;
        restored->late = xrealloc(restored->late, restored->late_capacity * sizeof *restored->late);
    }
    restored->late[restored->late_count++] = (struct restored_entry){entry, *what};
}

/* Before messages come: what is asked of a queue decides about them. */
static void apply_policies(struct recovery *recovery) {
    struct vhost *vhost, *next_vhost;
    if (recovery->has_policies)
        return;
    recovery->has_policies = true;
    MAP_FOR_EACH(recovery->broker->vhosts, by_name, vhost, next_vhost) {
        if (vhost->policy_count > 0)
            policies_apply(vhost);
    }
}

/* Those that exchanges hold are read when the journal is open. */
static void add_held(struct restored_queue *restored, struct stored_message *stored,
                     uint64_t sequence, const struct restored_message *what) {
    if (restored->held_count == restored->held_capacity) {
        restored->held_capacity = restored->held_capacity * 2 + 16;
        restored->held = xrealloc(restored->held, restored->held_capacity * sizeof *restored->held);
    }
    restored->held[restored->held_count++] =
        (struct held_entry){stored, sequence, what->time_to_live_ms - what->waited_ms};
}

static void on_message(void *context, struct stored_message *stored,
                       const struct journal_summary *summary, const struct journal_target *targets,
                       size_t target_count) {
    struct recovery *recovery = context;
    struct restored_message what;
    apply_policies(recovery);
    store_read_note(recovery->broker, summary->note, summary->body_length, &what);
    recovery->message_count++;
    for (size_t i = 0; i < target_count; i++) {
        struct restored_queue *restored = find_queue(recovery, targets[i].queue_id);
        if (restored == NULL)
            add_orphan(recovery, stored, targets[i]);
        else if (restored->queue != NULL)
            add_entry(recovery, restored, stored, targets[i].sequence, &what);
        else
            add_held(restored, stored, targets[i].sequence, &what);
    }
}

static void on_progress(void *context, uint64_t done_bytes, uint64_t total_bytes) {
    struct recovery *recovery = context;
    unsigned percent = total_bytes == 0 ? 100 : (unsigned)(done_bytes * 100 / total_bytes);
    if (percent / 10 == recovery->percent / 10)
        return;
    recovery->percent = percent;
    log_info(&recovery->broker->env->log, "Recovering the journal: %u %%", percent);
}

/* --- finishing --- */

static int compare_sequences(uint64_t left, uint64_t right) {
    return (left > right) - (left < right);
}

static int compare_late(const void *a, const void *b) {
    const struct restored_entry *left = a, *right = b;
    return compare_sequences(left->entry.sequence, right->entry.sequence);
}

static int compare_held(const void *a, const void *b) {
    const struct held_entry *left = a, *right = b;
    return compare_sequences(left->sequence, right->sequence);
}

static void finish_queue(struct restored_queue *restored) {
    if (restored->late_count > 0)
        qsort(restored->late, restored->late_count, sizeof *restored->late, compare_late);
    queue_finish_restore(restored->queue, restored->late, restored->late_count);
}

/* What cannot be read is put aside and settled: the exchange goes on without it. */
static void drop_damaged(struct recovery *recovery, const struct restored_queue *restored,
                         const struct held_entry *held) {
    struct journal *journal = recovery->broker->journal;
    recovery->damaged_count++;
    journal_quarantine_message(journal, held->stored);
    journal_settle(journal, held->stored,
                   (struct journal_target){.queue_id = restored->id, .sequence = held->sequence});
}

/* NULL when it cannot be read. */
static struct message *read_held(struct recovery *recovery, const struct held_entry *held,
                                 struct octet_buffer *buffer, int64_t *ret_waited_ms) {
    struct journal_content content;
    struct slice body;
    if (journal_read(recovery->broker->journal, held->stored, &buffer->octets, &buffer->capacity,
                     &content, &body) < 0)
        return NULL;
    struct message *message =
        store_restore_message(recovery->broker, content.address, content.header, content.body,
                              content.body_parts, ret_waited_ms);
    if (message != NULL)
        message->stored = held->stored;
    return message;
}

static void finish_exchange(struct recovery *recovery, struct restored_queue *restored) {
    struct octet_buffer buffer = {0};
    int64_t waited_ms;
    if (restored->held_count > 0)
        qsort(restored->held, restored->held_count, sizeof *restored->held, compare_held);
    for (size_t i = 0; i < restored->held_count; i++) {
        const struct held_entry *held = &restored->held[i];
        if (exchange_restore_away(restored->exchange, restored->hold, held->stored, held->sequence,
                                  held->left_ms))
            continue;
        struct message *message = read_held(recovery, held, &buffer, &waited_ms);
        if (message == NULL)
            drop_damaged(recovery, restored, held);
        else
            exchange_restore(restored->exchange, restored->hold, message, held->sequence,
                             waited_ms);
    }
    free(buffer.octets);
}

static void finish_queues(struct recovery *recovery) {
    struct restored_queue *restored, *next;
    HASH_ITER(by_id, recovery->queues, restored, next) {
        if (restored->queue != NULL)
            finish_queue(restored);
        else
            finish_exchange(recovery, restored);
    }
}

/* What the clean stop left is used up. */
static void forget_redelivered(struct recovery *recovery) {
    struct restored_queue *restored, *next;
    HASH_ITER(by_id, recovery->queues, restored, next) {
        uint64_t id = __builtin_bswap64(restored->id);
        if (restored->redelivered != NULL)
            journal_delete_meta(recovery->broker->journal, STORE_REDELIVERED,
                                slice_of(&id, sizeof id));
    }
}

static void settle_orphans(struct recovery *recovery) {
    for (size_t i = 0; i < recovery->orphan_count; i++)
        journal_settle(recovery->broker->journal, recovery->orphans[i].message,
                       recovery->orphans[i].target);
}

static void recovery_clear(struct recovery *recovery) {
    struct restored_queue *restored, *next;
    HASH_ITER(by_id, recovery->queues, restored, next) {
        HASH_DELETE(by_id, recovery->queues, restored);
        free(restored->held);
        free(restored->late);
        free(restored->redelivered);
        free(restored);
    }
    free(recovery->orphans);
}

static int exit_code(int error) {
    if (error == -EBADMSG)
        return EX_DATAERR;
    return error == -EPROTONOSUPPORT ? EX_PROTOCOL : EX_IOERR;
}

static void report(const struct recovery *recovery, const struct journal_report *found) {
    const struct log *log = &recovery->broker->env->log;
    if (found->torn_tail)
        log_warning(log,
                    "Journal: the last batch was not written to its end (segment %" PRIx64
                    ", offset %" PRIu64 "); nothing of it had been confirmed",
                    found->torn_segment, found->torn_offset);
    if (found->checkpoint_damaged)
        log_warning(log, "Journal: the newest checkpoint is damaged, the older one stood in");
    if (recovery->damaged_count > 0)
        log_error(
            log, "Journal: %" PRIu64 " messages are damaged; what is left of them is in quarantine",
            recovery->damaged_count);
    if (found->last_index == 0 && !found->clean) {
        log_info(log, "The journal is new: there is nothing to recover");
        return;
    }
    log_info(log, "Recovered %" PRIu64 " definitions and %" PRIu64 " messages after %s stop",
             recovery->definition_count, recovery->message_count,
             found->clean ? "a clean" : "an unclean");
}

static int finish(struct recovery *recovery, struct journal *journal,
                  const struct journal_report *found, struct text *error) {
    if (recovery->failed) {
        text_append_format(error, "the journal holds records this version does not understand");
        journal_close(journal, false);
        return EX_PROTOCOL;
    }
    recovery->broker->journal = journal;
    apply_policies(recovery);
    finish_queues(recovery);
    forget_redelivered(recovery);
    settle_orphans(recovery);
    report(recovery, found);
    return EX_OK;
}

int recovery_run(struct broker *broker, const struct journal_options *options, struct text *error) {
    struct journal_report found;
    struct recovery recovery = {.broker = broker, .found = &found};
    struct replay_sink sink = {.context = &recovery,
                               .on_meta = on_meta,
                               .on_queue = on_queue,
                               .on_message = on_message,
                               .on_progress = on_progress};
    struct journal *journal;
    struct journal_error journal_error;
    int result = journal_open(options, &sink, false, &journal, &found, &journal_error);
    if (result < 0)
        text_append_format(error, "%s", journal_error.text);
    int code = result < 0 ? exit_code(result) : finish(&recovery, journal, &found, error);
    recovery_clear(&recovery);
    return code;
}
