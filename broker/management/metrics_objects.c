/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of queues, channels and connections. */
#include <math.h>

#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_figures.h"
#include "broker/entities/vhost.h"
#include "broker/management/channels.h"
#include "broker/management/connections.h"
#include "broker/management/metrics.h"
#include "broker/management/queues.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/transaction.h"

/* A function that reads one member of the object, or what `EXPRESSION` makes of it. */
#define VALUE(FUNCTION, TYPE, EXPRESSION)                                     \
    static double FUNCTION(const void *object, const struct broker *broker) { \
        const TYPE *at = object;                                              \
        (void)broker;                                                         \
        return (double)(EXPRESSION);                                          \
    }

/* --- queues --- */

VALUE(queue_ready, struct queue, queue_ready_count(at))
VALUE(queue_unacked, struct queue, at->unacked_count)
VALUE(queue_messages, struct queue, queue_ready_count(at) + at->unacked_count)
VALUE(queue_consumers, struct queue, at->consumer_count)
VALUE(queue_capacity, struct queue, at->consumer_count > 0 && list_is_empty(&at->waiting_consumers))
VALUE(queue_persistent, struct queue, queue_figures(at).messages_persistent)
VALUE(queue_persistent_bytes, struct queue, queue_figures(at).message_bytes_persistent)
VALUE(queue_ram, struct queue, queue_figures(at).messages_ram)
VALUE(queue_ram_bytes, struct queue, queue_figures(at).message_bytes_ram)
VALUE(queue_ready_ram, struct queue, queue_figures(at).messages_ready_ram)
VALUE(queue_bytes, struct queue, queue_figures(at).message_bytes)
VALUE(queue_ready_bytes, struct queue, at->ready_bytes)
VALUE(queue_unacked_bytes, struct queue, at->unacked_bytes)
VALUE(queue_paged_out, struct queue, queue_figures(at).messages_paged_out)
VALUE(queue_paged_out_bytes, struct queue, queue_figures(at).message_bytes_paged_out)
VALUE(queue_memory, struct queue, queue_figures(at).memory)

static double queue_head(const void *object, const struct broker *broker) {
    uint64_t seconds;
    (void)broker;
    return queue_head_timestamp(object, &seconds) ? (double)seconds : NAN;
}
VALUE(queue_published, struct queue, at->counters.of[COUNT_PUBLISH])
VALUE(queue_delivered, struct queue,
      at->counters.of[COUNT_DELIVER] + at->counters.of[COUNT_DELIVER_NO_ACK])
VALUE(queue_redelivered, struct queue, at->counters.of[COUNT_REDELIVER])
VALUE(queue_acked, struct queue, at->counters.of[COUNT_ACK])

#define FAMILY "queue_metrics"

static const struct metric queue_metrics[] = {
    {"queue_messages_ready", "Messages ready to be delivered to consumers", METRIC_GAUGE,
     "queue_coarse_metrics", queue_ready},
    {"queue_messages_unacked", "Messages delivered to consumers but not yet acknowledged",
     METRIC_GAUGE, "queue_coarse_metrics", queue_unacked},
    {"queue_messages", "Sum of ready and unacknowledged messages - total queue depth", METRIC_GAUGE,
     "queue_coarse_metrics", queue_messages},
    {"queue_consumers", "Consumers on a queue", METRIC_GAUGE, "queue_consumer_count",
     queue_consumers},
    {"queue_consumer_capacity", "Whether every consumer of the queue would take a message at once",
     METRIC_GAUGE, FAMILY, queue_capacity},
    {"queue_consumer_utilisation", "The same as queue_consumer_capacity", METRIC_GAUGE, FAMILY,
     queue_capacity},
    {"queue_process_memory_bytes", "Memory of the queue, its entries and its messages",
     METRIC_GAUGE, FAMILY, queue_memory},
    {"queue_messages_ram", "Messages that are in memory", METRIC_GAUGE, FAMILY, queue_ram},
    {"queue_messages_ram_bytes", "Octets of their bodies", METRIC_GAUGE, FAMILY, queue_ram_bytes},
    {"queue_messages_ready_ram", "Ready messages that are in memory", METRIC_GAUGE, FAMILY,
     queue_ready_ram},
    {"queue_messages_unacked_ram", "Unacknowledged messages that are in memory", METRIC_GAUGE,
     FAMILY, queue_unacked},
    {"queue_messages_persistent", "Persistent messages", METRIC_GAUGE, FAMILY, queue_persistent},
    {"queue_messages_persistent_bytes", "Octets of the bodies of persistent messages", METRIC_GAUGE,
     FAMILY, queue_persistent_bytes},
    {"queue_messages_bytes", "Octets of the bodies of all messages", METRIC_GAUGE, FAMILY,
     queue_bytes},
    {"queue_messages_ready_bytes", "Octets of the bodies of ready messages", METRIC_GAUGE, FAMILY,
     queue_ready_bytes},
    {"queue_messages_unacked_bytes", "Octets of the bodies of unacknowledged messages",
     METRIC_GAUGE, FAMILY, queue_unacked_bytes},
    {"queue_messages_paged_out", "Messages that are on disk only", METRIC_GAUGE, FAMILY,
     queue_paged_out},
    {"queue_messages_paged_out_bytes", "Octets of their bodies", METRIC_GAUGE, FAMILY,
     queue_paged_out_bytes},
    {"queue_head_message_timestamp", "Timestamp of the next message, where it has one",
     METRIC_GAUGE, FAMILY, queue_head},
    {"queue_messages_published_total", "Messages that were put into the queue", METRIC_COUNTER,
     FAMILY, queue_published},
    {"queue_messages_delivered_total", "Messages that consumers got out of the queue",
     METRIC_COUNTER, FAMILY, queue_delivered},
    {"queue_messages_redelivered_total", "Messages that left the queue once more", METRIC_COUNTER,
     FAMILY, queue_redelivered},
    {"queue_messages_acked_total", "Messages of the queue that were acknowledged", METRIC_COUNTER,
     FAMILY, queue_acked},
    {.name = NULL},
};

