/* SPDX-License-Identifier: Apache-2.0 */
/* How handlers answer and how they read what was asked. */
#include "broker/management/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/entities/refusal.h"
#include "broker/entities/table_json.h"
#include "broker/entities/vhost.h"
#include "broker/management/percent.h"

enum { CREATED = 201, NO_CONTENT = 204, BAD_REQUEST = 400, UNAUTHORIZED = 401, NOT_FOUND = 404 };

struct json_out api_json(struct api_request *request) {
    return (struct json_out){.text = &request->response->body};
}

/* The reply leaves when everything promised so far is durable. */
static void wait_for_disk(struct api_request *request) {
    request->response->lsn = request->broker->promise_lsn;
}

void api_reply_put(struct api_request *request, bool created) {
    request->response->status = created ? CREATED : NO_CONTENT;
    wait_for_disk(request);
}

void api_reply_deleted(struct api_request *request) {
    request->response->status = NO_CONTENT;
    wait_for_disk(request);
}

void api_refuse(struct api_request *request, unsigned status, const char *error,
                struct slice reason) {
    struct http_response *response = request->response;

    text_clear(&response->body);
    response->status = status;
    struct json_out out = api_json(request);
    json_out_begin_object(&out);
    json_out_put_string(&out, "error", error);
    json_out_put_text(&out, "reason", reason);
    json_out_end_object(&out);
}

void api_refuse_missing(struct api_request *request) {
    api_refuse(request, NOT_FOUND, "Object Not Found", SLICE("Not Found"));
}

void api_refuse_bad(struct api_request *request, const char *format, ...) {
    char reason[REFUSAL_TEXT_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    api_refuse(request, BAD_REQUEST, "bad_request", slice_from_text(reason));
}

void api_refuse_access(struct api_request *request, const char *reason) {
    api_refuse(request, UNAUTHORIZED, "not_authorised", slice_from_text(reason));
}

void api_refuse_as_amqp(struct api_request *request, const struct refusal *refusal) {
    if (refusal->reply_code == AMQP_ACCESS_REFUSED)
        api_refuse_access(request, refusal->text);
    else
        api_refuse(request, BAD_REQUEST, "bad_request", slice_from_text(refusal->text));
}

/* --- the query --- */

bool api_argument(const struct api_request *request, const char *name, char *buffer, size_t size) {
    const char *value = http_request_argument(request->http, name);

    if (value == NULL || strlen(value) >= size)
        return false;
    size_t len = percent_decode(slice_from_text(value), PERCENT_PLUS_IS_SPACE, buffer);
    buffer[len] = '\0';
    return true;
}

bool api_argument_is_true(const struct api_request *request, const char *name) {
    const char *value = http_request_argument(request->http, name);

    return value != NULL && strcmp(value, "true") == 0;
}

/* --- the body --- */

static void refuse_missing_key(struct api_request *request, const char *key) {
    api_refuse_bad(request, "[{key_missing,%s}]", key);
}

/* NULL without a value; *ret_ok false when that was refused. */
static const json_t *find_key(struct api_request *request, const char *key, bool is_mandatory,
                              bool *ret_ok) {
    const json_t *value = json_object_get(request->body, key);

    *ret_ok = value != NULL || !is_mandatory;
    if (!*ret_ok)
        refuse_missing_key(request, key);
    return value;
}

bool api_body_text(struct api_request *request, const char *key, bool is_mandatory,
                   struct slice *ret_text) {
    bool ok;
    const json_t *value = find_key(request, key, is_mandatory, &ok);

    if (value == NULL)
        return ok;
    if (!json_is_string(value)) {
        api_refuse_bad(request, "%s must be a string", key);
        return false;
    }
    *ret_text = slice_from_json(value);
    return true;
}

/* RabbitMQ takes the words too: its own tools send them. */
bool api_body_bool(struct api_request *request, const char *key, bool *ret_value) {
    const json_t *value = json_object_get(request->body, key);

    if (value == NULL)
        return true;
    if (json_is_boolean(value)) {
        *ret_value = json_is_true(value);
        return true;
    }
    struct slice word = json_is_string(value) ? slice_from_json(value) : SLICE("");
    *ret_value = slice_equal(word, SLICE("true"));
    if (*ret_value || slice_equal(word, SLICE("false")))
        return true;
    api_refuse_bad(request, "%s must be a boolean", key);
    return false;
}

/* Digits in a text too: rabbitmqadmin sends these. */
static bool parse_integer(const json_t *value, int64_t *ret_value) {
    if (json_is_integer(value)) {
        *ret_value = json_integer_value(value);
        return true;
    }
    if (!json_is_string(value) || json_string_length(value) == 0)
        return false;
    char *end;
    *ret_value = strtoll(json_string_value(value), &end, 10);
    return *end == '\0';
}

bool api_body_integer(struct api_request *request, const char *key, bool is_mandatory,
                      int64_t *ret_value) {
    bool ok;
    const json_t *value = find_key(request, key, is_mandatory, &ok);

    if (value == NULL)
        return ok;
    if (parse_integer(value, ret_value))
        return true;
    api_refuse_bad(request, "%s must be an integer", key);
    return false;
}

bool api_body_table(struct api_request *request, const char *key,
                    struct amqp_table_builder *builder, struct slice *ret_table) {
    const json_t *value = json_object_get(request->body, key);

    if (value == NULL || (json_is_array(value) && json_array_size(value) == 0))
        return true;
    if (!json_is_object(value) || !table_json_read(value, builder)) {
        api_refuse_bad(request, "%s cannot be read", key);
        return false;
    }
    *ret_table = amqp_table_builder_finish(builder);
    return true;
}

void api_clean_names(struct api_request *request) {
    for (size_t i = 0; i < request->part_count; i++) {
        const struct slice name = request->parts[i];
        /* The octets are the request's own. */
        request->parts[i] = entity_name_clean(name, (uint8_t *)(uintptr_t)name.data);
    }
}
