/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Global parameters, and runtime parameters: of these there are operator policies and vhost limits only,
 * which have routes of their own and are shown here as RabbitMQ shows them; other components belong to
 * plugins that are not there, and are refused as RabbitMQ refuses them then.
 */
#include "broker/management/parameters.h"

#include <stdlib.h>
#include <string.h>

#include "broker/entities/broker.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/policy.h"
#include "broker/entities/table_json.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_login.h"
#include "broker/management/limits.h"

/* --- global parameters --- */

static void write_global(struct json_out *out, const struct global_parameter *parameter) {
    json_out_begin_object(out);
    json_out_put_text(out, "name", parameter->name);
    json_out_key(out, "value");
    json_out_raw(out, parameter->value);
    json_out_end_object(out);
}

static void list_global(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    for (const struct global_parameter *at = request->broker->global_parameters; at != NULL;
         at = at->by_name.next)
        write_global(&out, at);
    json_out_end_array(&out);
}

static void show_global(struct api_request *request) {
    const struct global_parameter *parameter =
        global_parameter_find(request->broker, request->parts[0]);
    struct json_out out = api_json(request);

    if (parameter == NULL)
        api_refuse_missing(request);
    else
        write_global(&out, parameter);
}

static void put_global(struct api_request *request) {
    const json_t *value = json_object_get(request->body, "value");
    const bool is_new = global_parameter_find(request->broker, request->parts[0]) == NULL;
    struct refusal refusal = {0};

    if (value == NULL) {
        api_refuse_bad(request, "[{key_missing,value}]");
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (global_parameter_set(request->broker, request->parts[0], slice_from_text(text), &refusal))
        api_reply_put(request, is_new);
    else
        api_refuse_as_amqp(request, &refusal);
    free(text);
}

static void delete_global(struct api_request *request) {
    if (global_parameter_clear(request->broker, request->parts[0]))
        api_reply_deleted(request);
    else
        api_refuse_missing(request);
}

/* --- runtime parameters: reading --- */

static bool is_limits(struct slice component) {
    return slice_equal(component, SLICE("vhost-limits"));
}

static bool is_operator_policy(struct slice component) {
    return slice_equal(component, SLICE("operator_policy"));
}

static void begin_parameter(struct json_out *out, const struct vhost *vhost, const char *component,
                            struct slice name) {
    json_out_begin_object(out);
    json_out_put_text(out, "vhost", vhost->name);
    json_out_put_text(out, "name", name);
    json_out_put_string(out, "component", component);
    json_out_key(out, "value");
}

/* False when the vhost has none. */
static bool write_limits(struct json_out *out, const struct vhost *vhost) {
    if (vhost->limits.max_connections < 0 && vhost->limits.max_queues < 0)
        return false;
    begin_parameter(out, vhost, "vhost-limits", SLICE("limits"));
    limits_write_vhost(out, vhost);
    json_out_end_object(out);
    return true;
}

static void write_operator_policy(struct json_out *out, const struct policy *policy) {
    begin_parameter(out, policy->vhost, "operator_policy", policy->name);
    json_out_begin_object(out);
    json_out_put_text(out, "pattern", policy->pattern_text);
    json_out_key(out, "definition");
    table_json_write(out, policy->definition);
    json_out_put_integer(out, "priority", policy->priority);
    json_out_put_text(out, "apply-to", policy->apply_to);
    json_out_end_object(out);
    json_out_end_object(out);
}

/* Of a component, or all with an empty one. */
static void write_parameters(struct json_out *out, const struct vhost *vhost,
                             struct slice component) {
    if (component.len == 0 || is_limits(component))
        write_limits(out, vhost);
    if (component.len > 0 && !is_operator_policy(component))
        return;
    LIST_FOR_EACH(&vhost->policies[POLICY_OF_OPERATOR], at)
    write_operator_policy(out, LIST_ITEM(at, struct policy, link));
}

static void list_runtime(struct api_request *request) {
    const struct slice component = request->part_count > 0 ? request->parts[0] : SLICE("");
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    for (const struct vhost *vhost = request->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next) {
        if (api_lists_vhost(request, vhost))
            write_parameters(&out, vhost, component);
    }
    json_out_end_array(&out);
}

static bool names_limits(const struct api_request *request) {
    return is_limits(request->parts[0]) && slice_equal(request->parts[1], SLICE("limits"));
}

static void show_runtime(struct api_request *request) {
    struct json_out out = api_json(request);
    const struct policy *policy =
        is_operator_policy(request->parts[0])
            ? policy_find(request->vhost, POLICY_OF_OPERATOR, request->parts[1])
            : NULL;

    if (policy != NULL)
        write_operator_policy(&out, policy);
    else if (!names_limits(request) || !write_limits(&out, request->vhost))
        api_refuse_missing(request);
}

/* --- runtime parameters: writing. Operator policies are written by their own route. --- */

static bool read_limit(struct api_request *request, const char *key, const json_t *value,
                       struct vhost_limits *limits) {
    if (!json_is_integer(value)) {
        api_refuse_bad(request, "Validation failed\n\n%s should be a number\n", key);
        return false;
    }
    if (strcmp(key, "max-connections") == 0)
        limits->max_connections = json_integer_value(value);
    else if (strcmp(key, "max-queues") == 0)
        limits->max_queues = json_integer_value(value);
    else
        api_refuse_bad(request, "Validation failed\n\nUnrecognised terms %s in limits\n", key);
    return request->response->status == 0;
}

static void put_limits(struct api_request *request) {
    const json_t *value = json_object_get(request->body, "value");
    const bool is_new =
        request->vhost->limits.max_connections < 0 && request->vhost->limits.max_queues < 0;
    struct vhost_limits limits = {-1, -1};
    const char *key;
    json_t *limit;

    if (!json_is_object(value)) {
        api_refuse_bad(request, "[{key_missing,value}]");
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, limit) {
        if (!read_limit(request, key, limit, &limits))
            return;
    }
    vhost_set_limits(request->vhost, limits);
    api_reply_put(request, is_new);
}

static bool is_administrator(struct api_request *request) {
    if (user_has_tag(request->user, SLICE("administrator")))
        return true;
    api_refuse_access(request, "Not administrator user");
    return false;
}

static void put_runtime(struct api_request *request) {
    if (!names_limits(request))
        api_refuse_bad(request, "Validation failed\n\ncomponent " SLICE_FMT " not found\n",
                       SLICE_ARG(request->parts[0]));
    else if (is_administrator(request))
        put_limits(request);
}

static void delete_runtime(struct api_request *request) {
    struct vhost *vhost = request->vhost;

    if (!names_limits(request) ||
        (vhost->limits.max_connections < 0 && vhost->limits.max_queues < 0)) {
        api_refuse_missing(request);
    } else if (is_administrator(request)) {
        vhost_set_limits(vhost, (struct vhost_limits){-1, -1});
        api_reply_deleted(request);
    }
}

const struct api_route parameter_routes[] = {
    {"GET", "global-parameters", API_POLICYMAKER, API_NO_BODY, list_global},
    {"GET", "global-parameters/{name}", API_POLICYMAKER, API_NO_BODY, show_global},
    {"PUT", "global-parameters/{name}", API_POLICYMAKER, API_JSON, put_global},
    {"DELETE", "global-parameters/{name}", API_POLICYMAKER, API_NO_BODY, delete_global},
    {"GET", "parameters", API_POLICYMAKER, API_NO_BODY, list_runtime},
    {"GET", "parameters/{component}", API_POLICYMAKER, API_NO_BODY, list_runtime},
    {"GET", "parameters/{component}/{vhost}", API_POLICYMAKER, API_NO_BODY, list_runtime},
    {"GET", "parameters/{component}/{vhost}/{name}", API_POLICYMAKER, API_NO_BODY, show_runtime},
    {"PUT", "parameters/{component}/{vhost}/{name}", API_POLICYMAKER, API_JSON, put_runtime},
    {"DELETE", "parameters/{component}/{vhost}/{name}", API_POLICYMAKER, API_NO_BODY,
     delete_runtime},
    {.pattern = NULL},
};