static bool is_of_vhost(const struct vhost *vhost, struct slice wanted) {
    return wanted.len == 0 || (vhost != NULL && slice_equal(vhost->name, wanted));
}

static void collect_queues(struct broker *broker, struct slice vhost_name,
                           struct api_items *items) {
    for (const struct vhost *vhost = broker->vhosts; vhost != NULL; vhost = vhost->by_name.next) {
        if (!is_of_vhost(vhost, vhost_name))
            continue;
        for (const struct queue *queue = vhost->queues; queue != NULL; queue = queue->by_name.next)
            api_items_add(items, &queue_resource, queue);
    }
}

static void append_queue_labels(struct text *out, const void *object) {
    const struct queue *queue = object;

    metric_append_label(out, "vhost", queue->vhost->name, true);
    metric_append_label(out, "queue", queue->name, false);
}

/* --- channels --- */

VALUE(channel_consumers, struct channel, at->consumer_count)
VALUE(channel_unacked, struct channel, unacked_count(&at->unacked))
VALUE(channel_unconfirmed, struct channel, at->confirms.last_sequence - at->confirms.last_sent)
VALUE(channel_uncommitted, struct channel, transaction_publish_count(at))
VALUE(channel_acks_uncommitted, struct channel, transaction_settlement_count(at))
VALUE(channel_consumer_prefetch, struct channel, at->consumer_prefetch)
VALUE(channel_prefetch, struct channel, at->global_prefetch)
VALUE(channel_published, struct channel, at->counters.of[COUNT_PUBLISH])
VALUE(channel_confirmed, struct channel, at->counters.of[COUNT_CONFIRM])
VALUE(channel_returned, struct channel, at->counters.of[COUNT_RETURN_UNROUTABLE])
VALUE(channel_dropped, struct channel, at->counters.of[COUNT_DROP_UNROUTABLE])
VALUE(channel_get_ack, struct channel, at->counters.of[COUNT_GET])
VALUE(channel_get, struct channel, at->counters.of[COUNT_GET_NO_ACK])
VALUE(channel_get_empty, struct channel, at->counters.of[COUNT_GET_EMPTY])
VALUE(channel_delivered_ack, struct channel, at->counters.of[COUNT_DELIVER])
VALUE(channel_delivered, struct channel, at->counters.of[COUNT_DELIVER_NO_ACK])
VALUE(channel_redelivered, struct channel, at->counters.of[COUNT_REDELIVER])
VALUE(channel_acked, struct channel, at->counters.of[COUNT_ACK])

#undef FAMILY
#define FAMILY "channel_metrics"

