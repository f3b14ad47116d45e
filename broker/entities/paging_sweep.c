/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting away goes in sweeps over all queues, a slice of one in each tick: first what is behind a
 * fair share of each queue's front, then, when that was not enough, all but the front message. When
 * even that did not help (messages wait for the disk, or for acknowledgements) the next sweep waits
 * for a change.
 *
 * What nobody consumes and the journal has goes long before that. It costs nothing, and memory that is
 * used again is warm: asking the kernel for more took longer than all else that is done for a message.
 */
#include "broker/base/env.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/paging_private.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "persistence/journal.h"
#include "persistence/pager.h"

/* One tick puts away so much, looks at so many queues, and no more. */
#define SLICE_OCTETS   (UINT64_C(2) << 20)
#define SLICE_MESSAGES 4096
#define SLICE_QUEUES   4096
/* Of the limit: what bodies may take however large the index is; how far below a sweep goes. */
#define FLOOR_SHARE  8
#define MARGIN_SHARE 16
/* Of the limit: what queues that nobody consumes may take, where the journal has it; how far below a
 * sweep goes. */
#define IDLE_SHARE        16
#define IDLE_MARGIN_SHARE 8
/* A sweep that did not help is followed by another after such a share of the limit more, or so long. */
#define RETRY_SHARE 64
#define RETRY_MS    100

struct putting {
    struct paging *paging;
    const struct queue *queue;
};

static enum put_away_answer put_stored_away(struct entry *entry) {
    struct stored_message *stored = entry->message->stored;
    if (!journal_message_is_written(stored))
        return AWAY_ENOUGH; /* nor is anything behind it */
    message_unref(entry->message);
    entry_set_away(entry, (struct away){.stored = stored});
    return AWAY_WENT;
}

static enum put_away_answer spill(struct paging *paging, struct entry *entry) {
    uint32_t number = store_spill(paging->broker, paging->pager, entry->message);
    if (number == 0)
        return AWAY_STAYS;
    message_unref(entry->message);
    entry_set_away(entry, (struct away){.spilled = number});
    return AWAY_WENT;
}

static uint64_t idle_limit(const struct paging *paging) {
    return paging->limit / IDLE_SHARE;
}

static bool has_freed_enough(const struct paging *paging) {
    uint64_t limit = idle_limit(paging);
    return paging->slice_freed >= SLICE_OCTETS ||
           (paging->sweep == SWEEP_IDLE &&
            paging->broker->messages.bytes <= limit - limit / IDLE_MARGIN_SHARE);
}

static enum put_away_answer put_one_away(void *context, struct entry *entry) {
    const struct putting *putting = context;
    struct paging *paging = putting->paging;
    uint64_t before = paging->broker->messages.bytes;
    bool is_stored = entry->message->stored != NULL && queue_keeps(putting->queue, entry->message);
    if (has_freed_enough(paging) || (paging->sweep == SWEEP_IDLE && !is_stored))
        return AWAY_ENOUGH;
    enum put_away_answer answer = is_stored ? put_stored_away(entry) : spill(paging, entry);
    paging->slice_freed += before - paging->broker->messages.bytes;
    return answer;
}

/* Messages at the front of a list that this sweep leaves alone. */
static size_t kept_by(const struct paging *paging, const struct ready_list *list) {
    struct entry front;
    if (paging->sweep == SWEEP_ALL || !ready_list_peek(list, &front) || entry_is_away(&front))
        return 1;
    uint64_t room = paging->sweep == SWEEP_IDLE ? idle_limit(paging) : paging->budget;
    uint64_t share = room / 4 / paging->queues_share;
    return (size_t)(share / (front.message->allocated + front.message->body_size)) + 1;
}

static size_t sweep_list(struct paging *paging, const struct queue *queue,
                         struct ready_list *list) {
    struct putting putting = {paging, queue};
    size_t went = 0;
    if (ready_list_count(list) > 0)
        went = ready_list_put_away(list, kept_by(paging, list), SLICE_MESSAGES, put_one_away,
                                   &putting);
    return went;
}

static void sweep_queue(struct paging *paging, struct queue *queue) {
    bool is_swept = paging->sweep != SWEEP_IDLE || queue->consumer_count == 0;
    if (queue_ready_count(queue) == 0)
        return;
    paging->queues_seen++;
    size_t lists = queue->levels == NULL ? 1 : ready_levels_list_count(queue->levels);
    for (size_t i = 0; i < lists; i++) {
        struct ready_list *list = paging_list_at(queue, i);
        if (is_swept)
            paging->statistics.paged_out += sweep_list(paging, queue, list);
        paging->away_memory += ready_list_away_memory(list);
    }
}

