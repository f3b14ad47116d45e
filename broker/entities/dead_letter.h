/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that a queue could not keep and its dead-letter exchange gets (compat 3.5).
 *
 * A dead message waits on the broker's list until the tick drains it: no queue publishes to another
 * while it is at work itself. Draining makes a new message, with x-death headers and the dead-letter
 * exchange as its exchange, and routes it like any publish; nobody needs a permission for that.
 */
#ifndef LEVERET_BROKER_ENTITIES_DEAD_LETTER_H
#define LEVERET_BROKER_ENTITIES_DEAD_LETTER_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/entities/ready_list.h"

struct broker;
struct queue;
struct vhost;

enum dead_letter_reason {
    DEAD_LETTER_REJECTED, /* reject or nack without requeue */
    DEAD_LETTER_EXPIRED,
    DEAD_LETTER_MAXLEN,
    DEAD_LETTER_DELIVERY_LIMIT, /* of a quorum queue */
};

/*
 * Takes the entry, which has left the queue, and its message's reference. Without a dead-letter exchange
 * the message is just gone. Otherwise it stays in the journal until its letter is, so that a crash in
 * between brings it back to this queue.
 */
void dead_letter_take(struct queue *queue, struct entry entry, enum dead_letter_reason reason);

/*
 * The same for an entry of a quorum queue that was a held letter when the broker ended. Its next try is
 * the first thing the clock does, also where it only is dropped, since there is no dead-letter exchange
 * any more: during recovery the journal cannot be told.
 */
void dead_letter_restore(struct queue *queue, struct entry entry, enum dead_letter_reason reason);

/*
 * Publishes at most `budget` of the dead messages there are now; those that die by it wait for the
 * next call. True when some are left.
 */
bool broker_drain_dead_letters(struct broker *broker, size_t budget);

/* The queue is being deleted: letters of it that nobody took are gone. */
void dead_letters_drop_held(struct queue *queue);

/* Forgets those that come from queues of this vhost: it is being deleted. */
void broker_forget_dead_letters(const struct vhost *vhost);

/* Forgets all of them: the broker is going away. */
void broker_clear_dead_letters(struct broker *broker);

#endif
