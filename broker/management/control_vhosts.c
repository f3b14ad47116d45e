/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts and their limits. */
#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/node_limits.h"
#include "broker/entities/vhost.h"
#include "broker/entities/vhost_defaults.h"
#include "broker/management/control_handlers.h"
#include "broker/management/control_json.h"
#include "broker/protocol/forced_close.h"

static void read_option(const struct control_call *call, const char *name, struct slice *text) {
    const char *value = control_option(call, name);

    if (value != NULL)
        *text = slice_from_text(value);
}

static void set_options(const struct control_call *call, struct vhost *vhost) {
    struct vhost_metadata metadata = vhost->metadata;

    read_option(call, "description", &metadata.description);
    read_option(call, "tags", &metadata.tags);
    read_option(call, "default-queue-type", &metadata.default_queue_type);
    vhost_set_metadata(vhost, &metadata);
}

/* False when the call has been refused. */
static bool options_are_good(struct control_call *call) {
    struct slice type = SLICE("");

    read_option(call, "default-queue-type", &type);
    if (!vhost_queue_type_is_known(type)) {
        control_fail(call, EX_USAGE, "Unsupported default queue type");
        return false;
    }
    return true;
}

/* One that exists gets what the options say. */
void control_add_vhost(struct control_call *call) {
    struct slice name = slice_from_text(control_argument(call, 0));

    if (name.len == 0 || name.len > 255) {
        control_fail(call, EX_DATAERR, "a virtual host's name has 1 to 255 octets");
        return;
    }
    const bool is_new = broker_find_vhost(call->control->broker, name) == NULL;
    struct refusal refusal = {0};
    if (!options_are_good(call))
        return;
    if (!node_limits_allow_vhost(call->control->broker, name, &refusal)) {
        control_fail(call, EX_UNAVAILABLE, "%s", refusal.text);
        return;
    }
    struct vhost *vhost = broker_add_vhost(call->control->broker, name);
    set_options(call, vhost);
    if (is_new)
        vhost_apply_defaults(vhost);
    control_finish_durably(call);
}

/* The one that the first argument names; NULL when the call has been refused. */
static struct vhost *named_vhost(struct control_call *call) {
    const char *name = control_argument(call, 0);
    struct vhost *vhost = broker_find_vhost(call->control->broker, slice_from_text(name));

    if (vhost == NULL)
        control_fail(call, EX_DATAERR, "Virtual host '%s' does not exist", name);
    return vhost;
}

void control_update_vhost_metadata(struct control_call *call) {
    struct vhost *vhost = named_vhost(call);

    if (vhost == NULL || !options_are_good(call))
        return;
    set_options(call, vhost);
    control_finish_durably(call);
}

static void set_protection(struct control_call *call, bool is_on) {
    struct vhost *vhost = named_vhost(call);

    if (vhost == NULL)
        return;
    struct vhost_metadata metadata = vhost->metadata;
    metadata.protected_from_deletion = is_on;
    vhost_set_metadata(vhost, &metadata);
    control_finish_durably(call);
}

void control_enable_vhost_protection(struct control_call *call) {
    set_protection(call, true);
}

void control_disable_vhost_protection(struct control_call *call) {
    set_protection(call, false);
}

/* The arguments behind the first one, separated by commas. */
static void join_tags(const struct control_call *call, struct text *tags) {
    const char *tag;

    for (size_t i = 1; (tag = control_argument(call, i)) != NULL; i++)
        text_append_format(tags, "%s%s", i > 1 ? "," : "", tag);
}

void control_set_vhost_tags(struct control_call *call) {
    const char *name = control_argument(call, 0);
    struct vhost *vhost = broker_find_vhost(call->control->broker, slice_from_text(name));
    struct text tags = {0};

    if (vhost == NULL) {
        control_fail(call, EX_DATAERR, "Virtual host \"%s\" does not exist", name);
        return;
    }
    struct vhost_metadata metadata = vhost->metadata;
    join_tags(call, &tags);
    metadata.tags = text_slice(&tags);
    vhost_set_metadata(vhost, &metadata);
    text_clear(&tags);
    control_finish_durably(call);
}

void control_restart_vhost(struct control_call *call) {
    if (control_vhost(call) == NULL)
        return;
    control_message(call, "Vhost '%s' is already running on node '%s'", control_vhost_name(call),
                    call->control->node_name);
    control_finish(call);
}

void control_delete_vhost(struct control_call *call) {
    struct vhost *vhost = named_vhost(call);

    if (vhost == NULL)
        return;
    if (vhost->metadata.protected_from_deletion) {
        control_fail(call, EX_UNAVAILABLE,
                     "Cannot delete this virtual host: it is protected from deletion. "
                     "disable_vhost_protection_from_deletion lifts that");
        return;
    }
    forced_close_vhost(vhost);
    control_finish_durably(call);
}

/* --- tracing --- */

static void set_tracing(struct control_call *call, bool is_on) {
    struct vhost *vhost = control_vhost(call);

    if (vhost == NULL)
        return;
    struct vhost_metadata metadata = vhost->metadata;
    metadata.tracing = is_on;
    vhost_set_metadata(vhost, &metadata);
    control_value(call, "Trace %s for vhost %s", is_on ? "enabled" : "disabled",
                  control_vhost_name(call));
    control_finish_durably(call);
}

void control_trace_on(struct control_call *call) {
    set_tracing(call, true);
}

void control_trace_off(struct control_call *call) {
    set_tracing(call, false);
}

/* --- limits --- */

void control_set_vhost_limits(struct control_call *call) {
    struct vhost *vhost = control_vhost(call);
    json_t *object = vhost == NULL ? NULL : control_json_object(call, 0);

    if (object == NULL)
        return;
    /* What is not named is not limited, other than with limits of users. */
    struct vhost_limits limits = {.max_connections = -1, .max_queues = -1};
    const struct control_limit known[] = {{"max-connections", &limits.max_connections},
                                          {"max-queues", &limits.max_queues},
                                          {.name = NULL}};
    if (control_read_limits(call, object, known)) {
        vhost_set_limits(vhost, limits);
        control_finish_durably(call);
    }
    json_decref(object);
}

void control_clear_vhost_limits(struct control_call *call) {
    struct vhost *vhost = control_vhost(call);

    if (vhost == NULL)
        return;
    vhost_set_limits(vhost, (struct vhost_limits){.max_connections = -1, .max_queues = -1});
    control_finish_durably(call);
}

static bool has_limits(const struct vhost *vhost) {
    return vhost->limits.max_connections >= 0 || vhost->limits.max_queues >= 0;
}

static json_t *limits_of(const struct vhost *vhost) {
    json_t *limits = json_object();

    control_put_limit(limits, "max-connections", vhost->limits.max_connections);
    control_put_limit(limits, "max-queues", vhost->limits.max_queues);
    return limits;
}

void control_list_vhost_limits(struct control_call *call) {
    static const char *const columns[] = {"vhost", "limits", NULL};
    bool is_global = control_option(call, "global") != NULL;
    const struct vhost *wanted = is_global ? NULL : control_vhost(call);

    if (wanted == NULL && !is_global)
        return;
    if (wanted != NULL && has_limits(wanted))
        control_limits_instead(call, limits_of(wanted));
    control_columns(call, columns);
    for (const struct vhost *vhost = call->control->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next) {
        if ((is_global || vhost == wanted) && has_limits(vhost))
            control_row(call, json_pack("[oo]", control_slice(vhost->name),
                                        control_json_text(limits_of(vhost))));
    }
    control_finish(call);
}
