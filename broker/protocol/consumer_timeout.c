/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/consumer_timeout.h"

#include <inttypes.h>

#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/settle.h"
#include "broker/protocol/unacked.h"

static struct broker *broker_of(const struct channel_consumer *consumer) {
    return consumer->channel->connection->broker;
}

/* In ms; 0: it may keep it for ever. */
static int64_t timeout_in_force(const struct channel_consumer *consumer,
                                const struct queue *queue) {
    if (consumer->timeout_ms >= 0)
        return consumer->timeout_ms;
    if (queue->features != NULL && queue->features->consumer_timeout_ms >= 0)
        return queue->features->consumer_timeout_ms;
    return (int64_t)broker_of(consumer)->settings.consumer_timeout_ms;
}

static void on_ack_timer(struct timer *timer);

static void start(struct channel_consumer *consumer, int64_t due_ms) {
    timer_start(&broker_of(consumer)->timers, &consumer->ack_timer, due_ms, on_ack_timer);
}

void consumer_timeout_watch(struct channel_consumer *consumer, struct unacked *record) {
    int64_t timeout_ms = timeout_in_force(consumer, record->queue);
    record->delivered_ms = broker_of(consumer)->env->now_ms;
    if (timeout_ms > 0 && !timer_is_running(&consumer->ack_timer))
        start(consumer, record->delivered_ms + timeout_ms);
}

void consumer_timeout_stop(struct channel_consumer *consumer) {
    timer_stop(&broker_of(consumer)->timers, &consumer->ack_timer);
}

/* Its messages are back in their queue. */
static void cancel(struct channel_consumer *consumer, int64_t timeout_ms) {
    struct channel *channel = consumer->channel;
    struct connection *connection = channel->connection;
    if (connection->consumer_cancel_notify) {
        channel_cancel_consumer(consumer);
        return;
    }
    enum amqp_method_id current = connection->current_method;
    connection->current_method = AMQP_METHOD_UNKNOWN; /* nothing the client does now is to blame */
    channel_fail(channel, AMQP_PRECONDITION_FAILED,
                 "delivery acknowledgement on channel %u timed out. Timeout value used: %" PRId64
                 " ms. This timeout value can be configured, see consumers doc guide to learn more",
                 channel->number, timeout_ms);
    connection->current_method = current;
}

/* A cancelled consumer is gone with the last of its messages. */
static void time_out(struct channel_consumer *consumer, int64_t timeout_ms) {
    struct channel *channel = consumer->channel;
    bool is_consuming = !consumer->is_cancelled;
    settle_return_all_of(channel, consumer);
    if (is_consuming)
        cancel(consumer, timeout_ms);
    endpoint_mark_dirty(&channel->connection->endpoint);
}

static void on_ack_timer(struct timer *timer) {
    struct channel_consumer *consumer = LIST_ITEM(timer, struct channel_consumer, ack_timer);
    const struct unacked *oldest = unacked_find_of(&consumer->channel->unacked, consumer);
    if (oldest == NULL)
        return;
    int64_t timeout_ms = timeout_in_force(consumer, oldest->queue);
    if (timeout_ms == 0)
        return;
    if (oldest->delivered_ms + timeout_ms > broker_of(consumer)->env->now_ms)
        start(consumer, oldest->delivered_ms + timeout_ms);
    else
        time_out(consumer, timeout_ms);
}
