/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management API: what a handler of a route gets, and how it answers (compat 5.1).
 *
 * The way of a request: http_server -> router.c finds the row (404, 405), api_login.c says who asks and
 * whether the row's access column lets him (401), the body is parsed, the row's handler answers. Handlers
 * stand in one file per resource; each reads entities directly and never keeps anything of the request.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_API_H
#define LEVERET_BROKER_MANAGEMENT_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/json.h"
#include "broker/base/json_out.h"
#include "broker/management/http_server.h"

struct amqp_table_builder;
struct broker;
struct management;
struct refusal;
struct user;
struct vhost;

#define API_PARTS_MAX 8

/* Octets of a request's body in general; those that carry definitions may have settings.definitions_max. */
#define API_BODY_MAX (1024 * 1024)

/* Who may use a row (compat 4.2). */
enum api_access {
    API_ANYONE,      /* without logging in */
    API_MANAGEMENT,  /* any user with one of the four tags */
    API_VHOST,       /* and with permissions in the vhost of the path */
    API_POLICYMAKER, /* policymaker or administrator; of the vhost when the path has one */
    API_MONITORING,  /* monitoring or administrator */
    API_ADMINISTRATOR,
};

enum api_body {
    API_NO_BODY,          /* whatever comes is ignored */
    API_JSON,             /* an object; empty counts as {} */
    API_JSON_DEFINITIONS, /* the same, settings.definitions_max; also as the part `file` of a form */
    API_JSON_MESSAGE, /* the same, as large as a message may be, in base64, and what comes with it */
    API_FORM,         /* http->body, API_BODY_MAX: what a page's form sends */
};

struct api_request {
    struct management *management;
    struct broker *broker;
    const struct http_request *http;
    struct http_response *response;
    struct user *user;   /* NULL with API_ANYONE */
    struct vhost *vhost; /* {vhost} of the path, NULL without one */
    struct slice
        parts[API_PARTS_MAX]; /* what stood for each {...} but {vhost}, decoded, in order */
    size_t part_count;
    json_t *body;  /* with API_JSON...; owned by the caller */
    char *decoded; /* the octets of `parts` */
};

typedef void api_handler(struct api_request *request);

struct api_route {
    const char *method;
    const char *pattern; /* "queues/{vhost}/{name}", below /api/ */
    enum api_access access;
    enum api_body body;
    api_handler *handler;
};

/* --- answering --- */

/* A writer into the response's body. */
struct json_out api_json(struct api_request *request);

/* 201 for a new object, 204 for one that was there; waits for the disk. */
void api_reply_put(struct api_request *request, bool created);
/* 204; waits for the disk. */
void api_reply_deleted(struct api_request *request);

/* `{"error":ERROR,"reason":REASON}` */
void api_refuse(struct api_request *request, unsigned status, const char *error,
                struct slice reason);
/* 404 `{"error":"Object Not Found","reason":"Not Found"}` */
void api_refuse_missing(struct api_request *request);
/* 400 `bad_request` */
void api_refuse_bad(struct api_request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* 401 `not_authorised` */
void api_refuse_access(struct api_request *request, const char *reason);
/* What an AMQP method would have been refused with: 400, or 401 when access was refused. */
void api_refuse_as_amqp(struct api_request *request, const struct refusal *refusal);

/* --- the query and the body --- */

/* A query argument, decoded into `buffer`; false when missing or too long. */
bool api_argument(const struct api_request *request, const char *name, char *buffer, size_t size);
/* `name=true` */
bool api_argument_is_true(const struct api_request *request, const char *name);

/*
 * A key of the body. False when the request has been refused: mandatory keys with 400
 * `[{key_missing,KEY}]`, wrong types likewise as RabbitMQ. The text is borrowed from the body.
 */
bool api_body_text(struct api_request *request, const char *key, bool is_mandatory,
                   struct slice *ret_text);
bool api_body_bool(struct api_request *request, const char *key, bool *ret_value);
bool api_body_integer(struct api_request *request, const char *key, bool is_mandatory,
                      int64_t *ret_value);
/* The octets of a table, in the builder; an empty list is an empty table, as what PHP writes for it. */
bool api_body_table(struct api_request *request, const char *key,
                    struct amqp_table_builder *builder, struct slice *ret_table);

/* Takes CR and LF out of the names in the path, as AMQP's declarations and bindings lose them. */
void api_clean_names(struct api_request *request);

#endif
