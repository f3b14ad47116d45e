/* SPDX-License-Identifier: Apache-2.0 */
/* GET of channels. */
#include "broker/management/channels.h"

#include <string.h>

#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/connections.h"
#include "broker/management/consumers.h"
#include "broker/management/management_private.h"
#include "broker/management/message_stats.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/transaction.h"

void channel_append_name(struct text *text, const struct channel *channel) {
    text_append_format(text, "%s (%u)", channel->connection->name, channel->number);
}

static void write_name_of(struct json_out *out, const struct channel *channel) {
    struct text name = {0};

    channel_append_name(&name, channel);
    json_out_text(out, text_slice(&name));
    text_clear(&name);
}

void channel_write_details(struct json_out *out, const struct channel *channel,
                           struct management *management) {
    const struct connection *connection = channel->connection;

    json_out_begin_object(out);
    json_out_put_string(out, "connection_name", connection->name);
    json_out_key(out, "name");
    write_name_of(out, channel);
    json_out_put_string(out, "node", management->settings.node_name);
    json_out_put_unsigned(out, "number", channel->number);
    connection_write_peer(out, connection);
    json_out_put_text(out, "user", connection->user == NULL ? SLICE("") : connection->user->name);
    json_out_end_object(out);
}

/* --- fields --- */

static void write_name(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    write_name_of(out, object);
}

static void write_user(struct json_out *out, const void *object, struct management *management) {
    const struct user *user = ((const struct channel *)object)->connection->user;

    (void)management;
    json_out_text(out, user == NULL ? SLICE("") : user->name);
}

static void write_vhost(struct json_out *out, const void *object, struct management *management) {
    const struct vhost *vhost = ((const struct channel *)object)->connection->vhost;

    (void)management;
    json_out_text(out, vhost == NULL ? SLICE("") : vhost->name);
}

static void write_state(struct json_out *out, const void *object, struct management *management) {
    const struct channel *channel = object;

    (void)management;
    json_out_string(out, channel->state == CHANNEL_CLOSING            ? "closing"
                         : channel->connection->endpoint.input_paused ? "flow"
                                                                      : "running");
}

static void write_transactional(struct json_out *out, const void *object,
                                struct management *management) {
    (void)management;
    json_out_bool(out, ((const struct channel *)object)->transaction != NULL);
}

static void write_unacknowledged(struct json_out *out, const void *object,
                                 struct management *management) {
    (void)management;
    json_out_unsigned(out, unacked_count(&((const struct channel *)object)->unacked));
}

static void write_unconfirmed(struct json_out *out, const void *object,
                              struct management *management) {
    const struct confirms *confirms = &((const struct channel *)object)->confirms;

    (void)management;
    json_out_unsigned(out, confirms->last_sequence - confirms->last_sent);
}

static void write_uncommitted(struct json_out *out, const void *object,
                              struct management *management) {
    (void)management;
    json_out_unsigned(out, transaction_publish_count(object));
}

static void write_uncommitted_acks(struct json_out *out, const void *object,
                                   struct management *management) {
    (void)management;
    json_out_unsigned(out, transaction_settlement_count(object));
}

static void write_connection_details(struct json_out *out, const void *object,
                                     struct management *management) {
    const struct connection *connection = ((const struct channel *)object)->connection;

    (void)management;
    json_out_begin_object(out);
    json_out_put_string(out, "name", connection->name);
    connection_write_peer(out, connection);
    json_out_end_object(out);
}

static void write_consumer_details(struct json_out *out, const void *object,
                                   struct management *management) {
    const struct channel_consumer *consumer = ((const struct channel *)object)->consumers;

    json_out_begin_array(out);
    for (; consumer != NULL; consumer = consumer->by_tag.next)
        api_write_object(out, &consumer_resource, consumer, NULL, false, management);
    json_out_end_array(out);
}

static bool has_no_stats(const void *object) {
    return message_stats_are_empty(&((const struct channel *)object)->counters);
}

static void write_stats(struct json_out *out, const void *object, struct management *management) {
    struct channel *channel = (struct channel *)(uintptr_t)object;

    message_stats_write(out, &channel->counters, &channel->rates, management->broker->env->now_ms);
}

