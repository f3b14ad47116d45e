/* SPDX-License-Identifier: Apache-2.0 */
/* Entities to JSON, one section of the file after another. */
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/definitions.h"
#include "broker/entities/exchange.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/permission.h"
#include "broker/entities/policy.h"
#include "broker/entities/queue.h"
#include "broker/entities/table_json.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/base/base64.h"

/* What is exported, and how. */
struct export {
    struct json_out *out;
    bool names_vhost; /* each object says to which vhost it belongs */
};

static void begin_section(struct json_out *out, const char *name) {
    json_out_key(out, name);
    json_out_begin_array(out);
}

static void put_vhost(const struct export *export, const struct vhost *vhost) {
    if (export->names_vhost)
        json_out_put_text(export->out, "vhost", vhost->name);
}

static void put_table(struct json_out *out, const char *key, struct slice table) {
    json_out_key(out, key);
    table_json_write(out, table);
}

/* --- users and vhosts --- */

/* A list of names between commas. */
static void put_tags(struct json_out *out, struct slice tags) {
    begin_section(out, "tags");
    while (tags.len > 0) {
        const uint8_t *comma = memchr(tags.data, ',', tags.len);
        size_t len = comma == NULL ? tags.len : (size_t)(comma - tags.data);
        json_out_text(out, slice_of(tags.data, len));
        len += comma == NULL ? 0 : 1;
        tags = slice_of(tags.data + len, tags.len - len);
    }
    json_out_end_array(out);
}

static void put_limit(struct json_out *out, const char *name, int64_t limit) {
    if (limit >= 0)
        json_out_put_integer(out, name, limit);
}

static void put_password(struct json_out *out, const struct password *password) {
    struct text hash = {0};
    base64_append(&hash, slice_of(password->octets, password->len));
    json_out_put_text(out, "password_hash", text_slice(&hash));
    json_out_put_string(out, "hashing_algorithm", password_algorithm_name(password->algorithm));
    text_clear(&hash);
}

static void export_users(const struct broker *broker, struct json_out *out) {
    begin_section(out, "users");
    for (const struct user *user = broker->users; user != NULL; user = user->by_name.next) {
        json_out_begin_object(out);
        json_out_put_text(out, "name", user->name);
        put_password(out, &user->password);
        put_tags(out, user->tags);
        json_out_key(out, "limits");
        json_out_begin_object(out);
        put_limit(out, "max-connections", user->limits.max_connections);
        put_limit(out, "max-channels", user->limits.max_channels);
        json_out_end_object(out);
        json_out_end_object(out);
    }
    json_out_end_array(out);
}

static void put_metadata(struct json_out *out, const struct vhost_metadata *metadata) {
    json_out_put_text(out, "description", metadata->description);
    put_tags(out, metadata->tags);
    if (metadata->default_queue_type.len > 0)
        json_out_put_text(out, "default_queue_type", metadata->default_queue_type);
    if (metadata->protected_from_deletion)
        json_out_put_bool(out, "protected_from_deletion", true);
}

static void export_vhosts(const struct broker *broker, struct json_out *out) {
    begin_section(out, "vhosts");
    for (const struct vhost *vhost = broker->vhosts; vhost != NULL; vhost = vhost->by_name.next) {
        json_out_begin_object(out);
        json_out_put_text(out, "name", vhost->name);
        put_metadata(out, &vhost->metadata);
        json_out_key(out, "metadata");
        json_out_begin_object(out);
        put_metadata(out, &vhost->metadata);
        json_out_end_object(out);
        if (vhost->metadata.tracing)
            json_out_put_bool(out, "tracing", true);
        json_out_end_object(out);
    }
    json_out_end_array(out);
}

/* --- permissions --- */

static void put_owner(struct json_out *out, const struct permission *permission) {
    json_out_put_text(out, "user", permission->key.user->name);
    json_out_put_text(out, "vhost", permission->key.vhost->name);
}

static void put_permission(struct json_out *out, const struct permission *permission) {
    if (!permission->is_set)
        return;
    json_out_begin_object(out);
    put_owner(out, permission);
    json_out_put_text(out, "configure", permission->texts[ACCESS_CONFIGURE]);
    json_out_put_text(out, "write", permission->texts[ACCESS_WRITE]);
    json_out_put_text(out, "read", permission->texts[ACCESS_READ]);
    json_out_end_object(out);
}

