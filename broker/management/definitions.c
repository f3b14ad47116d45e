/* SPDX-License-Identifier: Apache-2.0 */
/* GET and POST of definitions, of the broker or one vhost (compat 4.4). */
#include "broker/management/definitions.h"

#include "broker/entities/definitions.h"
#include "broker/entities/vhost.h"
#include "broker/management/definitions_passwords.h"

static void export_all(struct api_request *request) {
    struct json_out out = api_json(request);
    definitions_export(request->broker, &out);
}

static void export_vhost(struct api_request *request) {
    struct json_out out = api_json(request);
    definitions_export_vhost(request->vhost, &out);
}

static bool are_passwords_made(const void *kept) {
    return definitions_passwords_are_made(kept);
}

static void end_passwords(void *kept) {
    definitions_passwords_destroy(kept);
}

/* Of the whole broker, what to import: NULL while passwords are hashed; the request comes back then. */
static const json_t *with_hashes(struct api_request *request) {
    struct http_response *response = request->response;

    if (response->kept != NULL)
        return definitions_passwords_result(response->kept);
    response->kept = definitions_passwords_hash(request->broker, request->body, NULL, NULL);
    response->end_kept = end_passwords;
    response->is_ready = are_passwords_made;
    response->again = response->kept != NULL;
    return response->again ? NULL : request->body;
}

/* `request->vhost` is NULL for the whole broker. */
static void import(struct api_request *request) {
    struct text error = {0};
    const json_t *definitions = request->vhost == NULL ? with_hashes(request) : request->body;

    if (definitions == NULL)
        return;
    if (definitions_import(request->broker, definitions, request->vhost, &error))
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
