/* SPDX-License-Identifier: Apache-2.0 */
/* The records of policies. */
#include "amqp/table.h"
#include "broker/entities/broker.h"
#include "broker/entities/policy.h"
#include "broker/entities/store_private.h"
#include "broker/entities/vhost.h"

static void encode_key(struct writer *w, const void *object) {
    const struct policy *policy = object;
    writer_shortstr(w, policy->vhost->name);
    writer_u8(w, (uint8_t)policy->kind);
    writer_shortstr(w, policy->name);
}

static void encode_policy(struct writer *w, const void *object) {
    const struct policy *policy = object;
    writer_longstr(w, policy->pattern_text);
    writer_shortstr(w, policy->apply_to);
    writer_u64(w, (uint64_t)policy->priority);
    writer_longstr(w, policy->definition);
}

void store_put_policy(const struct policy *policy) {
    store_put_record(policy->vhost->broker, STORE_POLICY, encode_key, encode_policy, policy);
}

void store_delete_policy(const struct policy *policy) {
    store_forget_record(policy->vhost->broker, STORE_POLICY, encode_key, policy);
}

bool store_apply_policy(struct broker *broker, struct cursor *key, struct cursor *payload) {
    struct vhost *vhost = broker_find_vhost(broker, cursor_shortstr(key));
    uint8_t kind = cursor_u8(key);
    struct policy_settings settings;
    settings.name = cursor_shortstr(key);
    settings.pattern = cursor_longstr(payload);
    settings.apply_to = cursor_shortstr(payload);
    settings.priority = (int64_t)cursor_u64(payload);
    settings.definition = cursor_longstr(payload);
    if (vhost == NULL || kind >= POLICY_KINDS || cursor_failed(key) || cursor_failed(payload) ||
        !amqp_table_is_valid(settings.definition))
        return false;
    return policy_restore(vhost, (enum policy_kind)kind, &settings);
}
