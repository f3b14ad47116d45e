/* SPDX-License-Identifier: Apache-2.0 */
/* Users, their passwords, tags and limits. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/alloc.h"
#include "broker/base/base64.h"
#include "broker/base/json.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/password.h"
#include "broker/entities/user.h"
#include "broker/management/control_handlers.h"
#include "broker/management/control_json.h"
#include "broker/management/new_password.h"
#include "broker/protocol/forced_close.h"

#define UNLIMITED (-1)

struct user *control_user(struct control_call *call) {
    const char *name = control_argument(call, 0);
    struct user *user = user_find(call->control->broker, slice_from_text(name));

    if (user == NULL)
        control_fail(call, EX_NOUSER, "User \"%s\" does not exist", name);
    return user;
}

static json_t *tags_of(const struct user *user) {
    json_t *tags = json_array();
    struct slice tag;
    size_t at = 0;

    while (user_next_tag(user, &at, &tag))
        json_array_append_new(tags, control_string((const char *)tag.data, tag.len));
    return tags;
}

void control_list_users(struct control_call *call) {
    static const char *const columns[] = {"user", "tags", NULL};

    control_columns(call, columns);
    for (const struct user *user = call->control->broker->users; user != NULL;
         user = user->by_name.next)
        control_row(call, json_pack("[oo]", control_slice(user->name), tags_of(user)));
    control_finish(call);
}

/* --- passwords --- */

/* A call that waits for a hash. */
struct hashing {
    struct new_password *made;
    void (*then)(struct control_call *call, const struct password *hash);
};

static void end_hashing(struct control_call *call) {
    struct hashing *hashing = call->state;

    new_password_destroy(hashing->made);
    free(hashing);
}

static void on_hashed(void *context) {
    struct control_call *call = context;
    const struct hashing *hashing = call->state;
    const struct password hash = *new_password_hash(hashing->made);
    void (*then)(struct control_call *, const struct password *) = hashing->then;

    end_hashing(call);
    call->on_abandoned = NULL;
    then(call, &hash);
}

/* Goes on with `then`, now or when the hash of that argument is there. */
static void hash_argument(struct control_call *call, size_t index,
                          void (*then)(struct control_call *call, const struct password *hash)) {
    struct hashing *hashing = xcalloc(1, sizeof *hashing);

    hashing->then = then;
    hashing->made = new_password_create(
        call->control->broker, slice_from_text(control_argument(call, index)), on_hashed, call);
    call->state = hashing;
    call->on_abandoned = end_hashing;
    if (new_password_hash(hashing->made) != NULL)
        on_hashed(call);
}

/* False when the call has been refused. */
static bool may_add(struct control_call *call) {
    struct slice name = slice_from_text(control_argument(call, 0));

    if (user_find(call->control->broker, name) != NULL)
        control_fail(call, EX_SOFTWARE, "User \"%s\" already exists", control_argument(call, 0));
    else if (name.len == 0 || name.len > 255)
        control_fail(call, EX_DATAERR, "a user's name has 1 to 255 octets");
    else
        return true;
    return false;
}

static void add_hashed(struct control_call *call, const struct password *hash) {
    if (!may_add(call))
        return;
    user_add_hashed(call->control->broker, slice_from_text(control_argument(call, 0)), hash);
    control_banner(call, "Done. Don't forget to grant the user permissions to some virtual "
                         "hosts! See 'rabbitmqctl help set_permissions' to learn more.");
    control_finish_durably(call);
}

void control_add_user(struct control_call *call) {
    if (may_add(call))
        hash_argument(call, 1, add_hashed);
}

static void change_hashed(struct control_call *call, const struct password *hash) {
    const struct user *user = control_user(call);

    if (user == NULL)
        return;
    user_add_hashed(call->control->broker, user->name, hash);
    control_finish_durably(call);
}

void control_change_password(struct control_call *call) {
    if (control_user(call) != NULL)
        hash_argument(call, 1, change_hashed);
}

static void show_hash(struct control_call *call, const struct password *password) {
    struct text hash = {0};

    base64_append(&hash, slice_of(password->octets, password->len));
    control_text(call, "%s", text_chars(&hash));
    control_finish(call);
    text_clear(&hash);
}

void control_hash_password(struct control_call *call) {
    hash_argument(call, 0, show_hash);
}

/* --- users --- */

void control_delete_user(struct control_call *call) {
    struct user *user = control_user(call);

    if (user == NULL)
        return;
    forced_close_user(user);
    control_finish_durably(call);
}

void control_clear_password(struct control_call *call) {
    const struct user *user = control_user(call);

    if (user == NULL)
        return;
    user_add(call->control->broker, user->name, SLICE(""));
    control_finish_durably(call);
}

void control_set_user_tags(struct control_call *call) {
    struct user *user = control_user(call);
    struct refusal refusal = {0};
    struct text tags = {0};

    if (user == NULL)
        return;
    for (size_t i = 1; control_argument(call, i) != NULL; i++)
        text_append_format(&tags, "%s%s", i > 1 ? "," : "", control_argument(call, i));
    if (user_set_tags(user, text_slice(&tags), &refusal))
        control_finish_durably(call);
    else
        control_fail(call, EX_DATAERR, "%s", refusal.text);
    text_clear(&tags);
}

/* --- limits --- */

static json_t *limits_of(const struct user *user) {
    json_t *limits = json_object();

    control_put_limit(limits, "max-channels", user->limits.max_channels);
    control_put_limit(limits, "max-connections", user->limits.max_connections);
    return limits;
}

void control_set_user_limits(struct control_call *call) {
    struct user *user = control_user(call);
    json_t *object = user == NULL ? NULL : control_json_object(call, 1);

    if (object == NULL)
        return;
    struct user_limits limits = user->limits;
    const struct control_limit known[] = {{"max-connections", &limits.max_connections},
                                          {"max-channels", &limits.max_channels},
                                          {.name = NULL}};
    if (control_read_limits(call, object, known)) {
        user_set_limits(user, limits);
        control_finish_durably(call);
    }
    json_decref(object);
}

void control_clear_user_limits(struct control_call *call) {
    struct user *user = control_user(call);
    const char *name = control_argument(call, 1);

    if (user == NULL)
        return;
    struct user_limits limits = user->limits;
    bool is_all = strcmp(name, "all") == 0;
    if (is_all || strcmp(name, "max-connections") == 0)
        limits.max_connections = UNLIMITED;
    if (is_all || strcmp(name, "max-channels") == 0)
        limits.max_channels = UNLIMITED;
    user_set_limits(user, limits);
    control_finish_durably(call);
}

static bool is_listed(const struct control_call *call, const struct user *user) {
    const char *name = control_option(call, "user");

    if (control_option(call, "global") != NULL)
        return user->limits.max_channels >= 0 || user->limits.max_connections >= 0;
    return slice_equal(user->name, slice_from_text(name == NULL ? "guest" : name));
}

void control_list_user_limits(struct control_call *call) {
    static const char *const columns[] = {"user", "limits", NULL};
    const bool is_global = control_option(call, "global") != NULL;

    for (const struct user *user = call->control->broker->users; user != NULL && !is_global;
         user = user->by_name.next) {
        if (is_listed(call, user))
            control_limits_instead(call, limits_of(user));
    }
    control_columns(call, columns);
    for (const struct user *user = call->control->broker->users; user != NULL;
         user = user->by_name.next) {
        if (is_listed(call, user))
            control_row(call, json_pack("[oo]", control_slice(user->name),
                                        control_json_text(limits_of(user))));
    }
    control_finish(call);
}
