/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For queue.c, queue_*.c and dead_letter.c only: the ready messages of a queue whatever its
 * arguments, and what is dropped from the front of them. Queues that are plain go their own, shorter
 * way in queue.c.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_FRONT_H
#define LEVERET_BROKER_ENTITIES_QUEUE_FRONT_H

#include "broker/entities/dead_letter.h"
#include "broker/entities/queue.h"

/* No arguments with an effect, and no message with a deadline. */
static inline bool queue_is_plain(const struct queue *queue) {
    return queue->features == NULL && !queue->may_expire;
}

bool queue_front_peek(const struct queue *queue, struct entry *ret_entry);
/* The reference goes to the caller. The queue is not empty. */
struct entry queue_front_take(struct queue *queue);
/* An entry becomes ready again, and consumers get another look. */
void queue_front_return(struct queue *queue, struct entry entry);
/* An entry is over and leaves the journal. The message reference stays with the caller. */
void queue_end_entry(const struct queue *queue, const struct entry *entry);
/* The front message leaves without having been delivered. */
void queue_front_drop(struct queue *queue, enum dead_letter_reason reason);

/* -- queue_expiry.c -- */

/* When a message published now is to expire: the queue's TTL or its own, whichever is shorter. */
int64_t queue_deadline_of(const struct queue *queue, const struct message *message);
/* Drops messages from the front as long as their deadline is not after `now_ms`. */
void queue_expire_front(struct queue *queue, int64_t now_ms);
/* Keeps a timer for the front message, when it has a deadline. */
void queue_watch_front(struct queue *queue);
/* The timers of a queue that is going away. */
void queue_stop_timers(struct queue *queue);

/* -- queue_limits.c -- */

/* Whether one more message is more than x-overflow=reject-publish allows. */
bool queue_would_reject(struct queue *queue, const struct message *message);
/* Drops messages from the front until the queue is within its length limits. */
void queue_limit_length(struct queue *queue);

/* -- queue.c -- */

/*
 * After a change of what is ready: consumers get what they can take, and what may not stay goes. With
 * consumers that is done by queue_run(), because a message that is taken at once neither expires nor
 * counts.
 */
void queue_settle_front(struct queue *queue);

#endif
