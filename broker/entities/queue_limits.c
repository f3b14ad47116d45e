/* SPDX-License-Identifier: Apache-2.0 */
/*
 * max-length and max-length-bytes (compat 3.2). Only ready messages count, and only their bodies.
 *
 * drop-head lets the message in and then drops from the front. The two ways of reject-publish look
 * before they let it in: whoever waits with credit takes what is ready first, because in RabbitMQ it
 * would have had it by now.
 */
#include "broker/entities/message.h"
#include "broker/entities/queue_front.h"

static bool exceeds(const struct queue_features *features, uint64_t count, uint64_t bytes) {
    return (features->max_length >= 0 && count > (uint64_t)features->max_length) ||
           (features->max_length_bytes >= 0 && bytes > (uint64_t)features->max_length_bytes);
}

static bool is_full_for(const struct queue *queue, const struct message *message) {
    return exceeds(queue->features, queue_ready_count(queue) + 1,
                   queue->ready_bytes + message->body_size);
}

bool queue_would_reject(struct queue *queue, const struct message *message) {
    const struct queue_features *features = queue->features;
    if (features == NULL || features->overflow == QUEUE_OVERFLOW_DROP_HEAD ||
        !is_full_for(queue, message))
        return false;
    queue_run(queue, queue_ready_count(queue));
    return is_full_for(queue, message);
}

void queue_limit_length(struct queue *queue) {
    const struct queue_features *features = queue->features;
    if (features == NULL || features->overflow != QUEUE_OVERFLOW_DROP_HEAD)
        return;
    while (queue_ready_count(queue) > 0 &&
           exceeds(features, queue_ready_count(queue), queue->ready_bytes))
        queue_front_drop(queue, DEAD_LETTER_MAXLEN);
}
