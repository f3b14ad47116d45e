/* SPDX-License-Identifier: Apache-2.0 */
/* GET, PUT and DELETE of virtual hosts. */
#include "broker/management/vhosts.h"

#include "broker/entities/broker.h"
#include "broker/entities/node_limits.h"
#include "broker/entities/permission.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "broker/entities/vhost_defaults.h"
#include "broker/management/api_login.h"
#include "broker/management/management_private.h"
#include "broker/management/message_stats.h"
#include "broker/management/tag_list.h"
#include "broker/protocol/forced_close.h"

/* --- fields --- */

struct vhost_totals {
    uint64_t ready;
    uint64_t unacknowledged;
};

static struct vhost_totals totals_of(const struct vhost *vhost) {
    struct vhost_totals totals = {0};

    for (const struct queue *queue = vhost->queues; queue != NULL; queue = queue->by_name.next) {
        totals.ready += queue_ready_count(queue);
        totals.unacknowledged += queue->unacked_count;
    }
    return totals;
}

static void write_messages(struct json_out *out, const void *object,
                           struct management *management) {
    const struct vhost_totals totals = totals_of(object);

    (void)management;
    json_out_unsigned(out, totals.ready + totals.unacknowledged);
}

static void write_ready(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_unsigned(out, totals_of(object).ready);
}

static void write_unacknowledged(struct json_out *out, const void *object,
                                 struct management *management) {
    (void)management;
    json_out_unsigned(out, totals_of(object).unacknowledged);
}

static void write_tags(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    tag_list_write(out, ((const struct vhost *)object)->metadata.tags);
}

static void write_default_queue_type(struct json_out *out, const void *object,
                                     struct management *management) {
    const struct slice type = ((const struct vhost *)object)->metadata.default_queue_type;
    const char *of_node = management->broker->settings.default_queue_type;

    json_out_text(out, type.len == 0 ? slice_from_text(of_node) : type);
}

static void write_metadata(struct json_out *out, const void *object,
                           struct management *management) {
    const struct vhost *vhost = object;

    json_out_begin_object(out);
    json_out_put_text(out, "description", vhost->metadata.description);
    json_out_key(out, "tags");
    tag_list_write(out, vhost->metadata.tags);
    if (vhost->metadata.default_queue_type.len > 0) {
        json_out_key(out, "default_queue_type");
        write_default_queue_type(out, object, management);
    }
    json_out_end_object(out);
}

static void write_cluster_state(struct json_out *out, const void *object,
                                struct management *management) {
    (void)object;
    json_out_begin_object(out);
    json_out_put_string(out, management->settings.node_name, "running");
    json_out_end_object(out);
}

static bool has_no_stats(const void *object) {
    struct message_counters sum;

    message_stats_of_vhost(object, &sum);
    return message_stats_are_empty(&sum);
}

static void write_stats(struct json_out *out, const void *object, struct management *management) {
    struct vhost *vhost = (struct vhost *)(uintptr_t)object;
    struct message_counters sum;

    message_stats_of_vhost(vhost, &sum);
    message_stats_write(out, &sum, &vhost->rates, management->broker->env->now_ms);
}

static const struct api_field fields[] = {
    API_MEMBER("name", API_TEXT, struct vhost, name),
    API_MEMBER("description", API_TEXT, struct vhost, metadata.description),
    {"tags", .write = write_tags},
    {"default_queue_type", .write = write_default_queue_type},
    {"metadata", .write = write_metadata},
    API_MEMBER("protected_from_deletion", API_BOOL, struct vhost, metadata.protected_from_deletion),
    API_MEMBER("tracing", API_BOOL, struct vhost, metadata.tracing),
    {"cluster_state", .write = write_cluster_state},
    {"messages", .write = write_messages},
    {"messages_ready", .write = write_ready},
    {"messages_unacknowledged", .write = write_unacknowledged},
    {"message_stats", .write = write_stats, .is_absent = has_no_stats},
    {.name = NULL},
};

static int compare(const void *a, const void *b) {
    return slice_compare(((const struct vhost *)a)->name, ((const struct vhost *)b)->name);
}

