/* SPDX-License-Identifier: Apache-2.0 */
/* GET, PUT and DELETE of queues and what is in them. */
#include "broker/management/queues.h"

#include <stdio.h>
#include <time.h>

#include "broker/base/rate.h"
#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/policy.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_figures.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_login.h"
#include "broker/management/connections.h"
#include "broker/management/consumers.h"
#include "broker/management/management_private.h"
#include "broker/entities/table_json.h"
#include "broker/management/message_stats.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"

/* --- fields --- */

static void write_vhost(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_text(out, ((const struct queue *)object)->vhost->name);
}

static void write_exclusive(struct json_out *out, const void *object,
                            struct management *management) {
    (void)management;
    json_out_bool(out, ((const struct queue *)object)->exclusive_owner != NULL);
}

static void write_messages(struct json_out *out, const void *object,
                           struct management *management) {
    const struct queue *queue = object;

    (void)management;
    json_out_unsigned(out, queue_ready_count(queue) + queue->unacked_count);
}

static void write_messages_ready(struct json_out *out, const void *object,
                                 struct management *management) {
    (void)management;
    json_out_unsigned(out, queue_ready_count(object));
}

enum { LENGTH_READY, LENGTH_UNACKNOWLEDGED, LENGTH_ALL, LENGTHS };

/* A queue that has been empty whenever somebody looked needs no memory for it. */
static void write_length_rate(struct json_out *out, const void *object, size_t index,
                              const struct management *management) {
    struct queue *queue = (struct queue *)(uintptr_t)object;
    const uint64_t ready = queue_ready_count(queue), unacknowledged = queue->unacked_count;
    const uint64_t lengths[LENGTHS] = {ready, unacknowledged, ready + unacknowledged};
    const int64_t now_ms = management->broker->env->now_ms;
    double rate = 0;

    if (queue->length_rates != NULL || lengths[LENGTH_ALL] > 0) {
        rate_window_update(&queue->length_rates, lengths, LENGTHS, now_ms);
        rate = rate_per_second(queue->length_rates, index, lengths[index], now_ms);
    }
    message_stats_write_rate(out, rate);
}

static void write_ready_rate(struct json_out *out, const void *object,
                             struct management *management) {
    write_length_rate(out, object, LENGTH_READY, management);
}

static void write_unacknowledged_rate(struct json_out *out, const void *object,
                                      struct management *management) {
    write_length_rate(out, object, LENGTH_UNACKNOWLEDGED, management);
}

static void write_messages_rate(struct json_out *out, const void *object,
                                struct management *management) {
    write_length_rate(out, object, LENGTH_ALL, management);
}

/* --- where its messages are --- */

#define FIGURE(NAME)                                                  \
    static void write_##NAME(struct json_out *out, const void *queue, \
                             struct management *management) {         \
        (void)management;                                             \
        json_out_unsigned(out, queue_figures(queue).NAME);            \
    }
FIGURE(messages_persistent)
FIGURE(messages_ram)
FIGURE(messages_ready_ram)
FIGURE(messages_paged_out)
FIGURE(message_bytes)
FIGURE(message_bytes_ready)
FIGURE(message_bytes_unacknowledged)
FIGURE(message_bytes_persistent)
FIGURE(message_bytes_ram)
FIGURE(message_bytes_paged_out)
FIGURE(memory)

static void write_head_timestamp(struct json_out *out, const void *queue,
                                 struct management *management) {
    uint64_t seconds;

    (void)management;
    if (queue_head_timestamp(queue, &seconds))
        json_out_unsigned(out, seconds);
    else
        json_out_null(out);
}

static bool is_busy(const void *queue) {
    int64_t wall_ms;
    return !queue_idle_since(queue, &wall_ms);
}

static void write_idle_since(struct json_out *out, const void *queue,
                             struct management *management) {
    char text[64];
    struct tm utc;
    int64_t wall_ms;

    (void)management;
    queue_idle_since(queue, &wall_ms);
    const time_t seconds = (time_t)(wall_ms / 1000);
    gmtime_r(&seconds, &utc);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + len, sizeof text - len, ".%03u+00:00", (unsigned)(wall_ms % 1000));
    json_out_string(out, text);
}

static void write_type(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_string(out, queue_type_name(((const struct queue *)object)->type));
}

