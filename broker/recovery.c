/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal gives messages in the order of their places in the files, which compaction changes; a
 * queue wants them by sequence. So each queue's entries are gathered, sorted and enqueued at the end,
 * when it is also known whether the last stop was clean: after any other stop everything is marked
 * redelivered, as RabbitMQ does, because nobody knows what had been delivered.
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

struct restored_entry {
    struct entry entry;
    int64_t waited_ms; /* since it was published */
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
    size_t redelivered_at; /* ranges before this one are behind the sequences asked for */
    struct restored_entry *entries;
    size_t count;
    size_t capacity;
};

/* A message whose queue no definition knows; settled once the journal is open. */
struct orphan {
    struct stored_message *message;
    struct journal_target target;
};

/* A message that is alive, and where. */
struct found_message {
    struct stored_message *stored;
    struct journal_target *targets;
    size_t target_count;
};

struct recovery {
    struct broker *broker;
    struct restored_queue *queues; /* map by id */
    struct orphan *orphans;
    size_t orphan_count;
    size_t orphan_capacity;
    uint64_t definition_count;
    struct found_message *found;
    size_t found_count;
    size_t found_capacity;
    uint64_t message_count;
    uint64_t damaged_count;
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

/* Takes one more reference of the message. */
static void add_entry(struct restored_queue *restored, struct message *message, uint64_t sequence,
                      int64_t waited_ms) {
    if (restored->count == restored->capacity) {
        restored->capacity = restored->capacity * 2 + 16;
        restored->entries =
            xrealloc(restored->entries, restored->capacity * sizeof *restored->entries);
    }
    restored->entries[restored->count++] = (struct restored_entry){
        .entry = {.message = message_ref(message), .sequence = sequence & ENTRY_SEQUENCE_MAX},
        .waited_ms = waited_ms,
    };
}

/* Contents are read when the journal is open. */
static void on_message(void *context, struct stored_message *stored,
                       const struct journal_summary *summary, const struct journal_target *targets,
                       size_t target_count) {
    struct recovery *recovery = context;
    (void)summary;
    if (recovery->found_count == recovery->found_capacity) {
        recovery->found_capacity = recovery->found_capacity * 2 + 16;
        recovery->found =
            xrealloc(recovery->found, recovery->found_capacity * sizeof *recovery->found);
    }
    struct found_message *found = &recovery->found[recovery->found_count++];
    found->stored = stored;
    found->target_count = target_count;
    found->targets = xmalloc(target_count * sizeof *targets);
    memcpy(found->targets, targets, target_count * sizeof *targets);
}

/* What cannot be read is put aside and settled: its queues go on without it. */
static void drop_damaged(struct recovery *recovery, struct journal *journal,
                         const struct found_message *found) {
    recovery->damaged_count++;
    journal_quarantine_message(journal, found->stored);
    for (size_t i = 0; i < found->target_count; i++)
        journal_settle(journal, found->stored, found->targets[i]);
}

static void add_message(struct recovery *recovery, struct message *message,
                        const struct found_message *found, int64_t waited_ms) {
    message->stored = found->stored;
    recovery->message_count++;
    for (size_t i = 0; i < found->target_count; i++) {
        struct restored_queue *restored = find_queue(recovery, found->targets[i].queue_id);
        if (restored != NULL)
            add_entry(restored, message, found->targets[i].sequence, waited_ms);
        else
            add_orphan(recovery, found->stored, found->targets[i]);
    }
}

static void read_messages(struct recovery *recovery, struct journal *journal) {
    uint8_t *buffer = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < recovery->found_count && !recovery->failed; i++) {
        const struct found_message *found = &recovery->found[i];
        struct journal_content content;
        struct slice body;
        int64_t waited_ms;
        if (journal_read(journal, found->stored, &buffer, &capacity, &content, &body) < 0) {
            drop_damaged(recovery, journal, found);
            continue;
        }
        struct message *message =
            store_restore_message(recovery->broker, content.address, content.header, content.body,
                                  content.body_parts, &waited_ms);
        recovery->failed = message == NULL;
        if (message != NULL)
            add_message(recovery, message, found, waited_ms);
        message_unref(message);
    }
    free(buffer);
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

static int compare_entries(const void *a, const void *b) {
    const struct restored_entry *left = a;
    const struct restored_entry *right = b;
    return (left->entry.sequence > right->entry.sequence) -
           (left->entry.sequence < right->entry.sequence);
}

/* After a clean stop it is known which had been delivered; after any other they all may have been. */
static bool is_redelivered(struct restored_queue *restored, bool clean, uint64_t sequence) {
    if (!clean)
        return true;
    while (restored->redelivered_at < restored->redelivered_count &&
           restored->redelivered[restored->redelivered_at].last < sequence)
        restored->redelivered_at++;
    return restored->redelivered_at < restored->redelivered_count &&
           restored->redelivered[restored->redelivered_at].first <= sequence;
}

static void enqueue_entry(struct restored_queue *restored, struct restored_entry *entry,
                          bool clean) {
    struct message *message = entry->entry.message;
    uint64_t sequence = entry->entry.sequence;
    if (restored->queue == NULL) {
        exchange_restore(restored->exchange, restored->hold, message, sequence, entry->waited_ms);
        return;
    }
    entry->entry.redelivered = is_redelivered(restored, clean, sequence);
    queue_restore(restored->queue, entry->entry, entry->waited_ms);
}

static void enqueue_restored(struct recovery *recovery, bool clean) {
    struct restored_queue *restored, *next;
    HASH_ITER(by_id, recovery->queues, restored, next) {
        if (restored->count > 0)
            qsort(restored->entries, restored->count, sizeof *restored->entries, compare_entries);
        for (size_t i = 0; i < restored->count; i++)
            enqueue_entry(restored, &restored->entries[i], clean);
        restored->count = 0;
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
        for (size_t i = 0; i < restored->count; i++)
            message_unref(restored->entries[i].entry.message);
        free(restored->entries);
        free(restored->redelivered);
        free(restored);
    }
    for (size_t i = 0; i < recovery->found_count; i++)
        free(recovery->found[i].targets);
    free(recovery->found);
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
        log_error(log,
                  "Journal: %" PRIu64 " messages are damaged; what is left of them is in quarantine",
                  recovery->damaged_count);
    log_info(log, "Recovered %" PRIu64 " definitions and %" PRIu64 " messages after %s stop",
             recovery->definition_count, recovery->message_count,
             found->clean ? "a clean" : "an unclean");
}

/* Before the messages come: what is asked of a queue decides about them. */
static void apply_policies(struct broker *broker) {
    struct vhost *vhost, *next_vhost;
    MAP_FOR_EACH(broker->vhosts, by_name, vhost, next_vhost) {
        if (vhost->policy_count > 0)
            policies_apply(vhost);
    }
}

static int finish(struct recovery *recovery, struct journal *journal,
                  const struct journal_report *found, struct text *error) {
    read_messages(recovery, journal);
    if (recovery->failed) {
        text_append_format(error, "the journal holds records this version does not understand");
        journal_close(journal, false);
        return EX_PROTOCOL;
    }
    recovery->broker->journal = journal;
    apply_policies(recovery->broker);
    enqueue_restored(recovery, found->clean);
    forget_redelivered(recovery);
    settle_orphans(recovery);
    report(recovery, found);
    return EX_OK;
}

int recovery_run(struct broker *broker, const struct journal_options *options, struct text *error) {
    struct recovery recovery = {.broker = broker};
    struct replay_sink sink = {.context = &recovery,
                               .on_meta = on_meta,
                               .on_queue = on_queue,
                               .on_message = on_message,
                               .on_progress = on_progress};
    struct journal *journal;
    struct journal_report found;
    struct journal_error journal_error;
    int result = journal_open(options, &sink, false, &journal, &found, &journal_error);
    if (result < 0)
        text_append_format(error, "%s", journal_error.text);
    int code = result < 0 ? exit_code(result) : finish(&recovery, journal, &found, error);
    recovery_clear(&recovery);
    return code;
}
