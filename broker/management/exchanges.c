/* SPDX-License-Identifier: Apache-2.0 */
/* GET, PUT and DELETE of exchanges. */
#include "broker/management/exchanges.h"

#include "broker/base/rate.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/permission.h"
#include "broker/entities/policy.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_login.h"
#include "broker/management/management_private.h"
#include "broker/management/message_stats.h"
#include "broker/entities/table_json.h"

/* --- fields --- */

static void write_vhost(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_text(out, ((const struct exchange *)object)->vhost->name);
}

static void write_type(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_string(out, ((const struct exchange *)object)->type->name);
}

static void write_performer(struct json_out *out, const void *object,
                            struct management *management) {
    (void)object;
    (void)management;
    json_out_string(out, "rmq-internal");
}

static bool has_no_policy(const void *object) {
    return ((const struct exchange *)object)->policy == NULL;
}

static void write_policy(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_text(out, ((const struct exchange *)object)->policy->name);
}

static bool has_no_stats(const void *object) {
    return ((const struct exchange *)object)->published_in_count == 0;
}

/* What clients published into it, and how many copies of that went to queues. */
static void write_stats(struct json_out *out, const void *object, struct management *management) {
    struct exchange *exchange = (struct exchange *)(uintptr_t)object;
    static const char *const names[] = {"publish_in", "publish_out"};
    const uint64_t counters[] = {exchange->published_in_count, exchange->published_out_count};
    const int64_t now_ms = management->broker->env->now_ms;

    rate_window_update(&exchange->rates, counters, 2, now_ms);
    json_out_begin_object(out);
    for (size_t i = 0; i < 2; i++)
        message_stats_write_count(out, names[i], counters[i],
                                  rate_per_second(exchange->rates, i, counters[i], now_ms));
    json_out_end_object(out);
}

static const struct api_field fields[] = {
    API_MEMBER("name", API_TEXT, struct exchange, name),
    {"vhost", .write = write_vhost},
    {"type", .write = write_type},
    API_MEMBER("durable", API_BOOL, struct exchange, durable),
    API_MEMBER("auto_delete", API_BOOL, struct exchange, auto_delete),
    API_MEMBER("internal", API_BOOL, struct exchange, internal),
    API_MEMBER("arguments", API_TABLE, struct exchange, arguments),
    {"user_who_performed_action", .write = write_performer},
    {"policy", .write = write_policy, .is_absent = has_no_policy},
    {"message_stats", .write = write_stats, .is_absent = has_no_stats},
    {.name = NULL},
};

/* --- lists --- */

static int compare(const void *a, const void *b) {
    const struct exchange *left = a, *right = b;
    int order = slice_compare(left->vhost->name, right->vhost->name);

    return order != 0 ? order : slice_compare(left->name, right->name);
}

static bool is_gone(struct management *management, const void *object) {
    for (const struct vhost *vhost = management->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next) {
        for (const struct exchange *at = vhost->exchanges; at != NULL; at = at->by_name.next)
            if (at == object)
                return false;
        if (vhost->default_exchange == object)
            return false;
    }
    return true;
}

static uint64_t epoch(struct management *management) {
    return management->broker->counters.exchanges_removed;
}

const struct api_resource exchange_resource = {
    .fields = fields, .compare = compare, .is_gone = is_gone, .epoch = epoch};

static void collect(struct api_items *items, const struct vhost *vhost) {
    const struct exchange *exchange = vhost->exchanges;

    for (; exchange != NULL; exchange = exchange->by_name.next) {
        if (exchange != vhost->default_exchange)
            api_items_add(items, &exchange_resource, exchange);
    }
    api_items_add(items, &exchange_resource, vhost->default_exchange);
}

static void list(struct api_request *request) {
    struct api_items items = {0};

    for (struct vhost *vhost = request->broker->vhosts; vhost != NULL; vhost = vhost->by_name.next)
        if (api_lists_vhost(request, vhost))
            collect(&items, vhost);
    api_reply_list(request, &exchange_resource, &items);
}

/* --- one exchange --- */

/* amq.default is the path's word for the empty name. */
static struct slice name_of(const struct api_request *request) {
    struct slice name = request->parts[0];
    return slice_equal(name, SLICE("amq.default")) ? SLICE("") : name;
}

static void show(struct api_request *request) {
    const struct exchange *exchange = vhost_find_exchange(request->vhost, name_of(request));

    if (exchange == NULL)
        api_refuse_missing(request);
    else
        api_reply_object(request, &exchange_resource, exchange);
}

static bool read_declaration(struct api_request *request, struct exchange_declaration *declaration,
                             struct amqp_table_builder *arguments) {
    *declaration = (struct exchange_declaration){.name = name_of(request), .type = SLICE("direct")};
    if (!api_body_text(request, "type", false, &declaration->type) ||
        !api_body_bool(request, "durable", &declaration->durable) ||
        !api_body_bool(request, "auto_delete", &declaration->auto_delete) ||
        !api_body_bool(request, "internal", &declaration->internal))
        return false;
    return api_body_table(request, "arguments", arguments, &declaration->arguments);
}

static bool may_configure(struct api_request *request) {
    struct refusal refusal = {0};

    if (permission_check(request->user, request->vhost, ACCESS_CONFIGURE, RESOURCE_EXCHANGE,
                         name_of(request), &refusal))
        return true;
    api_refuse_as_amqp(request, &refusal);
    return false;
}

static void put(struct api_request *request) {
    struct exchange_declaration declaration;
    struct amqp_table_builder arguments;
    struct refusal refusal = {0};

    api_clean_names(request);
    const bool exists = vhost_find_exchange(request->vhost, name_of(request)) != NULL;
    amqp_table_builder_init(&arguments);
    if (read_declaration(request, &declaration, &arguments) && may_configure(request)) {
        if (vhost_declare_exchange(request->vhost, &declaration, &refusal) == NULL)
            api_refuse_as_amqp(request, &refusal);
        else
            api_reply_put(request, !exists);
    }
    amqp_table_builder_clear(&arguments);
}

static void delete_one(struct api_request *request) {
    struct refusal refusal = {0};

    if (vhost_find_exchange(request->vhost, name_of(request)) == NULL) {
        api_refuse_missing(request);
        return;
    }
    if (!may_configure(request))
        return;
    if (vhost_delete_exchange(request->vhost, name_of(request),
                              api_argument_is_true(request, "if-unused"), &refusal))
        api_reply_deleted(request);
    else
        api_refuse_as_amqp(request, &refusal);
}

const struct api_route exchange_routes[] = {
    {"GET", "exchanges", API_MANAGEMENT, API_NO_BODY, list},
    {"GET", "exchanges/{vhost}", API_VHOST, API_NO_BODY, list},
    {"GET", "exchanges/{vhost}/{name}", API_VHOST, API_NO_BODY, show},
    {"PUT", "exchanges/{vhost}/{name}", API_VHOST, API_JSON, put},
    {"DELETE", "exchanges/{vhost}/{name}", API_VHOST, API_NO_BODY, delete_one},
    {.pattern = NULL},
};