static void write_state(struct json_out *out, const void *object, struct management *management) {
    (void)object;
    (void)management;
    json_out_string(out, "running");
}

/* --- policies --- */

static void write_policy_name(struct json_out *out, const struct policy *policy) {
    if (policy == NULL)
        json_out_null(out);
    else
        json_out_text(out, policy->name);
}

static void write_policy(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    write_policy_name(out, ((const struct queue *)object)->policy);
}

static void write_operator_policy(struct json_out *out, const void *object,
                                  struct management *management) {
    (void)management;
    write_policy_name(out, ((const struct queue *)object)->operator_policy);
}

static void write_effective_policy(struct json_out *out, const void *object,
                                   struct management *management) {
    struct amqp_table_builder builder;

    (void)management;
    amqp_table_builder_init(&builder);
    policy_put_effective(object, &builder);
    table_json_write(out, amqp_table_builder_finish(&builder));
    amqp_table_builder_clear(&builder);
}

/* --- consumers --- */

/* Every consumer there is comes from a channel. */
static const struct channel_consumer *channel_consumer_of(const struct consumer *consumer) {
    return (const struct channel_consumer *)(const void *)consumer;
}

static void write_consumer_tag(struct json_out *out, const struct consumer *consumer) {
    if (consumer == NULL)
        json_out_null(out);
    else
        json_out_text(out, channel_consumer_tag(channel_consumer_of(consumer)));
}

static void write_exclusive_tag(struct json_out *out, const void *object,
                                struct management *management) {
    (void)management;
    write_consumer_tag(out, ((const struct queue *)object)->exclusive_consumer);
}

static void write_active_tag(struct json_out *out, const void *object,
                             struct management *management) {
    (void)management;
    write_consumer_tag(out, ((const struct queue *)object)->active_consumer);
}

static void write_consumers_of(struct json_out *out, const struct list *consumers,
                               struct management *management) {
    LIST_FOR_EACH(consumers, at) {
        const struct consumer *consumer = LIST_ITEM(at, struct consumer, queue_link);
        api_write_object(out, &consumer_resource, channel_consumer_of(consumer), NULL, false,
                         management);
    }
}

static void write_consumer_details(struct json_out *out, const void *object,
                                   struct management *management) {
    const struct queue *queue = object;

    json_out_begin_array(out);
    write_consumers_of(out, &queue->ready_consumers, management);
    write_consumers_of(out, &queue->waiting_consumers, management);
    write_consumers_of(out, &queue->inactive_consumers, management);
    json_out_end_array(out);
}

/* Of the consumers that there are, the share that could take a message at once. */
static void write_capacity(struct json_out *out, const void *object,
                           struct management *management) {
    const struct queue *queue = object;

    (void)management;
    json_out_double(out, queue->consumer_count > 0 && list_is_empty(&queue->waiting_consumers));
}

static bool is_not_exclusive(const void *object) {
    return ((const struct queue *)object)->exclusive_owner == NULL;
}

static void write_owner(struct json_out *out, const void *object, struct management *management) {
    const struct connection *owner = ((const struct queue *)object)->exclusive_owner;

    (void)management;
    json_out_begin_object(out);
    json_out_put_string(out, "name", owner->name);
    connection_write_peer(out, owner);
    json_out_end_object(out);
}

/* --- what quorum queues alone have --- */

static bool is_not_quorum(const void *object) {
    return ((const struct queue *)object)->type != QUEUE_QUORUM;
}

static bool is_quorum(const void *object) {
    return !is_not_quorum(object);
}

static void write_members(struct json_out *out, const void *object, struct management *management) {
    (void)object;
    json_out_begin_array(out);
    json_out_string(out, management->settings.node_name);
    json_out_end_array(out);
}

/* A number, or the word (drop-in A.3). */
static void write_delivery_limit(struct json_out *out, const void *object,
                                 struct management *management) {
    const struct queue_features *features = ((const struct queue *)object)->features;

    (void)management;
    if (features == NULL || features->delivery_limit < 0)
        json_out_string(out, "unlimited");
    else
        json_out_integer(out, features->delivery_limit);
}

static void write_storage_version(struct json_out *out, const void *object,
                                  struct management *management) {
    (void)object;
    (void)management;
    json_out_unsigned(out, 2);
}

static bool has_no_stats(const void *object) {
    return message_stats_are_empty(&((const struct queue *)object)->counters);
}

