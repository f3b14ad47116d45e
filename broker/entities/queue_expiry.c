/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time to live of messages and of queues (compat 3.2).
 *
 * A message gets its deadline when it is enqueued and keeps it when it is requeued. It expires only at
 * the front: one that is overdue behind another which is not stays, and counts. In a quorum queue each
 * priority has a front, as in RabbitMQ 4.3. So one timer per queue is enough; it waits for the deadline
 * of the front message. It is not moved when a later message comes to the front: firing too early it
 * finds nothing to do and is set anew. Any number may be overdue together, so the timer only makes it
 * a chore; whoever looks at the front meanwhile drops a few himself, which is more than any publisher
 * adds.
 *
 * A message that is due now still goes to a consumer who can take it at once (that is all a TTL of 0
 * allows), hence `now_ms - 1` where consumers are served and `now_ms` where there are none.
 *
 * A queue with x-expires goes when it had no consumer, was not declared again and nobody tried to get
 * from it for that long. Publishing does not count.
 */
#include "amqp/properties.h"
#include "broker/entities/broker.h"
#include "broker/entities/expiration.h"
#include "broker/entities/message.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/vhost.h"

static struct broker *broker_of(const struct queue *queue) {
    return queue->vhost->broker;
}

/* --- messages --- */

static int64_t own_time_to_live_ms(const struct message *message) {
    struct amqp_properties properties;

    if (!(message_flags(message) & AMQP_EXPIRATION))
        return -1;
    message_properties(message, &properties);
    return expiration_ms(properties.expiration);
}

int64_t queue_deadline_with(const struct queue *queue, int64_t queue_ttl_ms, int64_t own_ttl_ms) {
    bool is_own = own_ttl_ms >= 0 && (queue_ttl_ms < 0 || own_ttl_ms <= queue_ttl_ms);
    int64_t ttl_ms = is_own ? own_ttl_ms : queue_ttl_ms;
    return ttl_ms < 0 ? ENTRY_NEVER_EXPIRES : broker_of(queue)->env->now_ms + ttl_ms;
}

int64_t queue_deadline_of(const struct queue *queue, const struct message *message) {
    int64_t queue_ttl_ms = queue->features == NULL ? -1 : queue->features->message_ttl_ms;
    return queue_deadline_with(queue, queue_ttl_ms, own_time_to_live_ms(message));
}

/* The list whose front is to expire, and when; NULL when there is none. */
static struct ready_list *expiring_list(struct queue *queue, int64_t *ret_deadline_ms) {
    struct entry front;
    if (!queue->may_expire)
        return NULL;
    if (queue->quorum != NULL)
        return ready_levels_first_to_expire(queue->levels, ret_deadline_ms);
    if (!queue_front_peek(queue, &front) || front.expires_ms == ENTRY_NEVER_EXPIRES)
        return NULL;
    *ret_deadline_ms = front.expires_ms;
    return queue_front_list(queue);
}

/* NULL when no front is overdue. */
static struct ready_list *overdue_list(struct queue *queue, int64_t now_ms) {
    int64_t deadline_ms = 0;
    struct ready_list *list = expiring_list(queue, &deadline_ms);
    return list != NULL && deadline_ms <= now_ms ? list : NULL;
}

size_t queue_drop_overdue(struct queue *queue, int64_t now_ms, size_t budget) {
    size_t dropped = 0;
    struct ready_list *list;
    for (; dropped < budget && (list = overdue_list(queue, now_ms)) != NULL; dropped++)
        queue_drop_first_of(queue, list, DEAD_LETTER_EXPIRED);
    return dropped;
}

bool queue_expire_front(struct queue *queue, int64_t now_ms) {
    queue_drop_overdue(queue, now_ms, QUEUE_DROPS_AT_ONCE);
    if (overdue_list(queue, now_ms) == NULL)
        return true;
    queue_trim_later(queue);
    return false;
}

static size_t trim(struct chore *chore, size_t budget) {
    struct queue *queue = LIST_ITEM(chore, struct queue, trim_chore);
    int64_t now_ms = broker_of(queue)->env->now_ms;
    size_t dropped = queue_drop_excess(queue, budget);
    if (!list_is_empty(&queue->ready_consumers))
        now_ms--; /* what is due just now is theirs, if they can take it */
    dropped += queue_drop_overdue(queue, now_ms, budget - dropped);
    if (dropped < budget)
        queue_settle_front(queue);
    return dropped;
}

void queue_trim_later(struct queue *queue) {
    chore_add(broker_of(queue), &queue->trim_chore, trim);
}

static void on_message_timer(struct timer *timer) {
    queue_trim_later(LIST_ITEM(timer, struct queue, message_timer));
}

void queue_watch_front(struct queue *queue) {
    int64_t deadline_ms = 0;
    if (queue_ready_count(queue) == 0)
        queue->may_expire = false;
    if (expiring_list(queue, &deadline_ms) == NULL)
        timer_stop(&broker_of(queue)->timers, &queue->message_timer);
    else if (!timer_is_running(&queue->message_timer) || queue->message_timer.due_ms > deadline_ms)
        timer_start(&broker_of(queue)->timers, &queue->message_timer, deadline_ms,
                    on_message_timer);
}

/* --- queues --- */

static void on_expires_timer(struct timer *timer) {
    vhost_remove_queue(LIST_ITEM(timer, struct queue, expires_timer));
}

void queue_restart_expires(struct queue *queue) {
    struct timers *timers = &broker_of(queue)->timers;
    if (queue->features == NULL || queue->features->expires_ms < 0 || queue->deleted)
        return;
    if (queue->consumer_count > 0)
        timer_stop(timers, &queue->expires_timer);
    else
        timer_start(timers, &queue->expires_timer,
                    broker_of(queue)->env->now_ms + queue->features->expires_ms, on_expires_timer);
}

void queue_stop_timers(struct queue *queue) {
    timer_stop(&broker_of(queue)->timers, &queue->message_timer);
    timer_stop(&broker_of(queue)->timers, &queue->expires_timer);
}
