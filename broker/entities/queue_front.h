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

/* Messages dropped from the front in one go, where somebody waits; more are left to a chore. */
#define QUEUE_DROPS_AT_ONCE 16

/* No arguments with an effect, no message with a deadline, and all of them in memory. */
static inline bool queue_is_plain(const struct queue *queue) {
    return queue->features == NULL && !queue->may_expire && queue->ready.away_count == 0;
}

/* The front message is on disk only. */
static inline bool queue_front_is_away(const struct queue *queue) {
    struct ready_list *list = (struct ready_list *)(uintptr_t)&queue->ready;
    if (queue->levels != NULL)
        list = ready_levels_front(queue->levels);
    return list != NULL && ready_list_front_is_away(list);
}

bool queue_front_peek(const struct queue *queue, struct entry *ret_entry);
/* The reference goes to the caller. The queue is not empty. The message may be away. */
struct entry queue_front_take(struct queue *queue);
/* An entry becomes ready again, and consumers get another look. */
void queue_front_return(struct queue *queue, struct entry entry);
/* An entry is over and leaves the journal. The message reference stays with the caller. */
void queue_end_entry(const struct queue *queue, const struct entry *entry);
/* The list with the front message. */
struct ready_list *queue_front_list(struct queue *queue);
/* The first message of a list that is not empty leaves without having been delivered. */
void queue_drop_first_of(struct queue *queue, struct ready_list *list,
                         enum dead_letter_reason reason);

/* -- queue_expiry.c -- */

/* When a message published now is to expire: the queue's TTL or its own, whichever is shorter. */
int64_t queue_deadline_of(const struct queue *queue, const struct message *message);
/* The same with both TTLs at hand, below 0 for none. */
int64_t queue_deadline_with(const struct queue *queue, int64_t queue_ttl_ms, int64_t own_ttl_ms);
/* Drops messages from the front whose deadline is not after `now_ms`, at most `budget`; how many. */
size_t queue_drop_overdue(struct queue *queue, int64_t now_ms, size_t budget);
/* The same for a few of them. False when the front is overdue even then: a chore goes on. */
bool queue_expire_front(struct queue *queue, int64_t now_ms);
/* What of the front is overdue or too many is dropped by a chore. */
void queue_trim_later(struct queue *queue);
/* Keeps a timer for the front message, when it has a deadline. */
void queue_watch_front(struct queue *queue);
/* The timers of a queue that is going away. */
void queue_stop_timers(struct queue *queue);

/* -- queue_limits.c -- */

/* Whether one more message is more than x-overflow=reject-publish allows. */
bool queue_would_reject(struct queue *queue, const struct message *message);
/* Drops messages from the front until the queue is within its length limits, at most `budget`. */
size_t queue_drop_excess(struct queue *queue, size_t budget);
/* The same for a few of them; a chore goes on. */
void queue_limit_length(struct queue *queue);

/* -- queue_remains.c -- */

/* The ready messages are over. The counters and timers are the caller's. */
void queue_clear_ready(struct queue *queue);

/* -- queue.c -- */

/* An entry leaves the queue for good, whether its message is here or away. */
void queue_uncount_persistent(struct queue *queue, const struct entry *entry);
/* A message that was away was taken out of one of the lists; `body_size` as ready_list.taken_size. */
void queue_count_taken_away(struct queue *queue, uint32_t body_size);
/* An entry that was not delivered, and that the queue does not hold any more, is over, whether its
 * message is here or away. */
void queue_finish_undelivered(const struct queue *queue, struct entry entry);

/*
 * After a change of what is ready: consumers get what they can take, and what may not stay goes. With
 * consumers that is done by queue_run(), because a message that is taken at once neither expires nor
 * counts.
 */
void queue_settle_front(struct queue *queue);

#endif
