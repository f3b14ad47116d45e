/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/consumer_timeout.h"

#include <inttypes.h>
#include <stdlib.h>

#include "amqp/spec.h"
#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/expiration.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/settle.h"
#include "broker/protocol/unacked.h"

/* For the messages that a channel got and did not settle. */
struct get_timeout {
    struct channel *channel;
    struct timer timer; /* for the one that is overdue first, or earlier */
};

static struct broker *broker_of(const struct channel *channel) {
    return channel->connection->broker;
}

static int64_t now_of(const struct channel *channel) {
    return broker_of(channel)->env->now_ms;
}

/* Whatever number it was: one that a time can be added to. */
static int64_t bounded(uint64_t timeout_ms) {
    return timeout_ms < (uint64_t)EXPIRATION_MAX_MS ? (int64_t)timeout_ms : EXPIRATION_MAX_MS;
}

/* In ms; 0: messages may be kept for ever. */
static int64_t timeout_of_queue(const struct channel *channel, const struct queue *queue) {
    if (queue->features != NULL && queue->features->consumer_timeout_ms >= 0)
        return queue->features->consumer_timeout_ms;
    return bounded(broker_of(channel)->settings.consumer_timeout_ms);
}

/* Nothing the client does now is to blame. */
static void close_channel(struct channel *channel, int64_t timeout_ms) {
    struct connection *connection = channel->connection;
    enum amqp_method_id current = connection->current_method;
    connection->current_method = AMQP_METHOD_UNKNOWN;
    channel_fail(channel, AMQP_PRECONDITION_FAILED,
                 "delivery acknowledgement on channel %u timed out. Timeout value used: %" PRId64
                 " ms. This timeout value can be configured, see consumers doc guide to learn more",
                 channel->number, timeout_ms);
    connection->current_method = current;
}

/* --- consumers --- */

static int64_t timeout_in_force(const struct channel_consumer *consumer,
                                const struct queue *queue) {
    if (consumer->timeout_ms >= 0)
        return bounded((uint64_t)consumer->timeout_ms);
    return timeout_of_queue(consumer->channel, queue);
}

static void on_ack_timer(struct timer *timer);

static void start(struct channel_consumer *consumer, int64_t due_ms) {
    timer_start(&broker_of(consumer->channel)->timers, &consumer->ack_timer, due_ms, on_ack_timer);
}

void consumer_timeout_watch(struct channel_consumer *consumer, struct unacked *record) {
    int64_t timeout_ms = timeout_in_force(consumer, record->queue);
    record->delivered_ms = now_of(consumer->channel);
    if (timeout_ms > 0 && !timer_is_running(&consumer->ack_timer))
        start(consumer, record->delivered_ms + timeout_ms);
}

void consumer_timeout_stop(struct channel_consumer *consumer) {
    timer_stop(&broker_of(consumer->channel)->timers, &consumer->ack_timer);
}

static void watch_oldest(struct channel_consumer *consumer, int64_t timeout_ms) {
    const struct unacked *oldest = unacked_find_of(&consumer->channel->unacked, consumer);
    if (oldest != NULL)
        start(consumer, oldest->delivered_ms + timeout_ms);
}

static void cancel(struct channel_consumer *consumer, int64_t timeout_ms) {
    struct channel *channel = consumer->channel;
    if (channel->connection->consumer_cancel_notify)
        channel_cancel_consumer(consumer);
    else
        close_channel(channel, timeout_ms);
}

/* A cancelled consumer is gone with the last of its messages. */
static void time_out(struct channel_consumer *consumer, int64_t timeout_ms) {
    struct channel *channel = consumer->channel;
    bool is_consuming = !consumer->is_cancelled;
    uint32_t kept = consumer->unacked_count;
    kept -= settle_return_kept(channel, consumer, now_of(channel) - timeout_ms);
    if (kept > 0)
        watch_oldest(consumer, timeout_ms);
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
    if (oldest->delivered_ms + timeout_ms > now_of(consumer->channel))
        start(consumer, oldest->delivered_ms + timeout_ms);
    else
        time_out(consumer, timeout_ms);
}

/* --- gets --- */

static void on_get_timer(struct timer *timer);

static void start_for_get(struct get_timeout *gets, int64_t due_ms) {
    if (!timer_is_running(&gets->timer) || gets->timer.due_ms > due_ms)
        timer_start(&broker_of(gets->channel)->timers, &gets->timer, due_ms, on_get_timer);
}

void consumer_timeout_watch_get(struct channel *channel, struct unacked *record) {
    int64_t timeout_ms = timeout_of_queue(channel, record->queue);
    record->delivered_ms = now_of(channel);
    if (timeout_ms == 0)
        return;
    if (channel->get_timeout == NULL) {
        channel->get_timeout = xcalloc(1, sizeof *channel->get_timeout);
        channel->get_timeout->channel = channel;
    }
    start_for_get(channel->get_timeout, record->delivered_ms + timeout_ms);
}

void consumer_timeout_forget_gets(struct channel *channel) {
    if (channel->get_timeout == NULL)
        return;
    timer_stop(&broker_of(channel)->timers, &channel->get_timeout->timer);
    free(channel->get_timeout);
    channel->get_timeout = NULL;
}

/* The record keeps the place of its tag. */
static void return_to_queue(struct channel *channel, struct unacked *record) {
    struct unacked returned = *record;
    message_ref(record->entry.message);
    record->queue = NULL;
    settle_record(channel, &returned, SETTLE_REQUEUE);
}

static void on_get_timer(struct timer *timer) {
    struct get_timeout *gets = LIST_ITEM(timer, struct get_timeout, timer);
    struct channel *channel = gets->channel;
    int64_t passed_ms = 0; /* the timeout of one that was overdue */
    struct unacked *record;
    for (uint32_t at = 0; (record = unacked_next_timed_get(&channel->unacked, &at)) != NULL;) {
        int64_t timeout_ms = timeout_of_queue(channel, record->queue);
        if (timeout_ms == 0)
            continue;
        if (record->delivered_ms + timeout_ms > now_of(channel)) {
            start_for_get(gets, record->delivered_ms + timeout_ms);
            continue;
        }
        return_to_queue(channel, record);
        passed_ms = timeout_ms;
    }
    if (passed_ms > 0) {
        close_channel(channel, passed_ms);
        endpoint_mark_dirty(&channel->connection->endpoint);
    }
}
