/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of permissions: of all, of a vhost, of a user, of both. */
#include "broker/management/permissions.h"

#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"

static const char *const access_names[ACCESS_COUNT] = {"configure", "write", "read"};

/* --- writing --- */

static void begin_row(struct json_out *out, const struct permission *permission) {
    json_out_begin_object(out);
    json_out_put_text(out, "user", permission->key.user->name);
    json_out_put_text(out, "vhost", permission->key.vhost->name);
}

static void write_permission(struct json_out *out, const struct permission *permission) {
    begin_row(out, permission);
    for (int access = 0; access < ACCESS_COUNT; access++)
        json_out_put_text(out, access_names[access], permission->texts[access]);
    json_out_end_object(out);
}

static void write_topic(struct json_out *out, const struct permission *permission,
                        const struct topic_permission *topic) {
    begin_row(out, permission);
    json_out_put_text(out, "exchange", topic->exchange);
    json_out_put_text(out, "write", topic->texts[ACCESS_WRITE]);
    json_out_put_text(out, "read", topic->texts[ACCESS_READ]);
    json_out_end_object(out);
}

typedef void row_writer(struct json_out *out, const struct permission *permission);

static void write_if_set(struct json_out *out, const struct permission *permission) {
    if (permission->is_set)
        write_permission(out, permission);
}

static void write_topics(struct json_out *out, const struct permission *permission) {
    LIST_FOR_EACH(&permission->topics, at)
    write_topic(out, permission, LIST_ITEM(at, struct topic_permission, link));
}

/* --- lists --- */

static void list_all(struct api_request *request, row_writer *write) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    for (const struct user *user = request->broker->users; user != NULL;
         user = user->by_name.next) {
        LIST_FOR_EACH(&user->permissions, at)
        write(&out, LIST_ITEM(at, struct permission, user_link));
    }
    json_out_end_array(&out);
}

static void list_vhost(struct api_request *request, row_writer *write) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    LIST_FOR_EACH(&request->vhost->permissions, at)
    write(&out, LIST_ITEM(at, struct permission, vhost_link));
    json_out_end_array(&out);
}

static void list_user(struct api_request *request, row_writer *write) {
    const struct user *user = user_find(request->broker, request->parts[0]);
    struct json_out out = api_json(request);

    if (user == NULL) {
        api_refuse_missing(request);
        return;
    }
    json_out_begin_array(&out);
    LIST_FOR_EACH(&user->permissions, at)
    write(&out, LIST_ITEM(at, struct permission, user_link));
    json_out_end_array(&out);
}

static void list_permissions(struct api_request *request) {
    list_all(request, write_if_set);
}

static void list_vhost_permissions(struct api_request *request) {
    list_vhost(request, write_if_set);
}

static void list_user_permissions(struct api_request *request) {
    list_user(request, write_if_set);
}

static void list_topics(struct api_request *request) {
    list_all(request, write_topics);
}

static void list_vhost_topics(struct api_request *request) {
    list_vhost(request, write_topics);
}

static void list_user_topics(struct api_request *request) {
    list_user(request, write_topics);
}

/* --- one row: permissions/{vhost}/{user} --- */

/* NULL when the request has been refused. RabbitMQ answers a PUT for an unknown user with 400. */
static struct user *find_user(struct api_request *request, bool is_put) {
    struct user *user = user_find(request->broker, request->parts[0]);

    if (user == NULL && is_put)
        api_refuse_bad(request, "vhost_or_user_not_found");
    else if (user == NULL)
        api_refuse_missing(request);
    return user;
}

/* NULL when the request has been refused. */
static struct permission *find_permission(struct api_request *request, bool must_be_set) {
    const struct user *user = find_user(request, false);
    struct permission *permission = user == NULL ? NULL : permission_find(user, request->vhost);

    if (user == NULL)
        return NULL;
    if (permission == NULL || (must_be_set && !permission->is_set)) {
        api_refuse_missing(request);
        return NULL;
    }
    return permission;
}

static void show_permission(struct api_request *request) {
    const struct permission *permission = find_permission(request, true);
    struct json_out out = api_json(request);

    if (permission != NULL)
        write_permission(&out, permission);
}

