/* SPDX-License-Identifier: Apache-2.0 */
/* GET, PUT and DELETE of policies and operator policies: the same twice, but for who may. */
#include "broker/management/policies.h"

#include "broker/entities/broker.h"
#include "broker/entities/policy.h"
#include "broker/entities/table_json.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_list.h"
#include "broker/management/api_login.h"
#include "broker/management/management_private.h"

/* --- fields --- */

static void write_vhost(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_text(out, ((const struct policy *)object)->vhost->name);
}

static void write_priority(struct json_out *out, const void *object,
                           struct management *management) {
    (void)management;
    json_out_integer(out, ((const struct policy *)object)->priority);
}

static const struct api_field fields[] = {
    {"vhost", .write = write_vhost},
    API_MEMBER("name", API_TEXT, struct policy, name),
    API_MEMBER("pattern", API_TEXT, struct policy, pattern_text),
    API_MEMBER("apply-to", API_TEXT, struct policy, apply_to),
    API_MEMBER("definition", API_TABLE, struct policy, definition),
    {"priority", .write = write_priority},
    {.name = NULL},
};

static int compare(const void *a, const void *b) {
    const struct policy *left = a, *right = b;
    int order = slice_compare(left->vhost->name, right->vhost->name);

    return order != 0 ? order : slice_compare(left->name, right->name);
}

static bool has_policy(const struct vhost *vhost, const void *object) {
    for (int kind = 0; kind < POLICY_KINDS; kind++) {
        LIST_FOR_EACH(&vhost->policies[kind], at)
        if (LIST_ITEM(at, struct policy, link) == object)
            return true;
    }
    return false;
}

static bool is_gone(struct management *management, const void *object) {
    for (const struct vhost *vhost = management->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next)
        if (has_policy(vhost, object))
            return false;
    return true;
}

static const struct api_resource policy_resource = {
    .fields = fields, .compare = compare, .is_gone = is_gone};

/* --- lists --- */

static void collect(struct api_items *items, const struct vhost *vhost, enum policy_kind kind) {
    LIST_FOR_EACH(&vhost->policies[kind], at)
    api_items_add(items, &policy_resource, LIST_ITEM(at, struct policy, link));
}

static void list(struct api_request *request, enum policy_kind kind) {
    struct api_items items = {0};

    for (const struct vhost *vhost = request->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next) {
        if (api_lists_vhost(request, vhost))
            collect(&items, vhost, kind);
    }
    api_reply_list(request, &policy_resource, &items);
}

/* --- one policy --- */

static void show(struct api_request *request, enum policy_kind kind) {
    const struct policy *policy = policy_find(request->vhost, kind, request->parts[0]);

    if (policy == NULL)
        api_refuse_missing(request);
    else
        api_reply_object(request, &policy_resource, policy);
}

/* False when the request has been refused. */
static bool read_definition(struct api_request *request, struct amqp_table_builder *builder,
                            struct slice *ret_definition) {
    const json_t *definition = json_object_get(request->body, "definition");

    if (definition == NULL) {
        api_refuse_bad(request, "[{key_missing,definition}]");
        return false;
    }
    if (!json_is_object(definition) || !table_json_read(definition, builder)) {
        api_refuse_bad(request, "definition cannot be read");
        return false;
    }
    *ret_definition = amqp_table_builder_finish(builder);
    return true;
}

static void put(struct api_request *request, enum policy_kind kind) {
    struct policy_settings settings = {.name = request->parts[0]};
    struct amqp_table_builder builder;
    struct refusal refusal = {0};
    const bool is_new = policy_find(request->vhost, kind, settings.name) == NULL;

    amqp_table_builder_init(&builder);
    if (api_body_text(request, "pattern", true, &settings.pattern) &&
        read_definition(request, &builder, &settings.definition) &&
        api_body_text(request, "apply-to", false, &settings.apply_to) &&
        api_body_integer(request, "priority", false, &settings.priority)) {
        if (policy_set(request->vhost, kind, &settings, &refusal))
            api_reply_put(request, is_new);
        else
            api_refuse_as_amqp(request, &refusal);
    }
    amqp_table_builder_clear(&builder);
}

static void delete_one(struct api_request *request, enum policy_kind kind) {
    if (policy_clear(request->vhost, kind, request->parts[0]))
        api_reply_deleted(request);
    else
        api_refuse_missing(request);
}

/* --- for each of the two --- */

#define ROUTES_OF(KIND, SUFFIX)                                \
    static void list_##SUFFIX(struct api_request *request) {   \
        list(request, KIND);                                   \
    }                                                          \
    static void show_##SUFFIX(struct api_request *request) {   \
        show(request, KIND);                                   \
    }                                                          \
    static void put_##SUFFIX(struct api_request *request) {    \
        put(request, KIND);                                    \
    }                                                          \
    static void delete_##SUFFIX(struct api_request *request) { \
        delete_one(request, KIND);                             \
    }

ROUTES_OF(POLICY_ORDINARY, policy)
ROUTES_OF(POLICY_OF_OPERATOR, operator_policy)

const struct api_route policy_routes[] = {
    {"GET", "policies", API_MANAGEMENT, API_NO_BODY, list_policy},
    {"GET", "policies/{vhost}", API_VHOST, API_NO_BODY, list_policy},
    {"GET", "policies/{vhost}/{name}", API_VHOST, API_NO_BODY, show_policy},
    {"PUT", "policies/{vhost}/{name}", API_POLICYMAKER, API_JSON, put_policy},
    {"DELETE", "policies/{vhost}/{name}", API_POLICYMAKER, API_NO_BODY, delete_policy},
    {"GET", "operator-policies", API_MANAGEMENT, API_NO_BODY, list_operator_policy},
    {"GET", "operator-policies/{vhost}", API_VHOST, API_NO_BODY, list_operator_policy},
    {"GET", "operator-policies/{vhost}/{name}", API_VHOST, API_NO_BODY, show_operator_policy},
    {"PUT", "operator-policies/{vhost}/{name}", API_ADMINISTRATOR, API_JSON, put_operator_policy},
    {"DELETE", "operator-policies/{vhost}/{name}", API_ADMINISTRATOR, API_NO_BODY,
     delete_operator_policy},
    {.pattern = NULL},
};
