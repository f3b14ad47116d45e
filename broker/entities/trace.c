/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/trace.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/properties.h"
#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/consumer.h"
#include "broker/entities/death_table.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"

#define TRACE_EXCHANGE SLICE("amq.rabbitmq.trace")
/* Left of a frame for headers: class, weight, size, flags and the table's length take less. */
#define HEADER_OVERHEAD 64u
/* Queues named when there are more than a frame has room for. */
#define ROUTED_QUEUES_WHEN_MANY 100u

struct trace {
    struct list link;
    struct vhost *vhost; /* referenced; empty when it was deleted meanwhile */
    struct message *message;
};

/* What one trace message is made of. */
struct sighting {
    const struct trace_party *party;
    const struct vhost *vhost;
    const struct message *message;
    const struct exchange *exchange; /* published to; NULL for a delivery */
    const struct route_request *request;
    const struct route *route;
    bool redelivered;
    bool is_cut; /* what may be long is left out */
};

/* --- headers --- */

/* RabbitMQ names properties from the last to the first. */
static const struct property {
    enum amqp_property flag;
    const char *name;
    size_t offset; /* of a struct slice, but for the three that are numbers and the headers */
} properties_shown[] = {
    {AMQP_CLUSTER_ID, "cluster_id", offsetof(struct amqp_properties, cluster_id)},
    {AMQP_APP_ID, "app_id", offsetof(struct amqp_properties, app_id)},
    {AMQP_USER_ID, "user_id", offsetof(struct amqp_properties, user_id)},
    {AMQP_TYPE, "type", offsetof(struct amqp_properties, type)},
    {AMQP_TIMESTAMP, "timestamp", 0},
    {AMQP_MESSAGE_ID, "message_id", offsetof(struct amqp_properties, message_id)},
    {AMQP_EXPIRATION, "expiration", offsetof(struct amqp_properties, expiration)},
    {AMQP_REPLY_TO, "reply_to", offsetof(struct amqp_properties, reply_to)},
    {AMQP_CORRELATION_ID, "correlation_id", offsetof(struct amqp_properties, correlation_id)},
    {AMQP_PRIORITY, "priority", 0},
    {AMQP_DELIVERY_MODE, "delivery_mode", 0},
    {AMQP_HEADERS, "headers", 0},
    {AMQP_CONTENT_ENCODING, "content_encoding", offsetof(struct amqp_properties, content_encoding)},
    {AMQP_CONTENT_TYPE, "content_type", offsetof(struct amqp_properties, content_type)},
};

/* Numbers are 32 bit wide, as RabbitMQ's; a time that has outgrown them takes more. */
static void put_number(struct amqp_table_builder *builder, struct slice name, uint64_t number) {
    amqp_table_put_int(builder, name, number <= INT32_MAX ? 'I' : 'l', (int64_t)number);
}

static void put_property(struct amqp_table_builder *builder, const struct property *row,
                         const struct amqp_properties *properties) {
    const struct slice name = slice_from_text(row->name);

    switch (row->flag) {
    case AMQP_TIMESTAMP:
        put_number(builder, name, properties->timestamp);
        break;
    case AMQP_PRIORITY:
        put_number(builder, name, properties->priority);
        break;
    case AMQP_DELIVERY_MODE:
        put_number(builder, name, properties->delivery_mode);
        break;
    case AMQP_HEADERS:
        amqp_table_put_table(builder, name, properties->headers);
        break;
    default:
        amqp_table_put_text(
            builder, name,
            *(const struct slice *)(const void *)((const char *)properties + row->offset));
    }
}

static void put_properties(struct amqp_table_builder *builder, const struct sighting *sighting) {
    struct amqp_properties properties;

    message_properties(sighting->message, &properties);
    if (sighting->is_cut)
        properties.flags &= (uint16_t)~AMQP_HEADERS;
    amqp_table_begin_table(builder, SLICE("properties"));
    for (size_t i = 0; i < sizeof properties_shown / sizeof properties_shown[0]; i++) {
        if (properties.flags & properties_shown[i].flag)
            put_property(builder, &properties_shown[i], &properties);
    }
    amqp_table_end(builder);
}