static const struct api_field fields[] = {
    {"name", .write = write_name},
    API_MEMBER("number", API_UINT16, struct channel, number),
    {"node", .write = api_write_node},
    {"user", .write = write_user},
    {"user_who_performed_action", .write = write_user},
    {"vhost", .write = write_vhost},
    {"state", .write = write_state},
    API_MEMBER("confirm", API_BOOL, struct channel, confirms.selected),
    {"transactional", .write = write_transactional},
    API_MEMBER("prefetch_count", API_UINT16, struct channel, consumer_prefetch),
    API_MEMBER("global_prefetch_count", API_UINT16, struct channel, global_prefetch),
    API_MEMBER("consumer_count", API_UINT32, struct channel, consumer_count),
    {"messages_unacknowledged", .write = write_unacknowledged},
    {"messages_unconfirmed", .write = write_unconfirmed},
    {"messages_uncommitted", .write = write_uncommitted},
    {"acks_uncommitted", .write = write_uncommitted_acks},
    {"connection_details", .write = write_connection_details},
    {"message_stats", .write = write_stats, .is_absent = has_no_stats},
    {"consumer_details", .write = write_consumer_details, .only_single = true},
    {.name = NULL},
};

/* --- lists --- */

static int compare(const void *a, const void *b) {
    const struct channel *left = a, *right = b;
    int order = strcmp(left->connection->name, right->connection->name);

    return order != 0 ? order : left->number - right->number;
}

static bool is_gone(struct management *management, const void *object) {
    LIST_FOR_EACH(&management->broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        for (const struct channel *channel = connection->channels; channel != NULL;
             channel = channel->by_number.next)
            if (channel == object)
                return false;
    }
    return true;
}

static uint64_t epoch(struct management *management) {
    return management->broker->counters.channels_closed;
}

const struct api_resource channel_resource = {
    .fields = fields, .compare = compare, .is_gone = is_gone, .epoch = epoch};

static void collect(struct api_items *items, const struct connection *connection) {
    for (const struct channel *channel = connection->channels; channel != NULL;
         channel = channel->by_number.next)
        api_items_add(items, &channel_resource, channel);
}

/* Those of one vhost, unless the path names none. */
static void list_all(struct api_request *request) {
    struct api_items items = {0};

    LIST_FOR_EACH(&request->broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection_is_visible(request, connection) &&
            (request->vhost == NULL || connection->vhost == request->vhost))
            collect(&items, connection);
    }
    api_reply_list(request, &channel_resource, &items);
}

static void list_of_connection(struct api_request *request) {
    struct api_items items = {0};
    bool found = false;

    LIST_FOR_EACH(&request->broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->state == CONNECTION_OPEN && connection_is_visible(request, connection) &&
            slice_equal(slice_from_text(connection->name), request->parts[0])) {
            found = true;
            collect(&items, connection);
        }
    }
    if (found)
        api_reply_list(request, &channel_resource, &items);
    else
        api_refuse_missing(request);
}

static bool has_name(const struct channel *channel, struct slice wanted) {
    struct text name = {0};

    channel_append_name(&name, channel);
    bool is_equal = slice_equal(text_slice(&name), wanted);
    text_clear(&name);
    return is_equal;
}

static const struct channel *find(const struct api_request *request) {
    LIST_FOR_EACH(&request->broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        for (const struct channel *channel = connection->channels; channel != NULL;
             channel = channel->by_number.next)
            if (has_name(channel, request->parts[0]))
                return channel;
    }
    return NULL;
}

static void show(struct api_request *request) {
    const struct channel *channel = find(request);

    if (channel == NULL)
        api_refuse_missing(request);
    else if (!connection_is_visible(request, channel->connection))
        api_refuse_access(request, "User not authorised to access object");
    else
        api_reply_object(request, &channel_resource, channel);
}

const struct api_route channel_routes[] = {
    {"GET", "channels", API_MANAGEMENT, API_NO_BODY, list_all},
    {"GET", "channels/{name}", API_MANAGEMENT, API_NO_BODY, show},
    {"GET", "connections/{name}/channels", API_MANAGEMENT, API_NO_BODY, list_of_connection},
    {"GET", "vhosts/{vhost}/channels", API_VHOST, API_NO_BODY, list_all},
    {.pattern = NULL},
};
