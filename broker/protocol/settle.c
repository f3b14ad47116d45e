/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/settle.h"

#include <inttypes.h>
#include <stdlib.h>

#include "amqp/spec.h"
#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/transaction.h"
#include "broker/protocol/unacked.h"

/* The windows the delivery counted against have room again. */
static void give_credit(struct channel *channel, const struct unacked *record) {
    struct channel_consumer *consumer = record->consumer;
    if (consumer == NULL)
        return;
    bool window_was_full =
        channel->global_prefetch != 0 && channel->global_unacked >= channel->global_prefetch;
    channel->global_unacked--;
    bool is_consuming = channel_consumer_settle(consumer);
    if (window_was_full)
        channel_resume_consumers(channel);
    else if (is_consuming)
        consumer_resume(&consumer->consumer);
}

void settle_record(struct channel *channel, const struct unacked *record,
                   enum settlement settlement) {
    if (record->queue == NULL) { /* it went back before */
        message_unref(record->entry.message);
        return;
    }
    give_credit(channel, record);
    switch (settlement) {
    case SETTLE_ACK:
        channel->counters.of[COUNT_ACK]++;
        queue_ack(record->queue, record->entry);
        break;
    case SETTLE_DISCARD:
        queue_discard(record->queue, record->entry);
        break;
    case SETTLE_REQUEUE:
        queue_requeue(record->queue, record->entry);
        break;
    case SETTLE_REQUEUE_FAILED:
        queue_requeue_failed(record->queue, record->entry);
        break;
    }
}

static void settle_or_hold(struct channel *channel, const struct unacked *record,
                           enum settlement settlement) {
    if (channel->transaction != NULL)
        transaction_hold_settlement(channel, record, settlement);
    else
        settle_record(channel, record, settlement);
}

static void settle_up_to(struct channel *channel, uint64_t delivery_tag,
                         enum settlement settlement) {
    struct unacked record;
    while (unacked_count(&channel->unacked) > 0 &&
           unacked_first_tag(&channel->unacked) <= delivery_tag) {
        unacked_take_first(&channel->unacked, &record);
        settle_or_hold(channel, &record, settlement);
    }
}

void settle_deliveries(struct channel *channel, uint64_t delivery_tag, bool multiple,
                       enum settlement settlement) {
    struct unacked record;
    if (multiple && delivery_tag == 0)
        settle_up_to(channel, UINT64_MAX, settlement);
    else if (multiple && unacked_find(&channel->unacked, delivery_tag) != NULL)
        settle_up_to(channel, delivery_tag, settlement);
    else if (!multiple && unacked_take(&channel->unacked, delivery_tag, &record))
        settle_or_hold(channel, &record, settlement);
    else
        channel_fail(channel, AMQP_PRECONDITION_FAILED, "unknown delivery tag %" PRIu64,
                     delivery_tag);
}

void settle_requeue_all(struct channel *channel) {
    struct unacked record;
    while (unacked_take_first(&channel->unacked, &record))
        settle_record(channel, &record, SETTLE_REQUEUE);
}

uint32_t settle_return_kept(struct channel *channel, struct channel_consumer *consumer,
                            int64_t until_ms) {
    struct unacked *records = xmalloc(consumer->unacked_count * sizeof *records);
    uint32_t count = unacked_detach(&channel->unacked, consumer, until_ms, records);
    for (uint32_t i = 0; i < count; i++)
        settle_record(channel, &records[i], SETTLE_REQUEUE);
    free(records);
    return count;
}
