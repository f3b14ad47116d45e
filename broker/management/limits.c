/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, one number at a time: vhost-limits/{vhost}/{limit}, user-limits/{user}/{limit}. */
#include "broker/management/limits.h"

#include <inttypes.h>

#include "broker/entities/broker.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_login.h"

#define UNLIMITED (-1)

/* --- writing --- */

static void write_limit(struct json_out *out, const char *name, int64_t value) {
    if (value >= 0)
        json_out_put_integer(out, name, value);
}

void limits_write_user(struct json_out *out, const struct user *user) {
    json_out_begin_object(out);
    write_limit(out, "max-channels", user->limits.max_channels);
    write_limit(out, "max-connections", user->limits.max_connections);
    json_out_end_object(out);
}

void limits_write_vhost(struct json_out *out, const struct vhost *vhost) {
    json_out_begin_object(out);
    write_limit(out, "max-connections", vhost->limits.max_connections);
    write_limit(out, "max-queues", vhost->limits.max_queues);
    json_out_end_object(out);
}

static bool vhost_has_limits(const struct vhost *vhost) {
    return vhost->limits.max_connections >= 0 || vhost->limits.max_queues >= 0;
}

static bool user_has_limits(const struct user *user) {
    return user->limits.max_connections >= 0 || user->limits.max_channels >= 0;
}

/* --- lists; those without limits are left out --- */

static void write_vhost_row(struct json_out *out, const struct vhost *vhost) {
    if (!vhost_has_limits(vhost))
        return;
    json_out_begin_object(out);
    json_out_put_text(out, "vhost", vhost->name);
    json_out_key(out, "value");
    limits_write_vhost(out, vhost);
    json_out_end_object(out);
}

static void write_user_row(struct json_out *out, const struct user *user) {
    if (!user_has_limits(user))
        return;
    json_out_begin_object(out);
    json_out_put_text(out, "user", user->name);
    json_out_key(out, "value");
    limits_write_user(out, user);
    json_out_end_object(out);
}

static void list_vhosts(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    for (const struct vhost *vhost = request->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next) {
        if (api_lists_vhost(request, vhost))
            write_vhost_row(&out, vhost);
    }
    json_out_end_array(&out);
}

static void list_users(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    for (const struct user *user = request->broker->users; user != NULL; user = user->by_name.next)
        write_user_row(&out, user);
    json_out_end_array(&out);
}

static void list_user(struct api_request *request) {
    const struct user *user = user_find(request->broker, request->parts[0]);
    struct json_out out = api_json(request);

    if (user == NULL) {
        api_refuse_missing(request);
        return;
    }
    json_out_begin_array(&out);
    write_user_row(&out, user);
    json_out_end_array(&out);
}

/* --- one limit --- */

/* Where the limit of that name is; NULL when there is no such limit. */
static int64_t *find_limit(struct slice name, const char *other_name, int64_t *max_connections,
                           int64_t *other) {
    if (slice_equal(name, SLICE("max-connections")))
        return max_connections;
    return slice_equal(name, slice_from_text(other_name)) ? other : NULL;
}

/* RabbitMQ shows the term that it cannot take. */
static void refuse_limit(struct api_request *request, struct slice name, int64_t value) {
    api_refuse_bad(request,
                   "Validation failed\n\nUnrecognised terms [{<<\"" SLICE_FMT "\">>,%" PRId64
                   "}] in limits\n",
                   SLICE_ARG(name), value);
}

static void set_vhost_limit(struct api_request *request, int64_t value) {
    struct vhost_limits limits = request->vhost->limits;
    int64_t *limit =
        find_limit(request->parts[0], "max-queues", &limits.max_connections, &limits.max_queues);

    if (limit == NULL) {
        refuse_limit(request, request->parts[0], value);
        return;
    }
    *limit = value;
    vhost_set_limits(request->vhost, limits);
    api_reply_deleted(request);
}

static void set_user_limit(struct api_request *request, int64_t value) {
    struct user *user = user_find(request->broker, request->parts[0]);

    if (user == NULL) {
        api_refuse_missing(request);
        return;
    }
    struct user_limits limits = user->limits;
    int64_t *limit = find_limit(request->parts[1], "max-channels", &limits.max_connections,
                                &limits.max_channels);
    if (limit == NULL) {
        refuse_limit(request, request->parts[1], value);
        return;
    }
    *limit = value;
    user_set_limits(user, limits);
    api_reply_deleted(request);
}

static void put_vhost_limit(struct api_request *request) {
    int64_t value;

    if (api_body_integer(request, "value", true, &value))
        set_vhost_limit(request, value);
}

static void delete_vhost_limit(struct api_request *request) {
    set_vhost_limit(request, UNLIMITED);
}

static void put_user_limit(struct api_request *request) {
    int64_t value;

    if (api_body_integer(request, "value", true, &value))
        set_user_limit(request, value);
}

static void delete_user_limit(struct api_request *request) {
    set_user_limit(request, UNLIMITED);
}

const struct api_route limit_routes[] = {
    {"GET", "vhost-limits", API_MANAGEMENT, API_NO_BODY, list_vhosts},
    {"GET", "vhost-limits/{vhost}", API_VHOST, API_NO_BODY, list_vhosts},
    {"PUT", "vhost-limits/{vhost}/{limit}", API_ADMINISTRATOR, API_JSON, put_vhost_limit},
    {"DELETE", "vhost-limits/{vhost}/{limit}", API_ADMINISTRATOR, API_NO_BODY, delete_vhost_limit},
    {"GET", "user-limits", API_ADMINISTRATOR, API_NO_BODY, list_users},
    {"GET", "user-limits/{user}", API_ADMINISTRATOR, API_NO_BODY, list_user},
    {"PUT", "user-limits/{user}/{limit}", API_ADMINISTRATOR, API_JSON, put_user_limit},
    {"DELETE", "user-limits/{user}/{limit}", API_ADMINISTRATOR, API_NO_BODY, delete_user_limit},
    {.pattern = NULL},
};
