/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue gets its messages back after a restart. All of them are away: nothing is read before its
 * turn, so that a start costs neither the memory nor the time of a backlog's bodies.
 */
#include "broker/entities/broker.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/queue_lifetimes.h"
#include "broker/entities/queue_quorum.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"

/* The deadline it had, or one that has passed; what was never to expire never does. */
static int64_t deadline_of(const struct queue *queue, uint64_t sequence,
                           const struct restored_message *restored) {
    int64_t deadline_ms =
        queue_deadline_with(queue, queue_lifetime_of(queue, sequence), restored->time_to_live_ms);
    if (deadline_ms == ENTRY_NEVER_EXPIRES)
        return ENTRY_NEVER_EXPIRES;
    deadline_ms -= restored->waited_ms;
    return deadline_ms > 0 ? deadline_ms : 1; /* 0 would be never */
}

static uint8_t level_of(const struct queue *queue, const struct restored_message *restored) {
    return queue->levels == NULL
               ? 0
               : ready_levels_level(queue->levels, restored->has_priority, restored->priority);
}

static void push(struct queue *queue, struct entry entry, uint8_t level, uint32_t body_size) {
    if (queue->levels == NULL)
        ready_list_push_away(&queue->ready, entry, body_size);
    else
        ready_levels_push_away(queue->levels, level, entry, body_size);
}

static struct entry note_restored(struct queue *queue, struct entry entry,
                                  const struct restored_message *restored) {
    entry.expires_ms = deadline_of(queue, entry.sequence, restored);
    queue->may_expire |= entry.expires_ms != ENTRY_NEVER_EXPIRES;
    if (queue->next_sequence <= entry.sequence)
        queue->next_sequence = entry.sequence + 1;
    return entry;
}

static void count_bytes(struct queue *queue, uint32_t body_size) {
    if (body_size != AWAY_SIZE_UNKNOWN)
        queue->ready_bytes += body_size;
}

/* Everything that comes back from the journal is persistent. */
static void count_persistent(struct queue *queue, uint32_t body_size) {
    queue->persistent.messages++;
    queue->persistent.bytes += body_size == AWAY_SIZE_UNKNOWN ? 0 : body_size;
}

/* In a quorum queue a message that has a history has its place elsewhere: true. */
static bool is_placed_by_history(struct queue *queue, struct entry *entry, uint32_t body_size) {
    enum quorum_place place =
        queue->quorum == NULL ? QUORUM_PLACE_OWN : quorum_restore(queue, entry);
    if (place == QUORUM_PLACE_RETURNED) {
        count_bytes(queue, body_size);
        ready_levels_return_away(queue->levels, *entry, body_size);
    }
    return place != QUORUM_PLACE_OWN;
}

static void restore(struct queue *queue, struct entry entry, uint8_t level,
                    const struct restored_message *restored) {
    entry = note_restored(queue, entry, restored);
    count_persistent(queue, restored->body_size);
    if (is_placed_by_history(queue, &entry, restored->body_size))
        return;
    count_bytes(queue, restored->body_size);
    push(queue, entry, level, restored->body_size);
}

void queue_restore(struct queue *queue, struct entry entry,
                   const struct restored_message *restored) {
    restore(queue, entry, level_of(queue, restored), restored);
}

/* --- those that came too late --- */

/* Empties the list of one level and returns what was in it. */
static struct ready_list take_list(struct queue *queue, uint8_t level) {
    struct ready_list *list = queue->levels == NULL ? &queue->ready : &queue->levels->lists[level];
    struct ready_list taken = *list;
    ready_list_init(list);
    list->has_sizes = taken.has_sizes;
    if (queue->levels != NULL)
        ready_levels_forget(queue->levels, level, ready_list_count(&taken));
    return taken;
}

/* Pushes what is left in `list` and belongs before `sequence`. */
static void push_those_before(struct queue *queue, struct ready_list *list, uint8_t level,
                              uint64_t sequence) {
    struct entry entry;
    while (ready_list_peek(list, &entry) && entry.sequence < sequence) {
        ready_list_take(list, &entry);
        push(queue, entry, level, list->taken_size);
    }
}

static void merge_level(struct queue *queue, uint8_t level, const struct restored_entry *late,
                        size_t count) {
    struct ready_list list = take_list(queue, level);
    for (size_t i = 0; i < count; i++) {
        if (level_of(queue, &late[i].what) != level)
            continue;
        push_those_before(queue, &list, level, late[i].entry.sequence);
        restore(queue, late[i].entry, level, &late[i].what);
    }
    push_those_before(queue, &list, level, ENTRY_SEQUENCE_MAX);
    ready_list_clear(&list);
}

void queue_finish_restore(struct queue *queue, const struct restored_entry *late, size_t count) {
    uint8_t highest = queue->levels == NULL ? 0 : queue->levels->highest;
    for (unsigned level = 0; count > 0 && level <= highest; level++)
        merge_level(queue, (uint8_t)level, late, count);
    queue_watch_front(queue);
}