/* The texts among the items of a CC or BCC header. */
static void put_keys(struct amqp_table_builder *builder, struct slice keys) {
    struct amqp_array_iterator i = amqp_array_begin(keys);
    struct amqp_value key;

    while (amqp_array_next(&i, &key)) {
        if (key.tag == AMQP_TAG_TEXT)
            amqp_table_put_text(builder, AMQP_NO_NAME, key.bytes);
    }
}

static void put_routing_keys(struct amqp_table_builder *builder, const struct sighting *sighting) {
    struct amqp_properties properties;

    message_properties(sighting->message, &properties);
    amqp_table_begin_array(builder, SLICE("routing_keys"));
    amqp_table_put_text(builder, AMQP_NO_NAME, message_routing_key(sighting->message));
    if (!sighting->is_cut) {
        put_keys(builder, message_copied_keys(sighting->message, properties.headers));
        put_keys(builder, message_hidden_keys(sighting->message));
    }
    amqp_table_end(builder);
}

/* The default exchange routes to names, whether there is such a queue or not; RabbitMQ shows that. */
static void put_routed_queues(struct amqp_table_builder *builder, const struct sighting *sighting) {
    const struct route *route = sighting->route;
    size_t count = route->count;

    if (sighting->is_cut && count > ROUTED_QUEUES_WHEN_MANY)
        count = ROUTED_QUEUES_WHEN_MANY;
    amqp_table_begin_array(builder, SLICE("routed_queues"));
    if (exchange_is_default(sighting->exchange) && !sighting->is_cut) {
        amqp_table_put_text(builder, AMQP_NO_NAME, sighting->request->routing_key);
        put_keys(builder, sighting->request->cc);
        put_keys(builder, sighting->request->bcc);
    } else {
        for (size_t i = 0; i < count; i++)
            amqp_table_put_text(builder, AMQP_NO_NAME, route->queues[i]->name);
    }
    amqp_table_end(builder);
}

static struct slice build_headers(struct amqp_table_builder *builder,
                                  const struct sighting *sighting) {
    const struct trace_party *party = sighting->party;
    const char *node = sighting->vhost->broker->settings.node_name;
    const bool is_publish = sighting->exchange != NULL;

    amqp_table_put_text(builder, SLICE("exchange_name"), message_exchange(sighting->message));
    put_routing_keys(builder, sighting);
    put_properties(builder, sighting);
    amqp_table_put_text(builder, SLICE("node"), slice_from_text(node));
    if (!is_publish)
        amqp_table_put_int(builder, SLICE("redelivered"), 'I', sighting->redelivered);
    amqp_table_put_text(builder, SLICE("vhost"), sighting->vhost->name);
    amqp_table_put_text(builder, SLICE("connection"), party->connection);
    amqp_table_put_int(builder, SLICE("channel"), 'I', party->channel);
    amqp_table_put_text(builder, SLICE("user"), party->user);
    if (is_publish)
        put_routed_queues(builder, sighting);
    return amqp_table_builder_finish(builder);
}

/* Into one frame, and not nested deeper than any table may be. */
static bool headers_fit(const struct broker *broker, struct slice headers) {
    return headers.len + HEADER_OVERHEAD <= broker->settings.frame_max &&
           amqp_table_is_valid(headers);
}

/* --- trace messages --- */

static struct message *make_message(const struct sighting *sighting, struct slice key,
                                    struct slice headers) {
    const struct amqp_properties properties = {.flags = AMQP_HEADERS, .headers = headers};

    return message_with_body_of(sighting->message, TRACE_EXCHANGE, key, &properties);
}

/* A name of 255 octets leaves the key no room: it is cut there. */
static struct slice join_key(uint8_t key[AMQP_SHORTSTR_MAX], struct slice prefix,
                             struct slice name) {
    const size_t room = AMQP_SHORTSTR_MAX - prefix.len;
    const size_t len = name.len < room ? name.len : room;

    memcpy(key, prefix.data, prefix.len);
    if (len > 0)
        memcpy(key + prefix.len, name.data, len);
    return slice_of(key, prefix.len + len);
}