static void put_topic_permissions(struct json_out *out, const struct permission *permission) {
    LIST_FOR_EACH(&permission->topics, at) {
        const struct topic_permission *topic = LIST_ITEM(at, struct topic_permission, link);
        json_out_begin_object(out);
        put_owner(out, permission);
        json_out_put_text(out, "exchange", topic->exchange);
        json_out_put_text(out, "write", topic->texts[ACCESS_WRITE]);
        json_out_put_text(out, "read", topic->texts[ACCESS_READ]);
        json_out_end_object(out);
    }
}

typedef void put_permissions(struct json_out *out, const struct permission *permission);

static void export_permissions(const struct broker *broker, struct json_out *out, const char *name,
                               put_permissions *put) {
    begin_section(out, name);
    for (const struct user *user = broker->users; user != NULL; user = user->by_name.next)
        LIST_FOR_EACH(&user->permissions, at)
    put(out, LIST_ITEM(at, struct permission, user_link));
    json_out_end_array(out);
}

/* --- parameters and policies --- */

static void begin_parameter(const struct export *export, const struct vhost *vhost,
                            const char *component, struct slice name) {
    json_out_begin_object(export->out);
    put_vhost(export, vhost);
    json_out_put_string(export->out, "component", component);
    json_out_put_text(export->out, "name", name);
    json_out_key(export->out, "value");
    json_out_begin_object(export->out);
}

static void end_parameter(const struct export *export) {
    json_out_end_object(export->out);
    json_out_end_object(export->out);
}

static void put_vhost_limits(const struct export *export, const struct vhost *vhost) {
    if (vhost->limits.max_connections < 0 && vhost->limits.max_queues < 0)
        return;
    begin_parameter(export, vhost, "vhost-limits", SLICE("limits"));
    put_limit(export->out, "max-connections", vhost->limits.max_connections);
    put_limit(export->out, "max-queues", vhost->limits.max_queues);
    end_parameter(export);
}

static void put_policy_values(struct json_out *out, const struct policy *policy) {
    json_out_put_text(out, "pattern", policy->pattern_text);
    json_out_put_text(out, "apply-to", policy->apply_to);
    put_table(out, "definition", policy->definition);
    json_out_put_integer(out, "priority", policy->priority);
}

static void put_operator_policies(const struct export *export, const struct vhost *vhost) {
    LIST_FOR_EACH(&vhost->policies[POLICY_OF_OPERATOR], at) {
        const struct policy *policy = LIST_ITEM(at, struct policy, link);
        begin_parameter(export, vhost, "operator_policy", policy->name);
        put_policy_values(export->out, policy);
        end_parameter(export);
    }
}

static void put_parameters(const struct export *export, const struct vhost *vhost) {
    put_vhost_limits(export, vhost);
    put_operator_policies(export, vhost);
}

static void put_policies(const struct export *export, const struct vhost *vhost) {
    LIST_FOR_EACH(&vhost->policies[POLICY_ORDINARY], at) {
        const struct policy *policy = LIST_ITEM(at, struct policy, link);
        json_out_begin_object(export->out);
        put_vhost(export, vhost);
        json_out_put_text(export->out, "name", policy->name);
        put_policy_values(export->out, policy);
        json_out_end_object(export->out);
    }
}

static void export_global_parameters(const struct broker *broker, struct json_out *out) {
    begin_section(out, "global_parameters");
    for (const struct global_parameter *at = broker->global_parameters; at != NULL;
         at = at->by_name.next) {
        if (slice_has_prefix(at->name, SLICE("internal")))
            continue;
        json_out_begin_object(out);
        json_out_put_text(out, "name", at->name);
        json_out_key(out, "value");
        json_out_raw(out, at->value);
        json_out_end_object(out);
    }
    json_out_end_array(out);
}

/* --- queues, exchanges, bindings --- */

static void put_queues(const struct export *export, const struct vhost *vhost) {
    for (const struct queue *queue = vhost->queues; queue != NULL; queue = queue->by_name.next) {
        if (queue->exclusive_owner != NULL)
            continue;
        json_out_begin_object(export->out);
        json_out_put_text(export->out, "name", queue->name);
        put_vhost(export, vhost);
        json_out_put_bool(export->out, "durable", queue->durable);
        json_out_put_bool(export->out, "auto_delete", queue->auto_delete);
        put_table(export->out, "arguments", queue->arguments);
        json_out_put_string(export->out, "type", queue_type_name(queue->type));
        json_out_end_object(export->out);
    }
}

