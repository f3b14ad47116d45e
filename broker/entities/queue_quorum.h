/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a queue of type quorum does that others do not, as RabbitMQ's does on a single node (compat 3.3):
 *
 *   - every message is durable, whatever its delivery-mode (store.h asks queue_keeps());
 *   - what comes back is served first, in the order of returning (ready_levels.h), counted
 *     (delivery_history.h), shown to consumers in headers, and a dead letter beyond the delivery limit;
 *   - with x-delayed-retry-* it waits before it is ready again, and is not counted as ready meanwhile;
 *   - with x-dead-letter-strategy at-least-once and x-overflow reject-publish a letter that nobody
 *     takes is held and tried again, and counts against the length limits (dead_letter.c).
 *
 * queue->quorum is NULL in queues of other types; nothing here is called for them.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_QUORUM_H
#define LEVERET_BROKER_ENTITIES_QUEUE_QUORUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/base/list.h"
#include "broker/base/timer.h"
#include "broker/entities/ready_list.h"

struct delivery_history;
struct message;
struct queue;

struct quorum {
    struct delivery_history *histories; /* map by sequence */
    struct list withheld;               /* entries waiting for their next try, owned */
    size_t withheld_count;
    struct list held_letters; /* dead letters nobody took yet, see dead_letter.c */
    size_t held_count;
    uint64_t held_bytes;        /* of their bodies */
    struct timer letters_timer; /* their next try */
};

struct quorum *quorum_create(void);
/* After quorum_clear(). NULL is allowed. */
void quorum_destroy(struct quorum *quorum);

/* The queue is being deleted: nothing waits any more, and no history is left. */
void quorum_clear(struct queue *queue);

/*
 * An entry comes back; with `failed` it counts against the delivery limit. True when it is to be ready
 * again now. Otherwise it was taken over: it waits, or is a dead letter.
 */
bool quorum_take_back(struct queue *queue, struct entry entry, bool failed);

/* The message is gone for good. */
void quorum_forget(const struct queue *queue, uint64_t sequence);

/* Its letter is held: so it shall be after a restart. */
void quorum_remember_death(const struct queue *queue, uint64_t sequence, uint8_t reason);

/*
 * The message as consumers are to see it, with x-acquired-count and x-delivery-count when it has a
 * history. One more reference of this message or a new one.
 */
struct message *quorum_shown_message(const struct queue *queue, const struct entry *entry);

/* Recovery: what becomes of an entry whose history, if any, was restored before. */
enum quorum_place { QUORUM_PLACE_OWN, QUORUM_PLACE_RETURNED, QUORUM_PLACE_TAKEN };
enum quorum_place quorum_restore(struct queue *queue, struct entry *entry);

#endif