static void write_stats(struct json_out *out, const void *object, struct management *management) {
    struct queue *queue = (struct queue *)(uintptr_t)object;

    message_stats_write(out, &queue->counters, &queue->rates, management->broker->env->now_ms);
}

static const struct api_field fields[] = {
    API_MEMBER("name", API_TEXT, struct queue, name),
    {"vhost", .write = write_vhost},
    API_MEMBER("durable", API_BOOL, struct queue, durable),
    API_MEMBER("auto_delete", API_BOOL, struct queue, auto_delete),
    {"exclusive", .write = write_exclusive},
    {"type", .write = write_type},
    {"state", .write = write_state},
    API_MEMBER("arguments", API_TABLE, struct queue, arguments),
    {"node", .write = api_write_node},
    {"messages", .write = write_messages},
    {"messages_details", .write = write_messages_rate},
    {"messages_ready", .write = write_messages_ready},
    {"messages_ready_details", .write = write_ready_rate},
    API_MEMBER("messages_unacknowledged", API_SIZE, struct queue, unacked_count),
    {"messages_unacknowledged_details", .write = write_unacknowledged_rate},
    {"messages_persistent", .write = write_messages_persistent},
    {"messages_ram", .write = write_messages_ram},
    {"messages_ready_ram", .write = write_messages_ready_ram},
    API_MEMBER("messages_unacknowledged_ram", API_SIZE, struct queue, unacked_count),
    {"messages_paged_out", .write = write_messages_paged_out},
    {"message_bytes", .write = write_message_bytes},
    {"message_bytes_ready", .write = write_message_bytes_ready},
    {"message_bytes_unacknowledged", .write = write_message_bytes_unacknowledged},
    {"message_bytes_persistent", .write = write_message_bytes_persistent},
    {"message_bytes_ram", .write = write_message_bytes_ram},
    {"message_bytes_paged_out", .write = write_message_bytes_paged_out},
    {"memory", .write = write_memory},
    {"head_message_timestamp", .write = write_head_timestamp},
    {"idle_since", .write = write_idle_since, .is_absent = is_busy},
    API_MEMBER("consumers", API_SIZE, struct queue, consumer_count),
    {"consumer_capacity", .write = write_capacity},
    {"consumer_utilisation", .write = write_capacity},
    {"policy", .write = write_policy},
    {"operator_policy", .write = write_operator_policy},
    {"effective_policy_definition", .write = write_effective_policy},
    {"exclusive_consumer_tag", .write = write_exclusive_tag},
    {"single_active_consumer_tag", .write = write_active_tag},
    {"owner_pid_details", .write = write_owner, .is_absent = is_not_exclusive},
    {"leader", .write = api_write_node, .is_absent = is_not_quorum},
    {"members", .write = write_members, .is_absent = is_not_quorum},
    {"online", .write = write_members, .is_absent = is_not_quorum},
    {"delivery_limit", .write = write_delivery_limit, .is_absent = is_not_quorum},
    {"storage_version", .write = write_storage_version, .is_absent = is_quorum},
    {"consumer_details", .write = write_consumer_details, .only_single = true},
    {"message_stats", .write = write_stats, .is_absent = has_no_stats},
    {.name = NULL},
};

/* --- lists --- */

static int compare(const void *a, const void *b) {
    const struct queue *left = a, *right = b;
    int order = slice_compare(left->vhost->name, right->vhost->name);

    return order != 0 ? order : slice_compare(left->name, right->name);
}

static void hold(const void *object) {
    queue_ref((struct queue *)(uintptr_t)object);
}

static void release(const void *object) {
    queue_unref((struct queue *)(uintptr_t)object);
}

static bool is_gone(struct management *management, const void *object) {
    (void)management;
    return ((const struct queue *)object)->deleted;
}

const struct api_resource queue_resource = {
    .fields = fields, .compare = compare, .hold = hold, .release = release, .is_gone = is_gone};

static void collect(struct api_items *items, const struct vhost *vhost) {
    for (struct queue *queue = vhost->queues; queue != NULL; queue = queue->by_name.next)
        api_items_add(items, &queue_resource, queue);
}

