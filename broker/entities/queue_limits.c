/* SPDX-License-Identifier: Apache-2.0 */
/*
 * max-length and max-length-bytes (compat 3.2). Only ready messages count, and only their bodies.
 *
 * drop-head lets the message in and then drops from the front, in quorum queues the oldest whatever its
 * priority. The two ways of reject-publish look
 * before they let it in: whoever waits with credit takes what is ready first, because in RabbitMQ it
 * would have had it by now.
 */
#include "broker/entities/message.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/queue_quorum.h"

static bool exceeds(const struct queue_features *features, uint64_t count, uint64_t bytes) {
    return (features->max_length >= 0 && count > (uint64_t)features->max_length) ||
           (features->max_length_bytes >= 0 && bytes > (uint64_t)features->max_length_bytes);
}

/* Of bodies that went to disk before there was a limit nobody knows the size of each. */
static uint64_t limited_bytes(const struct queue *queue) {
    return queue->ready_bytes - queue->ready.unsized_bytes;
}

static bool is_full_for(const struct queue *queue, const struct message *message) {
    uint64_t count = queue_ready_count(queue) + 1;
    uint64_t bytes = limited_bytes(queue) + message->body_size;
    if (queue->quorum != NULL) {
        count += queue->quorum->held_count;
        bytes += queue->quorum->held_bytes;
    }
    return exceeds(queue->features, count, bytes);
}

bool queue_would_reject(struct queue *queue, const struct message *message) {
    const struct queue_features *features = queue->features;
    if (features == NULL || features->overflow == QUEUE_OVERFLOW_DROP_HEAD ||
        !is_full_for(queue, message))
        return false;
    queue_run(queue, queue_ready_count(queue));
    return is_full_for(queue, message);
}

static bool has_excess(const struct queue *queue) {
    const struct queue_features *features = queue->features;
    return features != NULL && features->overflow == QUEUE_OVERFLOW_DROP_HEAD &&
           queue_ready_count(queue) > 0 &&
           exceeds(features, queue_ready_count(queue), limited_bytes(queue));
}

static void drop_one(struct queue *queue) {
    struct ready_list *list =
        queue->quorum == NULL ? queue_front_list(queue) : ready_levels_oldest(queue->levels);
    queue_drop_first_of(queue, list, DEAD_LETTER_MAXLEN);
}

size_t queue_drop_excess(struct queue *queue, size_t budget) {
    size_t dropped = 0;
    for (; dropped < budget && has_excess(queue); dropped++)
        drop_one(queue);
    return dropped;
}

void queue_limit_length(struct queue *queue) {
    if (queue_drop_excess(queue, QUEUE_DROPS_AT_ONCE) == QUEUE_DROPS_AT_ONCE)
        queue_trim_later(queue);
}
