/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/publish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/expiration.h"
#include "broker/entities/message.h"
#include "broker/entities/permission.h"
#include "broker/entities/queue.h"
#include "broker/entities/refusal.h"
#include "broker/entities/route_memory.h"
#include "broker/entities/trace.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/authorize.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/confirms.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/content.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/reply_to.h"
#include "broker/protocol/transaction.h"

/* Properties that a publish cannot ignore; a message with none of them takes the short way. */
#define CHECKED_PROPERTIES (AMQP_HEADERS | AMQP_REPLY_TO | AMQP_EXPIRATION | AMQP_USER_ID)

/* --- the method --- */

static struct publisher *publisher_of(struct channel *channel) {
    if (channel->publisher == NULL) {
        channel->publisher = xcalloc(1, sizeof *channel->publisher);
        route_init(&channel->publisher->route);
    }
    return channel->publisher;
}

void publisher_destroy(struct publisher *publisher) {
    if (publisher == NULL)
        return;
    message_unref(publisher->message);
    route_clear(&publisher->route);
    free(publisher);
}

static struct slice exchange_name(const struct publisher *publisher) {
    return slice_of(publisher->exchange, publisher->exchange_len);
}

static struct slice routing_key(const struct publisher *publisher) {
    return slice_of(publisher->routing_key, publisher->routing_key_len);
}

static void remember_address(struct publisher *publisher, const struct amqp_basic_publish *method) {
    publisher->has_memo = false;
    if (!slice_equal(method->exchange, exchange_name(publisher)))
        publisher->source = NULL;
    publisher->exchange_len = (uint8_t)method->exchange.len;
    publisher->routing_key_len = (uint8_t)method->routing_key.len;
    memcpy(publisher->exchange, method->exchange.data, method->exchange.len);
    memcpy(publisher->routing_key, method->routing_key.data, method->routing_key.len);
}

void publish_begin(struct channel *channel, const struct amqp_basic_publish *method) {
    struct publisher *publisher = publisher_of(channel);
    if (!slice_equal(method->exchange, exchange_name(publisher)) ||
        !slice_equal(method->routing_key, routing_key(publisher)))
        remember_address(publisher, method);
    publisher->mandatory = method->mandatory;
    publisher->immediate = method->immediate;
    content_expect(channel);
}

/* --- checks (compat 2.11); after a false or NULL the channel was failed and may be gone --- */

static struct exchange *find_source(struct channel *channel) {
    struct vhost *vhost = channel->connection->vhost;
    struct slice name = exchange_name(channel->publisher);
    struct refusal refusal;
    if (!authorize_publish(channel, name))
        return NULL;
    struct exchange *exchange = vhost_find_exchange(vhost, name);
    if (exchange == NULL) {
        refuse_not_found(&refusal, "exchange", name, vhost->name);
        channel_refuse(channel, &refusal);
        return NULL;
    }
    if (exchange->internal) {
        channel_fail(channel, AMQP_ACCESS_REFUSED,
                     "cannot publish to internal exchange '" SLICE_FMT "' in vhost '" SLICE_FMT "'",
                     SLICE_ARG(name), SLICE_ARG(vhost->name));
        return NULL;
    }
    return exchange;
}

static bool check_expiration(struct channel *channel, const struct amqp_properties *properties) {
    struct text error = {0};
    if (!(properties->flags & AMQP_EXPIRATION) ||
        expiration_is_valid(properties->expiration, &error))
        return true;
    channel_fail(channel, AMQP_PRECONDITION_FAILED, "invalid expiration '" SLICE_FMT "': %s",
                 SLICE_ARG(properties->expiration), text_chars(&error));
    text_clear(&error);
    return false;
}

/* CC and BCC have to be arrays; `ret_keys` stays without data when the header is absent. */
static bool read_keys_header(struct channel *channel, struct slice headers, const char *name,
                             struct slice *ret_keys) {
    struct amqp_value value;
    if (!amqp_table_find(headers, slice_from_text(name), &value))
        return true;
    if (value.tag == AMQP_TAG_ARRAY) {
        *ret_keys = value.bytes;
        return true;
    }
    channel_fail(channel, AMQP_PRECONDITION_FAILED,
                 "invalid message: {unacceptable_type_in_header,\"%s\",%s}", name,
                 amqp_type_name(value.tag));
    return false;
}

static bool check_user_id(struct channel *channel, const struct amqp_properties *properties) {
    const struct user *user = channel->connection->user;
    if (!(properties->flags & AMQP_USER_ID) || user->impersonator ||
        slice_equal(properties->user_id, user->name))
        return true;
    channel_fail(channel, AMQP_PRECONDITION_FAILED,
                 "user_id property set to '" SLICE_FMT "' but authenticated user was '" SLICE_FMT
                 "'",
                 SLICE_ARG(properties->user_id), SLICE_ARG(user->name));
    return false;
}

/* Permissions for routing keys are RabbitMQ's for topic exchanges only. */
static bool check_topics(struct channel *channel, const struct route_request *request) {
    const struct publisher *publisher = channel->publisher;
    return !publisher->checks_topics || authorize_topics(channel, publisher->source, request);
}

/* Everything about the message that is not its address. */
static bool check_properties(struct channel *channel, const struct amqp_properties *properties,
                             struct route_request *request) {
    if (!check_expiration(channel, properties))
        return false;
    if (properties->flags & AMQP_HEADERS) {
        request->headers = properties->headers;
        if (!read_keys_header(channel, properties->headers, "CC", &request->cc) ||
            !read_keys_header(channel, properties->headers, "BCC", &request->bcc))
            return false;
    }
    return check_topics(channel, request) && check_user_id(channel, properties);
}