static void list(struct api_request *request) {
    struct api_items items = {0};

    for (struct vhost *vhost = request->broker->vhosts; vhost != NULL; vhost = vhost->by_name.next)
        if (api_lists_vhost(request, vhost))
            collect(&items, vhost);
    api_reply_list(request, &queue_resource, &items);
}

/* --- one queue --- */

static void show(struct api_request *request) {
    const struct queue *queue = vhost_find_queue(request->vhost, request->parts[0]);

    if (queue == NULL)
        api_refuse_missing(request);
    else
        api_reply_object(request, &queue_resource, queue);
}

static bool read_declaration(struct api_request *request, struct queue_declaration *declaration,
                             struct amqp_table_builder *arguments) {
    *declaration = (struct queue_declaration){.name = request->parts[0]};
    if (!api_body_bool(request, "durable", &declaration->durable) ||
        !api_body_bool(request, "auto_delete", &declaration->auto_delete))
        return false;
    return api_body_table(request, "arguments", arguments, &declaration->arguments);
}

/* What AMQP's methods ask for, by the name in the path. */
static bool may(struct api_request *request, enum access access) {
    struct refusal refusal = {0};

    if (permission_check(request->user, request->vhost, access, RESOURCE_QUEUE, request->parts[0],
                         &refusal))
        return true;
    api_refuse_as_amqp(request, &refusal);
    return false;
}

static void put(struct api_request *request) {
    struct queue_declaration declaration;
    struct amqp_table_builder arguments;
    struct refusal refusal = {0};
    bool created = false;

    api_clean_names(request);
    amqp_table_builder_init(&arguments);
    if (read_declaration(request, &declaration, &arguments) && may(request, ACCESS_CONFIGURE)) {
        if (vhost_declare_queue(request->vhost, &declaration, &created, &refusal) == NULL)
            api_refuse_as_amqp(request, &refusal);
        else
            api_reply_put(request, created);
    }
    amqp_table_builder_clear(&arguments);
}

static void delete (struct api_request *request) {
    struct refusal refusal = {0};
    size_t count;

    if (vhost_find_queue(request->vhost, request->parts[0]) == NULL)
        api_refuse_missing(request);
    else if (!may(request, ACCESS_CONFIGURE))
        return;
    else if (vhost_delete_queue(request->vhost, request->parts[0], NULL,
                                api_argument_is_true(request, "if-unused"),
                                api_argument_is_true(request, "if-empty"), &count, &refusal))
        api_reply_deleted(request);
    else
        api_refuse_as_amqp(request, &refusal);
}

static void purge(struct api_request *request) {
    struct queue *queue = vhost_find_queue(request->vhost, request->parts[0]);
    struct refusal refusal = {0};

    if (queue == NULL) {
        api_refuse_missing(request);
    } else if (!queue_check_exclusive(queue, NULL, &refusal)) {
        api_refuse_as_amqp(request, &refusal);
    } else if (may(request, ACCESS_READ)) {
        queue_purge(queue);
        api_reply_deleted(request);
    }
}

/* Mirrors are in step, as there are none; nothing else is an action. */
static void act(struct api_request *request) {
    struct slice action;

    if (vhost_find_queue(request->vhost, request->parts[0]) == NULL) {
        api_refuse_missing(request);
        return;
    }
    if (!api_body_text(request, "action", true, &action))
        return;
    if (slice_equal(action, SLICE("sync")) || slice_equal(action, SLICE("cancel_sync")))
        api_reply_deleted(request);
    else
        api_refuse_bad(request, "unknown action " SLICE_FMT, SLICE_ARG(action));
}

const struct api_route queue_routes[] = {
    {"GET", "queues", API_MANAGEMENT, API_NO_BODY, list},
    {"GET", "queues/detailed", API_MANAGEMENT, API_NO_BODY, list},
    {"GET", "queues/{vhost}", API_VHOST, API_NO_BODY, list},
    {"GET", "queues/{vhost}/{name}", API_VHOST, API_NO_BODY, show},
    {"PUT", "queues/{vhost}/{name}", API_VHOST, API_JSON, put},
    {"DELETE", "queues/{vhost}/{name}", API_VHOST, API_NO_BODY, delete},
    {"POST", "queues/{vhost}/{name}/actions", API_VHOST, API_JSON, act},
    {"DELETE", "queues/{vhost}/{name}/contents", API_VHOST, API_NO_BODY, purge},
    {.pattern = NULL},
};