static void put_permission(struct api_request *request) {
    struct user *user = find_user(request, true);
    struct slice texts[ACCESS_COUNT];
    struct refusal refusal = {0};

    if (user == NULL)
        return;
    const bool is_new = permission_find(user, request->vhost) == NULL;
    for (int access = 0; access < ACCESS_COUNT; access++) {
        if (!api_body_text(request, access_names[access], true, &texts[access]))
            return;
    }
    if (permission_set(user, request->vhost, texts, &refusal))
        api_reply_put(request, is_new);
    else
        api_refuse_as_amqp(request, &refusal);
}

static void delete_permission(struct api_request *request) {
    struct permission *permission = find_permission(request, true);

    if (permission == NULL)
        return;
    permission_clear(permission->key.user, request->vhost);
    api_reply_deleted(request);
}

/* --- topic permissions of a user in a vhost: of one exchange or all --- */

static void show_topics(struct api_request *request) {
    const struct permission *permission = find_permission(request, false);
    struct json_out out = api_json(request);

    if (permission == NULL)
        return;
    if (list_is_empty(&permission->topics)) {
        api_refuse_missing(request);
        return;
    }
    json_out_begin_array(&out);
    write_topics(&out, permission);
    json_out_end_array(&out);
}

static void put_topic(struct api_request *request) {
    struct user *user = find_user(request, true);
    struct slice exchange, write, read;
    struct refusal refusal = {0};

    if (user == NULL || !api_body_text(request, "exchange", true, &exchange) ||
        !api_body_text(request, "write", true, &write) ||
        !api_body_text(request, "read", true, &read))
        return;
    const struct permission *before = permission_find(user, request->vhost);
    const bool is_new = before == NULL || list_is_empty(&before->topics);
    if (topic_permission_set(user, request->vhost, exchange, write, read, &refusal))
        api_reply_put(request, is_new);
    else
        api_refuse_as_amqp(request, &refusal);
}

static void delete_topics_of(struct api_request *request, struct slice exchange) {
    struct permission *permission = find_permission(request, false);

    if (permission == NULL)
        return;
    topic_permission_clear(permission->key.user, request->vhost, exchange);
    api_reply_deleted(request);
}

static void delete_topics(struct api_request *request) {
    delete_topics_of(request, SLICE(""));
}

static void delete_topic(struct api_request *request) {
    delete_topics_of(request, request->parts[1]);
}

const struct api_route permission_routes[] = {
    {"GET", "permissions", API_ADMINISTRATOR, API_NO_BODY, list_permissions},
    {"GET", "permissions/{vhost}/{user}", API_ADMINISTRATOR, API_NO_BODY, show_permission},
    {"PUT", "permissions/{vhost}/{user}", API_ADMINISTRATOR, API_JSON, put_permission},
    {"DELETE", "permissions/{vhost}/{user}", API_ADMINISTRATOR, API_NO_BODY, delete_permission},
    {"GET", "vhosts/{vhost}/permissions", API_ADMINISTRATOR, API_NO_BODY, list_vhost_permissions},
    {"GET", "users/{user}/permissions", API_ADMINISTRATOR, API_NO_BODY, list_user_permissions},
    {"GET", "topic-permissions", API_ADMINISTRATOR, API_NO_BODY, list_topics},
    {"GET", "topic-permissions/{vhost}/{user}", API_ADMINISTRATOR, API_NO_BODY, show_topics},
    {"PUT", "topic-permissions/{vhost}/{user}", API_ADMINISTRATOR, API_JSON, put_topic},
    {"DELETE", "topic-permissions/{vhost}/{user}", API_ADMINISTRATOR, API_NO_BODY, delete_topics},
    {"DELETE", "topic-permissions/{vhost}/{user}/{exchange}", API_ADMINISTRATOR, API_NO_BODY,
     delete_topic},
    {"GET", "vhosts/{vhost}/topic-permissions", API_ADMINISTRATOR, API_NO_BODY, list_vhost_topics},
    {"GET", "users/{user}/topic-permissions", API_ADMINISTRATOR, API_NO_BODY, list_user_topics},
    {.pattern = NULL},
};