static struct queue *first_queue_from(struct vhost *vhost) {
    for (; vhost != NULL; vhost = vhost->by_name.next) {
        if (vhost->queues != NULL)
            return vhost->queues;
    }
    return NULL;
}

static struct queue *next_queue(const struct queue *queue) {
    if (queue->by_name.next != NULL)
        return queue->by_name.next;
    return first_queue_from(queue->vhost->by_name.next);
}

void paging_forget_queue(struct queue *queue) {
    struct paging *paging = queue->vhost->broker->paging;
    if (paging != NULL && paging->cursor == queue)
        paging->cursor = NULL; /* the sweep ends here and another may begin */
}

static uint64_t index_memory(const struct paging *paging) {
    struct pager_statistics pager;
    pager_statistics(paging->pager, &pager);
    return paging->away_memory + pager.overflow_memory +
           journal_index_memory(paging->broker->journal);
}

static void set_budget(struct paging *paging) {
    uint64_t index = index_memory(paging);
    uint64_t floor = paging->limit / FLOOR_SHARE;
    paging->budget = index + floor < paging->limit ? paging->limit - index : floor;
}

static void begin_sweep(struct paging *paging, enum sweep sweep) {
    paging->sweep = sweep;
    paging->cursor = first_queue_from(paging->broker->vhosts);
    paging->queues_seen = 0;
    paging->away_memory = 0;
}

static bool is_low(const struct paging *paging) {
    return paging->broker->messages.bytes <= paging->budget - paging->budget / MARGIN_SHARE;
}

/* All queues were looked at. */
static void end_sweep(struct paging *paging) {
    paging->queues_share = paging->queues_seen > 0 ? paging->queues_seen : 1;
    set_budget(paging);
    if (paging->sweep == SWEEP_FAIR && !is_low(paging)) {
        begin_sweep(paging, SWEEP_ALL);
        return;
    }
    paging->idle_bytes =
        paging->broker->messages.bytes +
        idle_limit(paging) / IDLE_MARGIN_SHARE * (1 + paging->queues_seen / SLICE_QUEUES);
    bool was_idle = paging->sweep == SWEEP_IDLE;
    paging->sweep = SWEEP_NONE;
    if (was_idle)
        return;
    paging->retry_bytes = paging->broker->messages.bytes + paging->limit / RETRY_SHARE;
    paging->retry_ms = paging->broker->env->now_ms + RETRY_MS;
}

static void sweep_slice(struct paging *paging) {
    paging->slice_freed = 0;
    for (size_t i = 0; i < SLICE_QUEUES && paging->slice_freed < SLICE_OCTETS; i++) {
        if (paging->cursor == NULL) {
            end_sweep(paging);
            return;
        }
        sweep_queue(paging, paging->cursor);
        if (paging->slice_freed < SLICE_OCTETS)
            paging->cursor = next_queue(paging->cursor);
    }
}

/* Too much is in memory, and a sweep may do something about it. */
static enum sweep due_sweep(struct paging *paging) {
    uint64_t bytes = paging->broker->messages.bytes;
    if (bytes > paging->budget &&
        (bytes >= paging->retry_bytes || paging->broker->env->now_ms >= paging->retry_ms))
        return SWEEP_FAIR;
    if (bytes <= idle_limit(paging))
        paging->idle_bytes = 0;
    return bytes > idle_limit(paging) && bytes >= paging->idle_bytes ? SWEEP_IDLE : SWEEP_NONE;
}

/* What could not be written to a full disk is tried again, now and then. */
static void retry_disk(struct paging *paging) {
    int64_t now_ms = paging->broker->env->now_ms;
    if (now_ms < paging->disk_retry_ms)
        return;
    paging->disk_retry_ms = now_ms + RETRY_MS;
    pager_retry(paging->pager);
}

bool paging_tick(struct paging *paging) {
    if (paging == NULL)
        return false;
    if (paging->sweep == SWEEP_NONE) {
        enum sweep due = due_sweep(paging);
        if (due == SWEEP_NONE)
            return false;
        set_budget(paging);
        retry_disk(paging);
        if (due == SWEEP_FAIR && paging->broker->messages.bytes <= paging->budget)
            return false;
        begin_sweep(paging, due);
    }
    sweep_slice(paging);
    pager_flush(paging->pager);
    return paging->sweep != SWEEP_NONE;
}
