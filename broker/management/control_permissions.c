/* SPDX-License-Identifier: Apache-2.0 */
/* Permissions and topic permissions. */
#include <jansson.h>
#include <sysexits.h>

#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/control_handlers.h"
#include "broker/management/control_json.h"

/* What the call is about; false when it has been refused. */
static bool find_both(struct control_call *call, struct user **ret_user, struct vhost **ret_vhost) {
    *ret_vhost = control_vhost(call);
    *ret_user = *ret_vhost == NULL ? NULL : control_user(call);
    return *ret_user != NULL;
}

void control_set_permissions(struct control_call *call) {
    struct refusal refusal = {0};
    struct user *user;
    struct vhost *vhost;

    if (!find_both(call, &user, &vhost))
        return;
    const struct slice texts[ACCESS_COUNT] = {
        [ACCESS_CONFIGURE] = slice_from_text(control_argument(call, 1)),
        [ACCESS_WRITE] = slice_from_text(control_argument(call, 2)),
        [ACCESS_READ] = slice_from_text(control_argument(call, 3))};
    if (permission_set(user, vhost, texts, &refusal))
        control_finish_durably(call);
    else
        control_fail(call, EX_DATAERR, "%s", refusal.text);
}

void control_clear_permissions(struct control_call *call) {
    struct user *user;
    struct vhost *vhost;

    if (!find_both(call, &user, &vhost))
        return;
    permission_clear(user, vhost);
    control_finish_durably(call);
}

void control_set_topic_permissions(struct control_call *call) {
    struct refusal refusal = {0};
    struct user *user;
    struct vhost *vhost;

    if (!find_both(call, &user, &vhost))
        return;
    if (topic_permission_set(user, vhost, slice_from_text(control_argument(call, 1)),
                             slice_from_text(control_argument(call, 2)),
                             slice_from_text(control_argument(call, 3)), &refusal))
        control_finish_durably(call);
    else
        control_fail(call, EX_DATAERR, "%s", refusal.text);
}

void control_clear_topic_permissions(struct control_call *call) {
    const char *exchange = control_argument(call, 1);
    struct user *user;
    struct vhost *vhost;

    if (!find_both(call, &user, &vhost))
        return;
    topic_permission_clear(user, vhost, slice_from_text(exchange == NULL ? "" : exchange));
    control_finish_durably(call);
}

/* --- lists: of a user by vhost, or of a vhost by user --- */

static json_t *owner_of(const struct permission *permission, bool by_vhost) {
    return control_slice(by_vhost ? permission->key.vhost->name : permission->key.user->name);
}

static void say_permission(struct control_call *call, const struct permission *permission,
                           bool by_vhost) {
    if (permission->is_set)
        control_row(call, json_pack("[oooo]", owner_of(permission, by_vhost),
                                    control_slice(permission->texts[ACCESS_CONFIGURE]),
                                    control_slice(permission->texts[ACCESS_WRITE]),
                                    control_slice(permission->texts[ACCESS_READ])));
}

static void say_topics(struct control_call *call, const struct permission *permission,
                       bool by_vhost) {
    LIST_FOR_EACH(&permission->topics, at) {
        const struct topic_permission *topic = LIST_ITEM(at, struct topic_permission, link);
        control_row(call, json_pack("[oooo]", owner_of(permission, by_vhost),
                                    control_slice(topic->exchange),
                                    control_slice(topic->texts[ACCESS_WRITE]),
                                    control_slice(topic->texts[ACCESS_READ])));
    }
}

typedef void say_row(struct control_call *call, const struct permission *permission, bool by_vhost);

static void list_vhost(struct control_call *call, const char *const *columns, say_row *say) {
    const struct vhost *vhost = control_vhost(call);

    if (vhost == NULL)
        return;
    control_columns(call, columns);
    LIST_FOR_EACH(&vhost->permissions, at)
    say(call, LIST_ITEM(at, struct permission, vhost_link), false);
    control_finish(call);
}

static void list_user(struct control_call *call, const char *const *columns, say_row *say) {
    const struct user *user = control_user(call);

    if (user == NULL)
        return;
    control_columns(call, columns);
    LIST_FOR_EACH(&user->permissions, at)
    say(call, LIST_ITEM(at, struct permission, user_link), true);
    control_finish(call);
}

void control_list_permissions(struct control_call *call) {
    static const char *const columns[] = {"user", "configure", "write", "read", NULL};
    list_vhost(call, columns, say_permission);
}

void control_list_user_permissions(struct control_call *call) {
    static const char *const columns[] = {"vhost", "configure", "write", "read", NULL};
    list_user(call, columns, say_permission);
}

void control_list_topic_permissions(struct control_call *call) {
    static const char *const columns[] = {"user", "exchange", "write", "read", NULL};
    list_vhost(call, columns, say_topics);
}

void control_list_user_topic_permissions(struct control_call *call) {
    static const char *const columns[] = {"vhost", "exchange", "write", "read", NULL};
    list_user(call, columns, say_topics);
}