/* --- routing --- */

/*
 * Makes sure that `source` is the exchange to publish to and that the user may: as last time, or found by
 * its name. False when the channel was failed.
 */
static bool refresh_source(struct channel *channel) {
    struct publisher *publisher = channel->publisher;
    uint64_t generation = channel->connection->vhost->routing_generation;
    if (publisher->source != NULL && publisher->source_generation == generation)
        return true;
    struct exchange *source = find_source(channel);
    if (source == NULL)
        return false;
    publisher->has_memo = false;
    publisher->source = source;
    publisher->source_generation = generation;
    publisher->checks_topics =
        source->type == &exchange_type_topic &&
        topic_permissions_exist(channel->connection->user, channel->connection->vhost);
    publisher->takes_detour =
        channel->transaction != NULL || channel->connection->vhost->metadata.tracing;
    return true;
}

static void find_route(struct publisher *publisher, const struct route_request *request) {
    bool keys_only = request->cc.data == NULL && request->bcc.data == NULL;
    if (publisher->has_memo && keys_only)
        return;
    if (!keys_only || !route_recall(publisher->source, request->routing_key, &publisher->route)) {
        route_message(&publisher->route, publisher->source, request);
        if (keys_only)
            route_remember(publisher->source, request->routing_key, &publisher->route);
    }
    publisher->has_memo = publisher->route.memoisable && keys_only;
}

/* --- enqueueing --- */

static inline void count_route(struct channel *channel, const struct route *route, bool mandatory) {
    if (route->count == 0)
        channel->counters.of[mandatory ? COUNT_RETURN_UNROUTABLE : COUNT_DROP_UNROUTABLE]++;
}

static void enqueue(struct channel *channel, struct message *message) {
    const struct publisher *publisher = channel->publisher;
    const struct route *route = &publisher->route;
    uint64_t lsn = route->held_lsn;
    bool accepted =
        broker_publish(channel->connection->broker, message, route->queues, route->count, &lsn);
    if (route->count == 0 && publisher->mandatory)
        send_basic_return(channel, message);
    confirms_add(channel, accepted, lsn);
}

/* RabbitMQ traces what is published in a transaction at once, whatever becomes of that. True when the
 * message is not to be enqueued now. */
static bool take_detour(struct channel *channel, struct message *message,
                        const struct route_request *request) {
    const struct publisher *publisher = channel->publisher;
    if (channel->connection->vhost->metadata.tracing) {
        const struct trace_party party = channel_trace_party(channel);
        trace_publish(&party, publisher->source, message, request, &publisher->route);
    }
    if (channel->transaction == NULL)
        return false;
    transaction_hold_publish(channel, message, request);
    return true;
}

static void route_and_enqueue(struct channel *channel, struct message *message,
                              struct route_request *request) {
    struct publisher *publisher = channel->publisher;
    struct broker *broker = channel->connection->broker;
    request->message = message;
    find_route(publisher, request);
    publisher->source->published_in_count++;
    publisher->source->published_out_count += publisher->route.count;
    broker->work += publisher->route.count;
    count_route(channel, &publisher->route, publisher->mandatory);
    if (!publisher->takes_detour || !take_detour(channel, message, request))
        enqueue(channel, message);
}

/* BCC keys route, but nobody who gets the message, or keeps it for later, is to see them. */
static void publish_without_bcc(struct channel *channel, const struct message *message,
                                struct route_request *request) {
    struct message *copy = message_without_bcc(message, request->bcc);
    if (copy == NULL) {
        connection_fail_memory(channel->connection);
        return;
    }
    route_and_enqueue(channel, copy, request);
    message_unref(copy);
}

/*
 * Properties, reply-to and BCC as far as the message has any. NULL when the channel was failed; the
 * message is gone then. Otherwise the message to enqueue, with `request` filled in for routing.
 */
static struct message *prepare(struct channel *channel, struct message *message,
                               struct route_request *request) {
    struct amqp_properties properties;
    message_properties(message, &properties);
    if (properties.flags & AMQP_REPLY_TO && reply_to_is_pseudo_queue(properties.reply_to)) {
        message = reply_to_rewrite(channel, message);
        if (message == NULL)
            return NULL;
        message_properties(message, &properties);
    }
    if (check_properties(channel, &properties, request))
        return message;
    message_unref(message);
    return NULL;
}

void publish_message(struct channel *channel, struct message *message) {
    struct publisher *publisher = channel->publisher;
    channel->counters.of[COUNT_PUBLISH]++;
    message_sizes_add(&channel->connection->broker->sizes, message->body_size);
    if (publisher->immediate) {
        channel_fail(channel, AMQP_NOT_IMPLEMENTED, "immediate=true");
        message_unref(message);
        return;
    }
    if (!refresh_source(channel)) {
        message_unref(message);
        return;
    }
    struct route_request request = {.routing_key = routing_key(publisher)};
    if (message_flags(message) & CHECKED_PROPERTIES) {
        message = prepare(channel, message, &request);
        if (message == NULL)
            return;
    } else if (!publisher->has_memo && !check_topics(channel, &request)) {
        message_unref(message);
        return;
    }
    if (request.bcc.data != NULL)
        publish_without_bcc(channel, message, &request);
    else
        route_and_enqueue(channel, message, &request);
    message_unref(message);
}
