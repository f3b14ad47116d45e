/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/queue_figures.h"

#include "amqp/properties.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/vhost.h"

/* A queue is idle, as RabbitMQ sees it, when nothing came for as long. */
#define IDLE_MS 1000

struct away_sum {
    uint64_t messages;
    uint64_t bytes;
};

static struct away_sum sum_away(const struct queue *queue) {
    struct away_sum sum = {queue->ready.away_count, queue->ready.away_bytes};
    size_t lists = queue->levels == NULL ? 0 : ready_levels_list_count(queue->levels);
    for (size_t i = 0; i < lists; i++) {
        const struct ready_list *list = ready_levels_list(queue->levels, i);
        sum.messages += list->away_count;
        sum.bytes += list->away_bytes;
    }
    return sum;
}

static uint64_t less_of(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* In a quorum queue every message is; a purge finishes what it took out by and by. */
static void count_persistent(const struct queue *queue, struct queue_figures *figures) {
    bool is_quorum = queue->quorum != NULL;
    figures->messages_persistent =
        is_quorum ? figures->messages : less_of(queue->persistent.messages, figures->messages);
    figures->message_bytes_persistent =
        is_quorum ? figures->message_bytes
                  : less_of(queue->persistent.bytes, figures->message_bytes);
}

static uint64_t memory_of(const struct queue *queue, const struct queue_figures *figures) {
    return sizeof *queue + queue->name.len + queue->arguments.len +
           figures->messages_ram * (sizeof(struct entry) + sizeof(struct message)) +
           figures->message_bytes_ram + figures->messages_paged_out * sizeof(uint64_t);
}

struct queue_figures queue_figures(const struct queue *queue) {
    struct away_sum away = sum_away(queue);
    uint64_t ready = queue_ready_count(queue);
    struct queue_figures figures = {
        .messages = ready + queue->unacked_count,
        .messages_ram = ready - away.messages + queue->unacked_count,
        .messages_ready_ram = ready - away.messages,
        .messages_paged_out = away.messages,
        .message_bytes = queue->ready_bytes + queue->unacked_bytes,
        .message_bytes_ready = queue->ready_bytes,
        .message_bytes_unacknowledged = queue->unacked_bytes,
        .message_bytes_ram = queue->ready_bytes - away.bytes + queue->unacked_bytes,
        .message_bytes_paged_out = away.bytes,
    };
    count_persistent(queue, &figures);
    figures.memory = memory_of(queue, &figures);
    return figures;
}

bool queue_head_timestamp(const struct queue *queue, uint64_t *ret_seconds) {
    struct amqp_properties properties;
    struct entry front;
    if (!queue_front_peek(queue, &front) || entry_is_away(&front) ||
        !(message_flags(front.message) & AMQP_TIMESTAMP))
        return false;
    message_properties(front.message, &properties);
    *ret_seconds = properties.timestamp;
    return true;
}

bool queue_idle_since(const struct queue *queue, int64_t *ret_wall_ms) {
    const struct env *env = queue->vhost->broker->env;
    int64_t idle_ms = env->now_ms - queue->used_ms;
    *ret_wall_ms = env->wall_ms - idle_ms;
    return idle_ms >= IDLE_MS;
}
