/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/vhost_defaults.h"

#include <stdbool.h>

#include "amqp/table.h"
#include "broker/base/pattern.h"
#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/policy.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"

static bool is_meant(const struct vhost *vhost, const char *expression) {
    struct pattern *pattern =
        expression == NULL ? NULL : pattern_compile(slice_from_text(expression), NULL);
    bool matches = pattern != NULL && pattern_matches(pattern, vhost->name);
    pattern_destroy(pattern);
    return matches;
}

static void complain(const struct vhost *vhost, const char *what, const char *name,
                     const struct refusal *refusal) {
    log_warning(&vhost->broker->env->log, "%s.%s does not fit vhost '" SLICE_FMT "': %s", what,
                name, SLICE_ARG(vhost->name), refusal->text);
}

static void apply_limits(struct vhost *vhost, const struct vhost_defaults *defaults) {
    for (size_t i = 0; i < defaults->limit_count; i++) {
        const struct vhost_default_limits *limits = &defaults->limits[i];
        if (!is_meant(vhost, limits->vhost_pattern))
            continue;
        vhost_set_limits(vhost, (struct vhost_limits){.max_connections = limits->max_connections,
                                                      .max_queues = limits->max_queues});
        return;
    }
}

static void put_value(struct amqp_table_builder *definition, const char *key, int64_t value) {
    if (value >= 0)
        amqp_table_put_int(definition, slice_from_text(key), AMQP_TAG_INT64, value);
}

static void apply_policy(struct vhost *vhost, const struct vhost_default_policy *policy) {
    struct amqp_table_builder definition;
    struct refusal refusal;
    const char *pattern = policy->queue_pattern == NULL ? ".*" : policy->queue_pattern;
    amqp_table_builder_init(&definition);
    put_value(&definition, "expires", policy->expires);
    put_value(&definition, "message-ttl", policy->message_ttl);
    put_value(&definition, "max-length", policy->max_length);
    put_value(&definition, "max-length-bytes", policy->max_length_bytes);
    put_value(&definition, "delivery-limit", policy->delivery_limit);
    const struct policy_settings settings = {.name = slice_from_text(policy->name),
                                             .pattern = slice_from_text(pattern),
                                             .apply_to = SLICE("queues"),
                                             .definition = amqp_table_builder_finish(&definition)};
    if (!policy_set(vhost, POLICY_OF_OPERATOR, &settings, &refusal))
        complain(vhost, "default_policies.operator", policy->name, &refusal);
    amqp_table_builder_clear(&definition);
}

static struct slice pattern_or_all(const char *pattern) {
    return pattern == NULL ? SLICE(".*") : slice_from_text(pattern);
}

/* A user that is there already keeps password and tags. */
static void apply_user(struct vhost *vhost, const struct vhost_default_user *wanted) {
    const struct slice texts[ACCESS_COUNT] = {
        [ACCESS_CONFIGURE] = pattern_or_all(wanted->configure),
        [ACCESS_WRITE] = pattern_or_all(wanted->write),
        [ACCESS_READ] = pattern_or_all(wanted->read),
    };
    struct slice name = slice_from_text(wanted->name);
    struct user *user = user_find(vhost->broker, name);
    struct refusal refusal;
    bool done = true;
    if (user == NULL) {
        user = user_add(vhost->broker, name, secret_octets(wanted->password));
        done = user_set_tags(user, slice_from_text(wanted->tags), &refusal);
    }
    if (!done || !permission_set(user, vhost, texts, &refusal))
        complain(vhost, "default_users", wanted->name, &refusal);
}

void vhost_apply_defaults(struct vhost *vhost) {
    const struct vhost_defaults *defaults = vhost->broker->settings.vhost_defaults;
    if (defaults == NULL)
        return;
    apply_limits(vhost, defaults);
    for (size_t i = 0; i < defaults->policy_count; i++) {
        if (is_meant(vhost, defaults->policies[i].vhost_pattern))
            apply_policy(vhost, &defaults->policies[i]);
    }
    for (size_t i = 0; i < defaults->user_count; i++) {
        if (is_meant(vhost, defaults->users[i].vhost_pattern))
            apply_user(vhost, &defaults->users[i]);
    }
}
