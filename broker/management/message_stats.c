/* SPDX-License-Identifier: Apache-2.0 */
/* Counts and rates of messages as JSON. */
#include "broker/management/message_stats.h"

#include <stdio.h>

#include "broker/base/rate.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"

static const char *const names[MESSAGE_COUNTS] = {
    [COUNT_PUBLISH] = "publish",
    [COUNT_CONFIRM] = "confirm",
    [COUNT_RETURN_UNROUTABLE] = "return_unroutable",
    [COUNT_DROP_UNROUTABLE] = "drop_unroutable",
    [COUNT_DELIVER] = "deliver",
    [COUNT_DELIVER_NO_ACK] = "deliver_no_ack",
    [COUNT_GET] = "get",
    [COUNT_GET_NO_ACK] = "get_no_ack",
    [COUNT_GET_EMPTY] = "get_empty",
    [COUNT_REDELIVER] = "redeliver",
    [COUNT_ACK] = "ack",
};

/* What RabbitMQ adds up as deliver_get. */
static const enum message_count deliveries[] = {COUNT_DELIVER, COUNT_DELIVER_NO_ACK, COUNT_GET,
                                                COUNT_GET_NO_ACK};

#define DELIVERIES (sizeof deliveries / sizeof deliveries[0])

bool message_stats_are_empty(const struct message_counters *counters) {
    for (size_t i = 0; i < MESSAGE_COUNTS; i++) {
        if (counters->of[i] > 0)
            return false;
    }
    return true;
}

void message_stats_write_rate(struct json_out *out, double rate) {
    json_out_begin_object(out);
    json_out_key(out, "rate");
    json_out_double(out, rate);
    json_out_end_object(out);
}

void message_stats_write_count(struct json_out *out, const char *name, uint64_t count,
                               double rate) {
    char details[64];

    json_out_put_unsigned(out, name, count);
    snprintf(details, sizeof details, "%s_details", name);
    json_out_key(out, details);
    message_stats_write_rate(out, rate);
}

static void write_deliver_get(struct json_out *out, const struct message_counters *counters,
                              const struct rate_window *window, int64_t now_ms) {
    uint64_t count = 0;
    double rate = 0;

    for (size_t i = 0; i < DELIVERIES; i++) {
        count += counters->of[deliveries[i]];
        rate += rate_per_second(window, deliveries[i], counters->of[deliveries[i]], now_ms);
    }
    if (count > 0)
        message_stats_write_count(out, "deliver_get", count, rate);
}

void message_stats_write(struct json_out *out, const struct message_counters *counters,
                         struct rate_window **window, int64_t now_ms) {
    rate_window_update(window, counters->of, MESSAGE_COUNTS, now_ms);
    json_out_begin_object(out);
    for (size_t i = 0; i < MESSAGE_COUNTS; i++) {
        if (counters->of[i] > 0)
            message_stats_write_count(out, names[i], counters->of[i],
                                      rate_per_second(*window, i, counters->of[i], now_ms));
    }
    write_deliver_get(out, counters, *window, now_ms);
    json_out_end_object(out);
}

void message_stats_of_channels(const struct broker *broker, struct message_counters *sum) {
    *sum = broker->retired.channels;
    LIST_FOR_EACH(&broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        for (const struct channel *channel = connection->channels; channel != NULL;
             channel = channel->by_number.next)
            message_counters_add(sum, &channel->counters);
    }
}

void message_stats_of_vhost(const struct vhost *vhost, struct message_counters *sum) {
    *sum = (struct message_counters){0};
    for (const struct queue *queue = vhost->queues; queue != NULL; queue = queue->by_name.next)
        message_counters_add(sum, &queue->counters);
}
