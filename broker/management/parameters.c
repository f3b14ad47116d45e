/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Global parameters, and runtime parameters: of these there are operator policies and vhost limits only,
 * which have routes of their own and are shown here as RabbitMQ shows them; other components belong to
 * plugins that are not there, and are refused as RabbitMQ refuses them then.
 */
#include "broker/management/parameters.h"

#include <stdlib.h>

#include "broker/entities/broker.h"
#include "broker/entities/global_parameter.h"
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

/* --- runtime parameters --- */

static bool is_limits(struct slice component) {
    return slice_equal(component, SLICE("vhost-limits"));
}

static void write_limits(struct json_out *out, const struct vhost *vhost) {
    if (vhost->limits.max_connections < 0 && vhost->limits.max_queues < 0)
        return;
    json_out_begin_object(out);
    json_out_put_text(out, "vhost", vhost->name);
    json_out_put_string(out, "component", "vhost-limits");
    json_out_put_string(out, "name", "limits");
    json_out_key(out, "value");
    limits_write_vhost(out, vhost);
    json_out_end_object(out);
}

static void list_runtime(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    for (const struct vhost *vhost = request->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next) {
        if (request->part_count > 0 && !is_limits(request->parts[0]))
            break;
        if (request->vhost == NULL ? api_may_see_vhost(request->user, vhost)
                                   : vhost == request->vhost)
            write_limits(&out, vhost);
    }
    json_out_end_array(&out);
}

static void put_runtime(struct api_request *request) {
    api_refuse_bad(request, "Validation failed\n\ncomponent " SLICE_FMT " not found\n",
                   SLICE_ARG(request->parts[0]));
}

const struct api_route parameter_routes[] = {
    {"GET", "global-parameters", API_POLICYMAKER, API_NO_BODY, list_global},
    {"GET", "global-parameters/{name}", API_POLICYMAKER, API_NO_BODY, show_global},
    {"PUT", "global-parameters/{name}", API_POLICYMAKER, API_JSON, put_global},
    {"DELETE", "global-parameters/{name}", API_POLICYMAKER, API_NO_BODY, delete_global},
    {"GET", "parameters", API_POLICYMAKER, API_NO_BODY, list_runtime},
    {"GET", "parameters/{component}", API_POLICYMAKER, API_NO_BODY, list_runtime},
    {"GET", "parameters/{component}/{vhost}", API_POLICYMAKER, API_NO_BODY, list_runtime},
    {"GET", "parameters/{component}/{vhost}/{name}", API_POLICYMAKER, API_NO_BODY,
     api_refuse_missing},
    {"PUT", "parameters/{component}/{vhost}/{name}", API_POLICYMAKER, API_JSON, put_runtime},
    {"DELETE", "parameters/{component}/{vhost}/{name}", API_POLICYMAKER, API_NO_BODY,
     api_refuse_missing},
    {.pattern = NULL},
};
