/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consumers of a queue: whose turn it is among those with credit, exclusive ones, and the single
 * active consumer.
 *
 * With x-single-active-consumer all but one consumer stay on `inactive_consumers` and are not looked
 * at. The first to come is active; when it goes, the next by priority and then age follows. In a
 * classic queue a newcomer never displaces it, whatever its priority (compat 3.2). In a quorum queue
 * one of higher priority does, as in RabbitMQ 4: the active one gets nothing more, and when what it
 * has is settled it becomes inactive.
 */
#include <assert.h>

#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"

static void link_by_priority(struct list *consumers, struct consumer *consumer) {
    struct broker *broker = consumer->queue->vhost->broker;
    struct list *behind = consumers->previous;
    while (behind != consumers &&
           LIST_ITEM(behind, struct consumer, queue_link)->priority < consumer->priority) {
        behind = behind->previous;
        broker->work++;
    }
    list_insert_before(behind->next, &consumer->queue_link);
}

void queue_link_ready_consumer(struct queue *queue, struct consumer *consumer) {
    link_by_priority(&queue->ready_consumers, consumer);
}

void queue_resume_consumers(struct queue *queue) {
    struct list *link;
    while ((link = list_first(&queue->waiting_consumers)) != NULL)
        consumer_resume(LIST_ITEM(link, struct consumer, queue_link));
}

static bool has_single_active_consumer(const struct queue *queue) {
    return queue->features != NULL && queue->features->single_active_consumer;
}

/* RabbitMQ's quorum queues only note the flag: differential scenario quorum/consume-exclusive. */
static bool exclusivity_conflicts(const struct queue *queue, const struct consumer *consumer) {
    if (queue->type == QUEUE_QUORUM)
        return false;
    if (queue->exclusive_consumer != NULL)
        return true;
    return consumer->exclusive && (queue->consumer_count > 0 || has_single_active_consumer(queue));
}

static void activate(struct queue *queue, struct consumer *consumer) {
    queue->active_consumer = consumer;
    queue_link_ready_consumer(queue, consumer);
    broker_queue_runnable(queue->vhost->broker, queue);
}

/* The active consumer is gone. */
static void activate_next(struct queue *queue) {
    struct list *link = list_take_first(&queue->inactive_consumers);
    queue->active_consumer = NULL;
    if (link != NULL)
        activate(queue, LIST_ITEM(link, struct consumer, queue_link));
}

static struct consumer *first_of_higher_priority(const struct queue *queue) {
    struct list *link = list_first(&queue->inactive_consumers);
    struct consumer *first = link == NULL ? NULL : LIST_ITEM(link, struct consumer, queue_link);
    return first != NULL && first->priority > queue->active_consumer->priority ? first : NULL;
}

/* It was the eldest of its priority. */
static void deactivate(struct queue *queue, struct consumer *consumer) {
    struct list *before = queue->inactive_consumers.next;
    while (before != &queue->inactive_consumers &&
           LIST_ITEM(before, struct consumer, queue_link)->priority > consumer->priority) {
        before = before->next;
        queue->vhost->broker->work++;
    }
    list_remove(&consumer->queue_link);
    list_insert_before(before, &consumer->queue_link);
    consumer->waiting = false;
}

/* Until it is resumed, which each of its settlements does. */
static void pause_consumer(struct queue *queue, struct consumer *consumer) {
    list_remove(&consumer->queue_link);
    list_append(&queue->waiting_consumers, &consumer->queue_link);
    consumer->waiting = true;
}

void queue_hand_over(struct queue *queue) {
    struct consumer *active = queue->active_consumer;
    struct consumer *next = first_of_higher_priority(queue);
    if (next == NULL)
        return;
    if (active->ops->has_unacked(active)) {
        pause_consumer(queue, active);
        return;
    }
    deactivate(queue, active);
    list_remove(&next->queue_link);
    activate(queue, next);
}

static void link_consumer(struct queue *queue, struct consumer *consumer) {
    if (queue->active_consumer != NULL)
        link_by_priority(&queue->inactive_consumers, consumer);
    else if (has_single_active_consumer(queue))
        activate(queue, consumer);
    else
        queue_link_ready_consumer(queue, consumer);
}

bool queue_add_consumer(struct queue *queue, struct consumer *consumer, struct refusal *refusal) {
    if (exclusivity_conflicts(queue, consumer))
        return refuse(refusal, AMQP_ACCESS_REFUSED,
                      "queue '" SLICE_FMT "' in vhost '" SLICE_FMT "' in exclusive use",
                      SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name));
    consumer->queue = queue;
    consumer->waiting = false;
    link_consumer(queue, consumer);
    queue->consumer_count++;
    queue->had_consumer = true;
    if (consumer->exclusive)
        queue->exclusive_consumer = consumer;
    queue_restart_expires(queue);
    broker_queue_runnable(queue->vhost->broker, queue);
    return true;
}

static void unlink_consumer(struct queue *queue, struct consumer *consumer) {
    list_remove(&consumer->queue_link);
    if (queue->exclusive_consumer == consumer)
        queue->exclusive_consumer = NULL;
    consumer->queue = NULL;
    queue->consumer_count--;
}

void queue_remove_consumer(struct queue *queue, struct consumer *consumer) {
    if (consumer->queue != queue)
        return;
    unlink_consumer(queue, consumer);
    if (queue->active_consumer == consumer)
        activate_next(queue);
    else if (queue->active_consumer != NULL)
        consumer_resume(queue->active_consumer); /* it may have waited for this one */
    queue_restart_expires(queue);
    if (queue->auto_delete && queue->consumer_count == 0 && !queue->deleted)
        vhost_remove_queue(queue);
}

static void delete_consumers_of(struct queue *queue, struct list *consumers) {
    struct list *link;
    while ((link = list_first(consumers)) != NULL) {
        struct consumer *consumer = LIST_ITEM(link, struct consumer, queue_link);
        unlink_consumer(queue, consumer);
        consumer->ops->on_queue_deleted(consumer);
    }
}

void queue_delete_consumers(struct queue *queue) {
    delete_consumers_of(queue, &queue->ready_consumers);
    delete_consumers_of(queue, &queue->waiting_consumers);
    delete_consumers_of(queue, &queue->inactive_consumers);
    queue->active_consumer = NULL;
}
