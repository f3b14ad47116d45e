/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST exchanges/.../publish and queues/.../get, with the rules of AMQP's own methods. But for alarms of memory
 * and disk: they hold connections that publish, and RabbitMQ publishes for HTTP from inside the node, unheld.
 */
#include "broker/management/messages.h"

#include <stdlib.h>
#include <string.h>

#include "amqp/properties.h"
#include "amqp/writer.h"
#include "broker/base/alloc.h"
#include "broker/base/base64.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/permission.h"
#include "broker/entities/queue.h"
#include "broker/entities/route.h"
#include "broker/entities/trace.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/management_private.h"
#include "broker/management/message_json.h"
#include "broker/management/properties_json.h"
#include "broker/management/publication.h"

#define HEADER_PAYLOAD_MAX (API_BODY_MAX + 4096)

/* --- publish --- */

struct publication {
    struct exchange *exchange;
    struct slice routing_key;
    struct amqp_properties properties;
    struct amqp_table_builder headers;
    struct slice payload;
    uint8_t *decoded; /* owned: the payload when it came in base64 */
};

static struct exchange *find_exchange(struct api_request *request) {
    const struct slice name = request->parts[0];
    struct exchange *exchange = vhost_find_exchange(
        request->vhost, slice_equal(name, SLICE("amq.default")) ? SLICE("") : name);

    if (exchange == NULL)
        api_refuse(request, 404, "not_found", SLICE("exchange_not_found"));
    return exchange;
}

static bool read_payload(struct api_request *request, struct publication *publication) {
    struct slice text, encoding;
    size_t len;

    if (!api_body_text(request, "payload", true, &text) ||
        !api_body_text(request, "payload_encoding", true, &encoding))
        return false;
    if (slice_equal(encoding, SLICE("string"))) {
        publication->payload = text;
        return true;
    }
    publication->decoded = xmalloc(BASE64_DECODED_MAX(text.len));
    if (slice_equal(encoding, SLICE("base64")) && base64_decode(text, publication->decoded, &len)) {
        publication->payload = slice_of(publication->decoded, len);
        return true;
    }
    api_refuse_bad(request, slice_equal(encoding, SLICE("base64")) ? "payload is not base64"
                                                                   : "unsupported_encoding");
    return false;
}

static bool read_properties(struct api_request *request, struct publication *publication) {
    const json_t *object = json_object_get(request->body, "properties");
    const char *key;

    if (object == NULL) {
        api_refuse_bad(request, "[{key_missing,properties}]");
        return false;
    }
    if (!json_is_object(object) ||
        !properties_json_read(object, &publication->headers, &publication->properties, &key)) {
        api_refuse_bad(request, "property %s cannot be read", json_is_object(object) ? key : "");
        return false;
    }
    return true;
}

static bool check_sizes(struct api_request *request, const struct publication *publication) {
    if (publication->routing_key.len > 255) {
        api_refuse_bad(request, "routing_key is longer than 255 octets");
        return false;
    }
    if (publication->payload.len > request->broker->settings.max_message_size) {
        api_refuse_bad(request, "message size %zu is larger than configured max size %llu",
                       publication->payload.len,
                       (unsigned long long)request->broker->settings.max_message_size);
        return false;
    }
    return true;
}

static bool read_publication(struct api_request *request, struct publication *publication) {
    return api_body_text(request, "routing_key", true, &publication->routing_key) &&
           read_properties(request, publication) && read_payload(request, publication) &&
           check_sizes(request, publication) &&
           publication_check(request, publication->exchange, publication->routing_key,
                             &publication->properties);
}

/* Without the header BCC, if it has one; takes the reference. */
static struct message *hide_keys(struct message *message,
                                 const struct amqp_properties *properties) {
    const struct slice keys = publication_hidden_keys(properties);

    if (keys.data == NULL)
        return message;
    struct message *copy = message_without_bcc(message, keys);
    message_unref(message);
    return copy;
}