static const struct metric channel_metrics[] = {
    {"channel_consumers", "Consumers on a channel", METRIC_GAUGE, FAMILY, channel_consumers},
    {"channel_messages_unacked", "Delivered but not yet acknowledged messages", METRIC_GAUGE,
     FAMILY, channel_unacked},
    {"channel_messages_unconfirmed", "Published but not yet confirmed messages", METRIC_GAUGE,
     FAMILY, channel_unconfirmed},
    {"channel_messages_uncommitted", "Messages received in a transaction but not yet committed",
     METRIC_GAUGE, FAMILY, channel_uncommitted},
    {"channel_acks_uncommitted", "Message acknowledgements in a transaction not yet committed",
     METRIC_GAUGE, FAMILY, channel_acks_uncommitted},
    {"consumer_prefetch", "Limit of unacknowledged messages for each consumer", METRIC_GAUGE,
     FAMILY, channel_consumer_prefetch},
    {"channel_prefetch", "Total limit of unacknowledged messages for all consumers on a channel",
     METRIC_GAUGE, FAMILY, channel_prefetch},
    {"channel_messages_published_total", "Messages published into exchanges on a channel",
     METRIC_COUNTER, "channel_exchange_metrics", channel_published},
    {"channel_messages_confirmed_total", "Messages published and confirmed on the channel",
     METRIC_COUNTER, "channel_exchange_metrics", channel_confirmed},
    {"channel_messages_unroutable_returned_total",
     "Messages published as mandatory and returned to the publisher as unroutable", METRIC_COUNTER,
     "channel_exchange_metrics", channel_returned},
    {"channel_messages_unroutable_dropped_total",
     "Messages published as non-mandatory and dropped as unroutable", METRIC_COUNTER,
     "channel_exchange_metrics", channel_dropped},
    {"channel_get_ack_total", "Messages fetched with basic.get in manual acknowledgement mode",
     METRIC_COUNTER, "channel_queue_metrics", channel_get_ack},
    {"channel_get_total", "Messages fetched with basic.get in automatic acknowledgement mode",
     METRIC_COUNTER, "channel_queue_metrics", channel_get},
    {"channel_messages_delivered_ack_total",
     "Messages delivered to consumers in manual acknowledgement mode", METRIC_COUNTER,
     "channel_queue_metrics", channel_delivered_ack},
    {"channel_messages_delivered_total",
     "Messages delivered to consumers in automatic acknowledgement mode", METRIC_COUNTER,
     "channel_queue_metrics", channel_delivered},
    {"channel_messages_redelivered_total", "Messages redelivered to consumers", METRIC_COUNTER,
     "channel_queue_metrics", channel_redelivered},
    {"channel_messages_acked_total", "Messages acknowledged by consumers", METRIC_COUNTER,
     "channel_queue_metrics", channel_acked},
    {"channel_get_empty_total", "Times basic.get operations fetched no message", METRIC_COUNTER,
     "channel_queue_metrics", channel_get_empty},
    {.name = NULL},
};

static void collect_channels(struct broker *broker, struct slice vhost_name,
                             struct api_items *items) {
    LIST_FOR_EACH(&broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (!is_of_vhost(connection->vhost, vhost_name))
            continue;
        for (const struct channel *channel = connection->channels; channel != NULL;
             channel = channel->by_number.next)
            api_items_add(items, &channel_resource, channel);
    }
}

static void append_channel_labels(struct text *out, const void *object) {
    struct text name = {0};

    channel_append_name(&name, object);
    metric_append_label(out, "channel", text_slice(&name), true);
    text_clear(&name);
}

/* --- connections --- */

VALUE(connection_received, struct connection, at->endpoint.received_bytes)
VALUE(connection_sent, struct connection, at->endpoint.sent_bytes)
VALUE(connection_received_packets, struct connection, at->endpoint.received_count)
VALUE(connection_sent_packets, struct connection, at->endpoint.sent_count)
VALUE(connection_pending, struct connection, outbuf_size(&at->endpoint.output) > 0)
VALUE(connection_channels, struct connection, at->channel_count)

static const struct metric connection_metrics[] = {
    {"connection_incoming_bytes_total", "Total number of bytes received on a connection",
     METRIC_COUNTER, "connection_coarse_metrics", connection_received},
    {"connection_outgoing_bytes_total", "Total number of bytes sent on a connection",
     METRIC_COUNTER, "connection_coarse_metrics", connection_sent},
    {"connection_incoming_packets_total", "Reads from a connection that brought something",
     METRIC_COUNTER, "connection_metrics", connection_received_packets},
    {"connection_outgoing_packets_total", "Writes to a connection", METRIC_COUNTER,
     "connection_metrics", connection_sent_packets},
    {"connection_pending_packets", "Whether output waits to be sent on a connection", METRIC_GAUGE,
     "connection_metrics", connection_pending},
    {"connection_channels", "Channels on a connection", METRIC_GAUGE, "connection_metrics",
     connection_channels},
    {.name = NULL},
};

static void collect_connections(struct broker *broker, struct slice vhost_name,
                                struct api_items *items) {
    LIST_FOR_EACH(&broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (is_of_vhost(connection->vhost, vhost_name))
            api_items_add(items, &connection_resource, connection);
    }
}

static void append_connection_labels(struct text *out, const void *object) {
    const struct connection *connection = object;

    metric_append_label(out, "connection", slice_from_text(connection->name), true);
}

const struct metric_group metric_groups[] = {
    {queue_metrics, &queue_resource, collect_queues, append_queue_labels},
    {channel_metrics, &channel_resource, collect_channels, append_channel_labels},
    {connection_metrics, &connection_resource, collect_connections, append_connection_labels},
};

const size_t metric_group_count = sizeof metric_groups / sizeof metric_groups[0];