static bool is_gone(struct management *management, const void *object) {
    for (const struct vhost *vhost = management->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next)
        if (vhost == object)
            return false;
    return true;
}

const struct api_resource vhost_resource = {
    .fields = fields, .compare = compare, .is_gone = is_gone};

static void list(struct api_request *request) {
    struct api_items items = {0};

    for (const struct vhost *vhost = request->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next)
        if (api_may_see_vhost(request->user, vhost))
            api_items_add(&items, &vhost_resource, vhost);
    api_reply_list(request, &vhost_resource, &items);
}

/* --- one vhost --- */

static void show(struct api_request *request) {
    api_reply_object(request, &vhost_resource, request->vhost);
}

/* What the body does not say stays. False when the request has been refused. */
static bool read_metadata(struct api_request *request, struct vhost_metadata *metadata,
                          struct text *tags) {
    return api_body_text(request, "description", false, &metadata->description) &&
           api_body_text(request, "default_queue_type", false, &metadata->default_queue_type) &&
           api_body_bool(request, "protected_from_deletion", &metadata->protected_from_deletion) &&
           api_body_bool(request, "tracing", &metadata->tracing) &&
           tag_list_read(request, "tags", tags, &metadata->tags);
}

/* Who makes a vhost may use it (compat 4.3). */
static void put(struct api_request *request) {
    const struct slice name = request->parts[0];
    struct vhost *vhost = broker_find_vhost(request->broker, name);
    struct vhost_metadata metadata = vhost == NULL ? (struct vhost_metadata){0} : vhost->metadata;
    const bool is_new = vhost == NULL;
    struct refusal refusal = {0};
    struct text tags = {0};

    if (name.len > 255 || name.len == 0) {
        api_refuse_bad(request, "vhost name must be 1 to 255 octets long");
    } else if (!read_metadata(request, &metadata, &tags)) {
        /* refused */
    } else if (!vhost_queue_type_is_known(metadata.default_queue_type)) {
        api_refuse_bad(request, "Unsupported default queue type");
    } else if (!node_limits_allow_vhost(request->broker, name, &refusal)) {
        api_refuse_as_amqp(request, &refusal);
    } else {
        if (is_new)
            vhost = broker_add_vhost(request->broker, name);
        vhost_set_metadata(vhost, &metadata);
        if (is_new) {
            vhost_apply_defaults(vhost);
            permission_grant_all(request->user, vhost);
        }
        api_reply_put(request, is_new);
    }
    text_clear(&tags);
}

static void delete_one(struct api_request *request) {
    struct vhost *vhost = request->vhost;

    if (vhost->metadata.protected_from_deletion) {
        api_refuse(request, 412, "precondition_failed",
                   SLICE("Refusing to delete a virtual host that is protected from deletion"));
        return;
    }
    request->vhost = NULL;
    forced_close_vhost(vhost);
    api_reply_deleted(request);
}

static void set_protection(struct api_request *request, bool is_on) {
    struct vhost_metadata metadata = request->vhost->metadata;

    metadata.protected_from_deletion = is_on;
    vhost_set_metadata(request->vhost, &metadata);
    api_reply_deleted(request);
}

static void protect(struct api_request *request) {
    set_protection(request, true);
}

static void unprotect(struct api_request *request) {
    set_protection(request, false);
}

const struct api_route vhost_routes[] = {
    {"GET", "vhosts", API_MANAGEMENT, API_NO_BODY, list},
    {"GET", "vhosts/{vhost}", API_ADMINISTRATOR, API_NO_BODY, show},
    {"PUT", "vhosts/{name}", API_ADMINISTRATOR, API_JSON, put},
    {"DELETE", "vhosts/{vhost}", API_ADMINISTRATOR, API_NO_BODY, delete_one},
    {"POST", "vhosts/{vhost}/deletion/protection", API_ADMINISTRATOR, API_JSON, protect},
    {"DELETE", "vhosts/{vhost}/deletion/protection", API_ADMINISTRATOR, API_NO_BODY, unprotect},
    {"POST", "vhosts/{vhost}/start/{node}", API_ADMINISTRATOR, API_NO_BODY, api_reply_deleted},
    {.pattern = NULL},
};
