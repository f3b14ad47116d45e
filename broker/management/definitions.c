/* SPDX-License-Identifier: Apache-2.0 */
/* GET and POST of definitions, of the broker or one vhost (compat 4.4). */
#include "broker/management/definitions.h"

#include "broker/entities/definitions.h"
#include "broker/entities/vhost.h"

static void export_all(struct api_request *request) {
    struct json_out out = api_json(request);
    definitions_export(request->broker, &out);
}

static void export_vhost(struct api_request *request) {
    struct json_out out = api_json(request);
    definitions_export_vhost(request->vhost, &out);
}

/* `request->vhost` is NULL for the whole broker. */
static void import(struct api_request *request) {
    struct text error = {0};

    if (definitions_import(request->broker, request->body, request->vhost, &error))
        api_reply_deleted(request);
    else
        api_refuse_bad(request, "%s", text_chars(&error));
    text_clear(&error);
}

const struct api_route definitions_routes[] = {
    {"GET", "definitions", API_ADMINISTRATOR, API_NO_BODY, export_all},
    {"POST", "definitions", API_ADMINISTRATOR, API_JSON_DEFINITIONS, import},
    {"GET", "definitions/{vhost}", API_POLICYMAKER, API_NO_BODY, export_vhost},
    {"POST", "definitions/{vhost}", API_ADMINISTRATOR, API_JSON_DEFINITIONS, import},
    {.pattern = NULL},
};
