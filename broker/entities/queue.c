/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/vhost.h"

static struct slice copy_slice(struct slice bytes) {
    uint8_t *copy = xmalloc(bytes.len + 1);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    return slice_of(copy, bytes.len);
}

struct queue *queue_create(struct vhost *vhost, struct slice name, struct slice arguments) {
    struct queue *queue = xcalloc(1, sizeof *queue);
    queue->vhost = vhost;
    queue->name = copy_slice(name);
    queue->arguments = copy_slice(arguments);
    list_init(&queue->exclusive_link);
    list_init(&queue->bindings);
    list_init(&queue->ready_consumers);
    list_init(&queue->waiting_consumers);
    list_init(&queue->runnable_link);
    ready_list_init(&queue->ready);
    return queue;
}

static void free_when_unused(struct queue *queue) {
    if (!queue->deleted || queue->unacked_count > 0)
        return;
    free((void *)(uintptr_t)queue->name.data);
    free((void *)(uintptr_t)queue->arguments.data);
    free(queue);
}

/* --- consumers --- */

void queue_link_ready_consumer(struct queue *queue, struct consumer *consumer) {
    struct list *behind = queue->ready_consumers.previous;
    while (behind != &queue->ready_consumers &&
           LIST_ITEM(behind, struct consumer, queue_link)->priority < consumer->priority)
        behind = behind->previous;
    list_insert_before(behind->next, &consumer->queue_link);
}

void queue_resume_consumers(struct queue *queue) {
    struct list *link;
    while ((link = list_first(&queue->waiting_consumers)) != NULL)
        consumer_resume(LIST_ITEM(link, struct consumer, queue_link));
}

static bool exclusivity_conflicts(const struct queue *queue, const struct consumer *consumer) {
    if (queue->exclusive_consumer != NULL)
        return true;
    return consumer->exclusive && queue->consumer_count > 0;
}

bool queue_add_consumer(struct queue *queue, struct consumer *consumer, struct refusal *refusal) {
    if (exclusivity_conflicts(queue, consumer))
        return refuse(refusal, AMQP_ACCESS_REFUSED,
                      "queue '" SLICE_FMT "' in vhost '" SLICE_FMT "' in exclusive use",
                      SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name));
    consumer->queue = queue;
    consumer->waiting = false;
    queue_link_ready_consumer(queue, consumer);
    queue->consumer_count++;
    queue->had_consumer = true;
    if (consumer->exclusive)
        queue->exclusive_consumer = consumer;
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

/* --- end of life --- */

void queue_delete(struct queue *queue) {
    assert(!queue->deleted);
    queue->deleted = true;
    queue->vhost->broker->counters.queues_deleted++;
    list_remove(&queue->exclusive_link);
    list_remove(&queue->runnable_link);
    delete_consumers_of(queue, &queue->ready_consumers);
    delete_consumers_of(queue, &queue->waiting_consumers);
    ready_list_clear(&queue->ready);
    free_when_unused(queue);
}

/* --- messages --- */

void queue_publish(struct queue *queue, struct message *message) {
    if (queue->deleted)
        return;
    queue->published_count++;
    struct entry entry = {.message = message_ref(message),
                          .sequence = queue->next_sequence++ & ENTRY_SEQUENCE_MAX};
    ready_list_push(&queue->ready, entry);
    if (!list_is_empty(&queue->ready_consumers))
        broker_queue_runnable(queue->vhost->broker, queue);
}

/* Counts an entry that leaves for a consumer or getter. */
static void count_taken(struct queue *queue, const struct entry *entry, bool no_ack) {
    queue->delivered_count++;
    queue->redelivered_count += entry->redelivered;
    if (!no_ack)
        queue->unacked_count++;
}

bool queue_get(struct queue *queue, bool no_ack, struct entry *ret_entry) {
    if (!ready_list_take(&queue->ready, ret_entry))
        return false;
    count_taken(queue, ret_entry, no_ack);
    return true;
}

static void forget_unacked(struct queue *queue) {
    assert(queue->unacked_count > 0);
    queue->unacked_count--;
    free_when_unused(queue);
}

void queue_ack(struct queue *queue, struct entry entry) {
    message_unref(entry.message);
    queue->acked_count++;
    forget_unacked(queue);
}

void queue_discard(struct queue *queue, struct entry entry) {
    message_unref(entry.message);
    forget_unacked(queue);
}

void queue_requeue(struct queue *queue, struct entry entry) {
    if (queue->deleted) {
        queue_discard(queue, entry);
        return;
    }
    queue->unacked_count--;
    entry.redelivered = true;
    ready_list_return(&queue->ready, entry);
    if (!list_is_empty(&queue->ready_consumers))
        broker_queue_runnable(queue->vhost->broker, queue);
}

size_t queue_purge(struct queue *queue) {
    size_t purged = queue_ready_count(queue);
    ready_list_clear(&queue->ready);
    return purged;
}

/* --- running --- */

/* The consumer whose turn it is; those without credit move to the waiting list on the way. */
static struct consumer *next_consumer(struct queue *queue) {
    struct list *link;
    while ((link = list_first(&queue->ready_consumers)) != NULL) {
        struct consumer *consumer = LIST_ITEM(link, struct consumer, queue_link);
        if (consumer->ops->has_credit(consumer))
            return consumer;
        list_remove(link);
        list_append(&queue->waiting_consumers, link);
        consumer->waiting = true;
    }
    return NULL;
}

/* The served consumer goes behind its equals. */
static void rotate(struct queue *queue, struct consumer *consumer) {
    if (consumer->queue_link.next == &queue->ready_consumers)
        return;
    list_remove(&consumer->queue_link);
    queue_link_ready_consumer(queue, consumer);
}

size_t queue_run(struct queue *queue, size_t budget) {
    size_t delivered = 0;
    struct consumer *consumer;
    struct entry entry;
    while (delivered < budget && queue_ready_count(queue) > 0 &&
           (consumer = next_consumer(queue)) != NULL) {
        ready_list_take(&queue->ready, &entry);
        count_taken(queue, &entry, consumer->no_ack);
        rotate(queue, consumer);
        consumer->ops->deliver(consumer, entry);
        delivered++;
    }
    return delivered;
}

/* --- exclusive ownership --- */

bool queue_refuse_locked(const struct queue *queue, struct refusal *refusal) {
    return refuse(refusal, AMQP_RESOURCE_LOCKED,
                  "cannot obtain exclusive access to locked queue '" SLICE_FMT
                  "' in vhost '" SLICE_FMT
                  "'. It could be originally declared on another connection or the exclusive "
                  "property value does not match that of the original declaration.",
                  SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name));
}

bool queue_check_exclusive(const struct queue *queue, const void *connection,
                           struct refusal *refusal) {
    if (queue->exclusive_owner == NULL || queue->exclusive_owner == connection)
        return true;
    return queue_refuse_locked(queue, refusal);
}