/* NULL when memory is out or the properties are too large. */
static struct message *make_message(struct api_request *request,
                                    const struct publication *publication) {
    uint8_t *octets = xmalloc(HEADER_PAYLOAD_MAX);
    struct writer w = writer_over(octets, HEADER_PAYLOAD_MAX);
    struct message *message = NULL;
    const struct slice payload = publication->payload;
    const bool fits = payload.len <= MESSAGE_INLINE_BODY_MAX;

    writer_u16(&w, 60);
    writer_u16(&w, 0);
    writer_u64(&w, payload.len);
    amqp_properties_encode(&w, &publication->properties);
    if (writer_is_complete(&w))
        message = message_create(&request->broker->messages, publication->exchange->name,
                                 publication->routing_key, writer_written(&w),
                                 fits ? payload : SLICE(""));
    free(octets);
    if (message != NULL && !fits && !message_append_body(message, payload)) {
        message_unref(message);
        return NULL;
    }
    return message == NULL ? NULL : hide_keys(message, &publication->properties);
}

/* RabbitMQ names a connection inside itself; there is none here. */
static struct trace_party trace_party_of(const struct api_request *request) {
    return (struct trace_party){
        .connection = SLICE("HTTP API"), .user = request->user->name, .channel = 1};
}

static void route_and_reply(struct api_request *request, struct exchange *exchange,
                            struct message *message) {
    const struct route_request wanted = route_request_of(message);
    struct route route;
    struct json_out out = api_json(request);

    route_init(&route);
    route_message(&route, exchange, &wanted);
    uint64_t lsn = route.held_lsn;
    if (request->vhost->metadata.tracing) {
        const struct trace_party party = trace_party_of(request);
        trace_publish(&party, exchange, message, &wanted, &route);
    }
    exchange->published_in_count++;
    exchange->published_out_count += route.count;
    message_sizes_add(&request->broker->sizes, message->body_size);
    request->broker->retired.channels.of[COUNT_PUBLISH]++;
    if (broker_publish(request->broker, message, route.queues, route.count, &lsn)) {
        json_out_begin_object(&out);
        json_out_put_bool(&out, "routed", route.count > 0);
        json_out_end_object(&out);
        request->response->lsn = lsn;
    } else {
        api_refuse_bad(request, "Unable to publish message. Check queue limits.");
    }
    route_clear(&route);
}

static void publish(struct api_request *request) {
    struct publication publication = {.exchange = find_exchange(request)};

    if (publication.exchange == NULL)
        return;
    amqp_table_builder_init(&publication.headers);
    if (read_publication(request, &publication)) {
        struct message *message = make_message(request, &publication);
        if (message == NULL)
            api_refuse_bad(request, "the message is too large");
        else
            route_and_reply(request, publication.exchange, message);
        message_unref(message);
    }
    amqp_table_builder_clear(&publication.headers);
    free(publication.decoded);
}

/* --- get --- */

enum ack_mode { ACK_REQUEUE, ACK_GONE, REJECT_REQUEUE, REJECT_GONE };

static const char *const ack_modes[] = {"ack_requeue_true", "ack_requeue_false",
                                        "reject_requeue_true", "reject_requeue_false"};

struct getting {
    struct queue *queue;
    int64_t count;
    enum ack_mode mode;
    struct message_view view;
};

static bool read_ack_mode(struct api_request *request, enum ack_mode *ret_mode) {
    struct slice word;

    if (!api_body_text(request, "ackmode", true, &word))
        return false;
    for (int mode = 0; mode < 4; mode++) {
        if (slice_equal(word, slice_from_text(ack_modes[mode]))) {
            *ret_mode = (enum ack_mode)mode;
            return true;
        }
    }
    api_refuse_bad(request, "unknown ackmode");
    return false;
}

