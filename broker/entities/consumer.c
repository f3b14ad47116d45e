/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/consumer.h"

#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"

void consumer_resume(struct consumer *consumer) {
    if (!consumer->waiting || consumer->queue == NULL)
        return;
    struct queue *queue = consumer->queue;
    list_remove(&consumer->queue_link);
    consumer->waiting = false;
    queue_link_ready_consumer(queue, consumer);
    queue->vhost->broker->work++;
    broker_queue_runnable(queue->vhost->broker, queue);
}
