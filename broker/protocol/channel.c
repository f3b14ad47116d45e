/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/channel.h"

#include <stdlib.h>

#include "amqp/spec.h"
#include "broker/base/alloc.h"
#include "broker/base/rate.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/trace.h"
#include "broker/entities/user.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/consumer_timeout.h"
#include "broker/protocol/content.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/publish.h"
#include "broker/protocol/transaction.h"

struct channel *channel_open(struct connection *connection, uint16_t number) {
    struct channel *channel = xcalloc(1, sizeof *channel);
    channel->connection = connection;
    channel->number = number;
    list_init(&channel->confirms.link);
    unacked_init(&channel->unacked);
    HASH_ADD(by_number, connection->channels, number, sizeof channel->number, channel);
    connection->channel_count++;
    connection->broker->channel_count++;
    connection->user->channel_count++;
    connection->broker->counters.channels_opened++;
    return channel;
}

static void release_consumers(struct channel *channel) {
    struct channel_consumer *consumer, *next;
    HASH_ITER(by_tag, channel->consumers, consumer, next) {
        channel_remove_consumer(consumer);
    }
}

/* Consumers are gone by now, so nothing comes back to this channel. */
static void requeue_unacked(struct channel *channel) {
    struct unacked record;
    while (unacked_take_first(&channel->unacked, &record)) {
        if (record.consumer != NULL)
            channel_consumer_settle(record.consumer);
        if (record.queue != NULL)
            queue_requeue_failed(record.queue, record.entry);
        else
            message_unref(record.entry.message);
    }
    channel->global_unacked = 0;
}

static void release_publisher(struct channel *channel) {
    content_forget(channel);
    publisher_destroy(channel->publisher);
    channel->publisher = NULL;
    if (channel->connection->borrowing_channel == channel)
        channel->connection->borrowing_channel = NULL;
}

void channel_release(struct channel *channel) {
    confirms_send(channel);
    confirms_clear(channel);
    release_consumers(channel);
    transaction_destroy(channel);
    consumer_timeout_forget_gets(channel);
    requeue_unacked(channel);
    release_publisher(channel);
    channel->expectation = EXPECT_METHOD;
}

void channel_destroy(struct channel *channel) {
    struct connection *connection = channel->connection;
    channel_release(channel);
    unacked_clear(&channel->unacked);
    free_slice(channel->last_queue);
    HASH_DELETE(by_number, connection->channels, channel);
    if (connection->last_channel == channel)
        connection->last_channel = NULL;
    connection->channel_count--;
    connection->broker->channel_count--;
    connection->user->channel_count--;
    connection->broker->counters.channels_closed++;
    connection->broker->retired.publishes_with_confirm += channel->confirms.last_sequence;
    message_counters_add(&connection->broker->retired.channels, &channel->counters);
    rate_window_destroy(channel->rates);
    free(channel);
}

bool channel_resolve_queue(struct channel *channel, struct slice name, struct slice *ret_name) {
    if (slice_is_empty(name) && channel->last_queue.data == NULL) {
        channel_fail(channel, AMQP_NOT_FOUND, "no previously declared queue");
        return false;
    }
    *ret_name = slice_is_empty(name) ? channel->last_queue : name;
    return true;
}

void channel_set_last_queue(struct channel *channel, struct slice name) {
    struct slice copy = xcopy_slice(name);

    free_slice(channel->last_queue);
    channel->last_queue = copy;
}

struct trace_party channel_trace_party(const struct channel *channel) {
    const struct connection *connection = channel->connection;
    return (struct trace_party){
        .connection = slice_from_text(connection->name),
        .user = connection->user == NULL ? SLICE("") : connection->user->name,
        .channel = channel->number,
    };
}