static bool read_getting(struct api_request *request, struct getting *getting) {
    struct slice encoding;

    if (!read_ack_mode(request, &getting->mode) ||
        !api_body_integer(request, "count", true, &getting->count) ||
        !api_body_text(request, "encoding", true, &encoding) ||
        !api_body_integer(request, "truncate", false, &getting->view.truncate))
        return false;
    if (getting->count < 0) {
        api_refuse_bad(request, "count must not be negative");
        return false;
    }
    if (getting->count > MESSAGES_GET_MAX)
        getting->count = MESSAGES_GET_MAX;
    if (message_view_set_encoding(&getting->view, encoding))
        return true;
    api_refuse_bad(request, "unsupported encoding");
    return false;
}

bool messages_may_get(struct api_request *request, const struct queue *queue) {
    struct refusal refusal = {0};

    if (queue_check_exclusive(queue, NULL, &refusal) &&
        permission_check(request->user, request->vhost, ACCESS_READ, RESOURCE_QUEUE, queue->name,
                         &refusal))
        return true;
    api_refuse_as_amqp(request, &refusal);
    return false;
}

/* `left` messages were ready once it was taken. */
static void write_message(struct json_out *out, const struct getting *getting,
                          const struct entry *entry, size_t left) {
    json_out_begin_object(out);
    message_json_write(out, getting->queue, entry, left, &getting->view);
    json_out_end_object(out);
}

/* In the order of the ready ones they came from. */
static void settle(const struct getting *getting, struct entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (getting->mode == ACK_GONE)
            queue_ack(getting->queue, entries[i]);
        else if (getting->mode == REJECT_GONE)
            queue_discard(getting->queue, entries[i]);
        else
            queue_requeue(getting->queue, entries[i]);
    }
}

/* Stops before the first message that is not in memory, once there is one to show. */
static size_t take(const struct getting *getting, struct entry *entries, bool *ret_is_away) {
    size_t octets = 0;
    size_t count = 0;

    *ret_is_away = false;
    while (count < (size_t)getting->count && octets < MESSAGES_GET_OCTETS_MAX) {
        if (!queue_prepare_get(getting->queue)) {
            *ret_is_away = count == 0;
            break;
        }
        if (!queue_get(getting->queue, false, &entries[count]))
            break;
        octets += message_view_octets(&getting->view, entries[count++].message);
    }
    return count;
}

static void trace_taken(const struct api_request *request, const struct getting *getting,
                        const struct entry *entries, size_t count) {
    const struct trace_party party = trace_party_of(request);

    for (size_t i = 0; i < count; i++) {
        struct message *shown = queue_shown_message(getting->queue, &entries[i]);
        trace_delivery(&party, getting->queue, shown, entries[i].redelivered);
        message_unref(shown);
    }
}

static void reply_messages(struct api_request *request, const struct getting *getting) {
    struct entry *entries = xcalloc((size_t)getting->count + 1, sizeof *entries);
    struct json_out out = api_json(request);
    bool is_away;
    size_t count = take(getting, entries, &is_away);

    if (request->vhost->metadata.tracing)
        trace_taken(request, getting, entries, count);
    if (is_away) {
        request->response->again = true;
    } else {
        json_out_begin_array(&out);
        for (size_t i = 0; i < count; i++)
            write_message(&out, getting, &entries[i],
                          queue_ready_count(getting->queue) + count - 1 - i);
        json_out_end_array(&out);
    }
    queue_ref(getting->queue);
    settle(getting, entries, count);
    queue_unref(getting->queue);
    free(entries);
}

static void get(struct api_request *request) {
    struct getting getting = {.queue = vhost_find_queue(request->vhost, request->parts[0]),
                              .view = {.truncate = -1}};

    if (getting.queue == NULL)
        api_refuse(request, 404, "not_found", SLICE("queue_not_found"));
    else if (read_getting(request, &getting) && messages_may_get(request, getting.queue))
        reply_messages(request, &getting);
}

const struct api_route message_routes[] = {
    {"POST", "exchanges/{vhost}/{exchange}/publish", API_VHOST, API_JSON_MESSAGE, publish},
    {"POST", "queues/{vhost}/{queue}/get", API_VHOST, API_JSON, get},
    {.pattern = NULL},
};
