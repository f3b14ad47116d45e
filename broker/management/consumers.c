/* SPDX-License-Identifier: Apache-2.0 */
/* GET of consumers. */
#include "broker/management/consumers.h"

#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_login.h"
#include "broker/management/channels.h"
#include "broker/management/management_private.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"

/* --- fields --- */

static void write_arguments(struct json_out *out, const void *object,
                            struct management *management) {
    const struct channel_consumer *consumer = object;

    (void)management;
    json_out_begin_object(out);
    if (consumer->consumer.priority != 0)
        json_out_put_integer(out, "x-priority", consumer->consumer.priority);
    json_out_end_object(out);
}

static void write_ack_required(struct json_out *out, const void *object,
                               struct management *management) {
    (void)management;
    json_out_bool(out, !((const struct channel_consumer *)object)->consumer.no_ack);
}

/* With x-single-active-consumer one is served and the others wait. */
static bool is_active(const struct channel_consumer *consumer) {
    const struct queue *queue = consumer->consumer.queue;

    return queue == NULL || queue->active_consumer == NULL ||
           queue->active_consumer == &consumer->consumer;
}

static void write_active(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_bool(out, is_active(object));
}

static void write_activity_status(struct json_out *out, const void *object,
                                  struct management *management) {
    const struct channel_consumer *consumer = object;
    const struct queue *queue = consumer->consumer.queue;
    const bool has_single = queue != NULL && queue->active_consumer != NULL;

    (void)management;
    json_out_string(out, !is_active(consumer) ? "waiting" : has_single ? "single_active" : "up");
}

static void write_channel_details(struct json_out *out, const void *object,
                                  struct management *management) {
    channel_write_details(out, ((const struct channel_consumer *)object)->channel, management);
}

static void write_consumer_tag(struct json_out *out, const void *object,
                               struct management *management) {
    (void)management;
    json_out_text(out, channel_consumer_tag(object));
}

static void write_queue(struct json_out *out, const void *object, struct management *management) {
    const struct queue *queue = ((const struct channel_consumer *)object)->consumer.queue;

    (void)management;
    json_out_begin_object(out);
    if (queue != NULL) {
        json_out_put_text(out, "name", queue->name);
        json_out_put_text(out, "vhost", queue->vhost->name);
    }
    json_out_end_object(out);
}

static const struct api_field fields[] = {
    {"arguments", .write = write_arguments},
    {"ack_required", .write = write_ack_required},
    {"active", .write = write_active},
    {"activity_status", .write = write_activity_status},
    {"channel_details", .write = write_channel_details},
    {"consumer_tag", .write = write_consumer_tag},
    API_MEMBER("exclusive", API_BOOL, struct channel_consumer, consumer.exclusive),
    API_MEMBER("prefetch_count", API_UINT16, struct channel_consumer, prefetch),
    {"queue", .write = write_queue},
    {.name = NULL},
};

/* --- lists --- */

static bool has_consumer(const struct connection *connection, const void *object) {
    for (const struct channel *channel = connection->channels; channel != NULL;
         channel = channel->by_number.next)
        for (const struct channel_consumer *at = channel->consumers; at != NULL;
             at = at->by_tag.next)
            if (at == object)
                return true;
    return false;
}

static bool is_gone(struct management *management, const void *object) {
    LIST_FOR_EACH(&management->broker->connections, at) {
        if (has_consumer(LIST_ITEM(at, struct connection, broker_link), object))
            return false;
    }
    return true;
}

static uint64_t epoch(struct management *management) {
    return management->broker->counters.consumers_removed;
}

const struct api_resource consumer_resource = {
    .fields = fields, .is_gone = is_gone, .epoch = epoch};

static void collect(struct api_items *items, const struct channel *channel) {
    for (const struct channel_consumer *at = channel->consumers; at != NULL; at = at->by_tag.next)
        api_items_add(items, &consumer_resource, at);
}

static bool is_wanted(const struct api_request *request, const struct connection *connection) {
    return connection->vhost != NULL && api_lists_vhost(request, connection->vhost);
}

static void list_all(struct api_request *request) {
    struct api_items items = {0};

    LIST_FOR_EACH(&request->broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (!is_wanted(request, connection))
            continue;
        for (const struct channel *channel = connection->channels; channel != NULL;
             channel = channel->by_number.next)
            collect(&items, channel);
    }
    api_reply_list(request, &consumer_resource, &items);
}

const struct api_route consumer_routes[] = {
    {"GET", "consumers", API_MANAGEMENT, API_NO_BODY, list_all},
    {"GET", "consumers/{vhost}", API_VHOST, API_NO_BODY, list_all},
    {.pattern = NULL},
};
