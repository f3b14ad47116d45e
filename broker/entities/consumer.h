/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue's view of a consumer: somebody who takes messages while there is credit.
 *
 * A consumer is on its queue's `ready` list while it may have credit, and on `waiting` after it said
 * it has none; whoever gives credit back (ack, drained output, a larger window) calls
 * consumer_resume(). Inside `ready` higher priority comes first and, within a priority, the served
 * one goes behind its equals: RabbitMQ's round robin.
 */
#ifndef LEVERET_BROKER_ENTITIES_CONSUMER_H
#define LEVERET_BROKER_ENTITIES_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/entities/ready_list.h"

struct queue;
struct consumer;

struct consumer_ops {
    /* May this consumer take one more message now? */
    bool (*has_credit)(struct consumer *consumer);
    /* Takes the entry and its message reference. The queue counted it as unacked unless no_ack. */
    void (*deliver)(struct consumer *consumer, const struct entry *entry);
    /* The queue is going away (deleted); the consumer was already unlinked from it. */
    void (*on_queue_deleted)(struct consumer *consumer);
    /* Deliveries of its vhost are to be traced from now on, or no longer: vhost->metadata.tracing. */
    void (*on_tracing_switched)(struct consumer *consumer);
    /* Whether it has messages that it did not settle. */
    bool (*has_unacked)(const struct consumer *consumer);
};

struct consumer {
    const struct consumer_ops *ops;
    struct queue *queue;    /* NULL once removed from it */
    struct list queue_link; /* in queue->ready_consumers or queue->waiting_consumers */
    int64_t priority;       /* argument x-priority, 0 by default */
    bool no_ack;
    bool exclusive;
    bool waiting; /* on the waiting list */
};

/* There is credit again; the queue will be run in this tick. Nothing happens when not waiting. */
void consumer_resume(struct consumer *consumer);

#endif