/* Those that every vhost has, and those that belong to the broker. */
static bool is_exported(const struct exchange *exchange) {
    return !exchange_is_default(exchange) && !slice_has_prefix(exchange->name, SLICE("amq."));
}

static void put_exchanges(const struct export *export, const struct vhost *vhost) {
    for (const struct exchange *exchange = vhost->exchanges; exchange != NULL;
         exchange = exchange->by_name.next) {
        if (!is_exported(exchange))
            continue;
        json_out_begin_object(export->out);
        json_out_put_text(export->out, "name", exchange->name);
        put_vhost(export, vhost);
        json_out_put_string(export->out, "type", exchange->type->name);
        json_out_put_bool(export->out, "durable", exchange->durable);
        json_out_put_bool(export->out, "auto_delete", exchange->auto_delete);
        json_out_put_bool(export->out, "internal", exchange->internal);
        put_table(export->out, "arguments", exchange->arguments);
        json_out_end_object(export->out);
    }
}

static void put_binding(const struct export *export, const struct binding *binding) {
    const struct queue *queue = binding->destination.queue;
    if (queue != NULL && queue->exclusive_owner != NULL)
        return;
    json_out_begin_object(export->out);
    json_out_put_text(export->out, "source", binding->source->name);
    put_vhost(export, binding->source->vhost);
    json_out_put_text(export->out, "destination",
                      queue != NULL ? queue->name : binding->destination.exchange->name);
    json_out_put_string(export->out, "destination_type", queue != NULL ? "queue" : "exchange");
    json_out_put_text(export->out, "routing_key", binding->binding_key);
    put_table(export->out, "arguments", binding->arguments);
    json_out_end_object(export->out);
}

static void put_bindings(const struct export *export, const struct vhost *vhost) {
    for (const struct binding *at = vhost->bindings; at != NULL; at = at->by_identity.next)
        put_binding(export, at);
}

/* --- the whole --- */

typedef void put_objects(const struct export *export, const struct vhost *vhost);

/* Sections of which every vhost has a part. */
static const struct {
    const char *name;
    put_objects *put;
} vhost_sections[] = {
    {"parameters", put_parameters}, {"policies", put_policies}, {"queues", put_queues},
    {"exchanges", put_exchanges},   {"bindings", put_bindings},
};

#define VHOST_SECTIONS (sizeof vhost_sections / sizeof vhost_sections[0])

static void put_versions(const struct broker *broker, struct json_out *out) {
    const char *version = broker->settings.product_version;
    json_out_put_string(out, "rabbit_version", version);
    json_out_put_string(out, "rabbitmq_version", version);
    json_out_put_string(out, "product_name", broker->settings.product);
    json_out_put_string(out, "product_version", version);
}

void definitions_export(const struct broker *broker, struct json_out *out) {
    const struct export export = {.out = out, .names_vhost = true};
    json_out_begin_object(out);
    put_versions(broker, out);
    json_out_put_string(out, "rabbitmq_definition_format", "cluster");
    json_out_put_string(out, "original_cluster_name", broker->settings.cluster_name);
    export_users(broker, out);
    export_vhosts(broker, out);
    export_permissions(broker, out, "permissions", put_permission);
    export_permissions(broker, out, "topic_permissions", put_topic_permissions);
    export_global_parameters(broker, out);
    for (size_t i = 0; i < VHOST_SECTIONS; i++) {
        begin_section(out, vhost_sections[i].name);
        for (const struct vhost *vhost = broker->vhosts; vhost != NULL; vhost = vhost->by_name.next)
            vhost_sections[i].put(&export, vhost);
        json_out_end_array(out);
    }
    json_out_end_object(out);
}

void definitions_export_vhost(const struct vhost *vhost, struct json_out *out) {
    const struct export export = {.out = out};
    json_out_begin_object(out);
    put_versions(vhost->broker, out);
    json_out_put_string(out, "rabbitmq_definition_format", "single_virtual_host");
    json_out_put_text(out, "original_vhost_name", vhost->name);
    put_metadata(out, &vhost->metadata);
    for (size_t i = 0; i < VHOST_SECTIONS; i++) {
        begin_section(out, vhost_sections[i].name);
        vhost_sections[i].put(&export, vhost);
        json_out_end_array(out);
    }
    json_out_end_object(out);
}