static bool somebody_listens(const struct vhost *vhost) {
    const struct exchange *exchange = vhost_find_exchange(vhost, TRACE_EXCHANGE);

    return exchange != NULL &&
           (!list_is_empty(&exchange->bindings) || exchange->alternate_exchange.data != NULL);
}

/* Without memory for a trace message there is none. */
static void take(struct vhost *vhost, struct message *message) {
    if (message == NULL)
        return;
    struct trace *trace = xmalloc(sizeof *trace);
    list_init(&trace->link);
    vhost_ref(vhost);
    trace->vhost = vhost;
    trace->message = message;
    list_append(&vhost->broker->traces, &trace->link);
}

static void see(struct vhost *vhost, struct sighting *sighting, struct slice prefix,
                struct slice name) {
    struct amqp_table_builder builder;
    uint8_t key[AMQP_SHORTSTR_MAX];

    if (slice_equal(message_exchange(sighting->message), TRACE_EXCHANGE) ||
        !somebody_listens(vhost))
        return;
    amqp_table_builder_init(&builder);
    struct slice headers = build_headers(&builder, sighting);
    if (!headers_fit(vhost->broker, headers)) {
        sighting->is_cut = true;
        amqp_table_builder_clear(&builder);
        headers = build_headers(&builder, sighting);
    }
    take(vhost, make_message(sighting, join_key(key, prefix, name), headers));
    amqp_table_builder_clear(&builder);
}

void trace_publish(const struct trace_party *party, const struct exchange *exchange,
                   const struct message *message, const struct route_request *request,
                   const struct route *route) {
    struct sighting sighting = {.party = party,
                                .vhost = exchange->vhost,
                                .message = message,
                                .exchange = exchange,
                                .request = request,
                                .route = route};

    see(exchange->vhost, &sighting, SLICE("publish."), exchange->name);
}

void trace_delivery(const struct trace_party *party, const struct queue *queue,
                    const struct message *message, bool redelivered) {
    struct sighting sighting = {
        .party = party, .vhost = queue->vhost, .message = message, .redelivered = redelivered};

    see(queue->vhost, &sighting, SLICE("deliver."), queue->name);
}

/* --- switching --- */

static void tell(const struct list *consumers) {
    LIST_FOR_EACH(consumers, at) {
        struct consumer *consumer = LIST_ITEM(at, struct consumer, queue_link);
        consumer->ops->on_tracing_switched(consumer);
    }
}

static void tell_consumers(struct queue *queues) {
    for (const struct queue *queue = queues; queue != NULL; queue = queue->by_name.next) {
        tell(&queue->ready_consumers);
        tell(&queue->waiting_consumers);
    }
}

/* Publishers look again when routes are no longer what they were. */
void trace_switched(struct vhost *vhost) {
    vhost->routing_generation++;
    tell_consumers(vhost->queues);
    tell_consumers(vhost->reply_queues);
}

/* --- the tick --- */

static void trace_destroy(struct trace *trace) {
    message_unref(trace->message);
    vhost_unref(trace->vhost);
    free(trace);
}

static void send_trace(struct broker *broker, const struct trace *trace, struct route *route) {
    struct exchange *exchange = vhost_find_exchange(trace->vhost, TRACE_EXCHANGE);
    const struct route_request request = route_request_of(trace->message);
    uint64_t lsn = 0; /* nobody waits for it */

    if (exchange == NULL)
        return;
    route_message(route, exchange, &request);
    exchange->published_in_count++;
    exchange->published_out_count += route->count;
    broker_publish(broker, trace->message, route->queues, route->count, &lsn);
}

void broker_send_traces(struct broker *broker) {
    struct list *link;
    struct route route;

    route_init(&route);
    while ((link = list_take_first(&broker->traces)) != NULL) {
        struct trace *trace = LIST_ITEM(link, struct trace, link);
        send_trace(broker, trace, &route);
        trace_destroy(trace);
    }
    route_clear(&route);
}

void broker_clear_traces(struct broker *broker) {
    struct list *link;

    while ((link = list_take_first(&broker->traces)) != NULL)
        trace_destroy(LIST_ITEM(link, struct trace, link));
}
