/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/policy.h"

#include <stdlib.h>

#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/base/pattern.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_argument.h"
#include "broker/entities/store.h"
#include "broker/entities/value_text.h"
#include "broker/entities/vhost.h"

/* Beside the types of queues. */
#define TARGET_EXCHANGES 8u
#define TARGET_QUEUES    (QUEUE_CLASSIC | QUEUE_QUORUM | QUEUE_STREAM)

static const struct policy_target {
    const char *word;
    unsigned targets;
} policy_targets[] = {
    {"all", TARGET_QUEUES | TARGET_EXCHANGES},
    {"queues", TARGET_QUEUES},
    {"classic_queues", QUEUE_CLASSIC},
    {"quorum_queues", QUEUE_QUORUM},
    {"streams", QUEUE_STREAM},
    {"exchanges", TARGET_EXCHANGES},
};

/* 0 for a word nobody knows. */
static unsigned targets_of(struct slice word) {
    for (size_t i = 0; i < sizeof policy_targets / sizeof *policy_targets; i++) {
        if (slice_equal(word, slice_from_text(policy_targets[i].word)))
            return policy_targets[i].targets;
    }
    return 0;
}

/* --- validation --- */

static bool refuse_policy(struct refusal *refusal, const struct text *detail) {
    return refuse(refusal, AMQP_PRECONDITION_FAILED, "Validation failed\n\n%s\n",
                  text_chars(detail));
}

static const struct queue_argument *find_key(struct slice key, enum policy_kind kind) {
    for (size_t i = 0; i < queue_argument_count; i++) {
        const struct queue_argument *row = &queue_arguments[i];
        if (row->policy.noun != NULL && slice_equal(key, queue_argument_policy_key(row)))
            return kind == POLICY_ORDINARY || row->policy.is_for_operators ? row : NULL;
    }
    return NULL;
}

/* Appends what is wrong with a value; nothing when it is right. */
static void check_entry(struct slice key, const struct amqp_value *value, enum policy_kind kind,
                        struct slice definition, struct text *detail) {
    const struct queue_argument *row = find_key(key, kind);
    struct text reason = {0};
    if (row == NULL)
        return;
    row->policy.check(value, definition, &reason);
    if (reason.len > 0) {
        value_text_append(detail, value);
        text_append_format(detail, " is not a valid %s", row->policy.noun);
    }
    text_clear(&reason);
}

/* Keys nobody knows, in the words of Erlang. */
static void check_keys(struct slice definition, enum policy_kind kind, struct text *detail) {
    struct amqp_table_iterator i = amqp_table_begin(definition);
    struct slice key;
    struct amqp_value value;
    while (amqp_table_next(&i, &key, &value)) {
        if (find_key(key, kind) != NULL)
            continue;
        text_append(detail, detail->len == 0 ? SLICE("[{") : SLICE(",{"));
        text_append_erlang_binary(detail, key);
        text_append(detail, SLICE(","));
        value_text_append(detail, &value);
        text_append(detail, SLICE("}"));
    }
    if (detail->len > 0)
        text_append(detail, SLICE("] are not recognised policy settings"));
}

static void check_definition(struct slice definition, enum policy_kind kind, struct text *detail) {
    struct amqp_table_iterator i = amqp_table_begin(definition);
    struct slice key;
    struct amqp_value value;
    if (definition.len == 0)
        text_append(detail, SLICE("no policy provided"));
    while (detail->len == 0 && amqp_table_next(&i, &key, &value))
        check_entry(key, &value, kind, definition, detail);
    if (detail->len == 0)
        check_keys(definition, kind, detail);
}

static void check_pattern(struct slice expression, struct text *detail) {
    struct text error = {0};
    struct pattern *pattern = pattern_compile(expression, &error);
    if (pattern == NULL)
        text_append_format(detail, "pattern should be regular expression but is invalid: %s",
                           text_chars(&error));
    pattern_destroy(pattern);
    text_clear(&error);
}

static void check_settings(const struct policy_settings *settings, enum policy_kind kind,
                           struct text *detail) {
    check_pattern(settings->pattern, detail);
    if (detail->len == 0 && targets_of(settings->apply_to) == 0)
        text_append_format(detail,
                           "apply-to '" SLICE_FMT "' unrecognised; should be one of: 'queues', "
                           "'classic_queues', 'quorum_queues', 'streams', 'exchanges', or 'all'",
                           SLICE_ARG(settings->apply_to));
    if (detail->len == 0)
        check_definition(settings->definition, kind, detail);
}

/* What RabbitMQ has no words for. */
static void check_sizes(const struct vhost *vhost, enum policy_kind kind,
                        const struct policy_settings *settings, struct text *detail) {
    if (settings->name.len > AMQP_SHORTSTR_MAX)
        text_append(detail, SLICE("the name is longer than 255 octets"));
    else if (settings->definition.len > POLICY_DEFINITION_LEN_MAX)
        text_append(detail, SLICE("the definition is too long"));
    else if (vhost->policy_count >= POLICIES_MAX &&
             policy_find(vhost, kind, settings->name) == NULL)
        text_append_format(detail, "limit of %d policies is reached", POLICIES_MAX);
}

/* --- policies of a vhost --- */

/* Without the types of queues to which one of its keys means nothing. */
static unsigned meant_targets(unsigned targets, enum policy_kind kind, struct slice definition) {
    struct amqp_table_iterator i = amqp_table_begin(definition);
    struct slice key;
    struct amqp_value value;
    while (amqp_table_next(&i, &key, &value)) {
        const struct queue_argument *row = find_key(key, kind);
        if (row != NULL)
            targets &= row->policy.types | TARGET_EXCHANGES;
    }
    return targets;
}

static struct policy *policy_create(struct vhost *vhost, enum policy_kind kind,
                                    const struct policy_settings *settings) {
    struct policy *policy = xcalloc(1, sizeof *policy + settings->name.len + settings->pattern.len +
                                           settings->definition.len + settings->apply_to.len);
    uint8_t *octets = (uint8_t *)(policy + 1);
    policy->vhost = vhost;
    policy->kind = kind;
    policy->name = place_slice(&octets, settings->name);
    policy->pattern_text = place_slice(&octets, settings->pattern);
    policy->definition = place_slice(&octets, settings->definition);
    policy->apply_to = place_slice(&octets, settings->apply_to);
    policy->targets = meant_targets(targets_of(settings->apply_to), kind, settings->definition);
    policy->priority = settings->priority;
    policy->pattern = pattern_compile(settings->pattern, NULL);
    list_init(&policy->link);
    return policy;
}

static void policy_destroy(struct policy *policy) {
    if (policy == NULL)
        return;
    pattern_destroy(policy->pattern);
    free(policy);
}

static bool comes_before(const struct policy *a, const struct policy *b) {
    return a->priority != b->priority ? a->priority > b->priority
                                      : slice_compare(a->name, b->name) < 0;
}

static void link_policy(struct policy *policy) {
    struct list *policies = &policy->vhost->policies[policy->kind];
    struct list *at = policies->next;
    while (at != policies && comes_before(LIST_ITEM(at, struct policy, link), policy))
        at = at->next;
    list_insert_before(at, &policy->link);
    policy->vhost->policy_count++;
}

static void unlink_policy(struct policy *policy) {
    if (policy == NULL)
        return;
    list_remove(&policy->link);
    policy->vhost->policy_count--;
}

struct policy *policy_find(const struct vhost *vhost, enum policy_kind kind, struct slice name) {
    LIST_FOR_EACH(&vhost->policies[kind], at) {
        struct policy *policy = LIST_ITEM(at, struct policy, link);
        if (slice_equal(policy->name, name))
            return policy;
    }
    return NULL;
}

/* --- which one is in force --- */

/* Policies of one kind that came and went. */
struct policy_change {
    enum policy_kind kind;
    bool is_of_many; /* which, nobody knows any more */
    const struct policy *removed;
    const struct policy *added;
};

static bool suits(const struct policy *policy, unsigned target, struct slice name) {
    return policy->targets & target && pattern_matches(policy->pattern, name);
}

static const struct policy *find_in_force(const struct vhost *vhost, enum policy_kind kind,
                                          unsigned target, struct slice name) {
    LIST_FOR_EACH(&vhost->policies[kind], at) {
        const struct policy *policy = LIST_ITEM(at, struct policy, link);
        if (suits(policy, target, name))
            return policy;
    }
    return NULL;
}

/*
 * Patterns are slow: where one policy changed, only it is asked whether it takes over, and only who loses
 * his asks the others.
 */
static const struct policy *in_force_after(const struct policy_change *change,
                                           const struct vhost *vhost, unsigned target,
                                           struct slice name, const struct policy *before) {
    if (change->is_of_many || (before != NULL && before == change->removed))
        return find_in_force(vhost, change->kind, target, name);
    if (change->added != NULL && (before == NULL || comes_before(change->added, before)) &&
        suits(change->added, target, name))
        return change->added;
    return before;
}

static struct slice definition_of(const struct policy *policy) {
    return policy == NULL ? slice_of(NULL, 0) : policy->definition;
}

static void change_queue(struct queue *queue, const struct policy_change *change) {
    const struct policy **in_force =
        change->kind == POLICY_ORDINARY ? &queue->policy : &queue->operator_policy;
    const struct policy *before = *in_force;
    *in_force = in_force_after(change, queue->vhost, queue->type, queue->name, before);
    if (*in_force == before)
        return;
    queue_set_features(queue, queue_args_features(&(struct queue_wishes){
                                  .arguments = queue->arguments,
                                  .policy = definition_of(queue->policy),
                                  .operator_policy = definition_of(queue->operator_policy),
                              }));
}

/* The default exchange has no alternate: RabbitMQ never asks for one. */
static void change_exchange(struct exchange *exchange, const struct policy_change *change) {
    struct amqp_value alternate;
    const struct policy *before = exchange->policy;
    if (change->kind != POLICY_ORDINARY || exchange_is_default(exchange))
        return;
    exchange->policy =
        in_force_after(change, exchange->vhost, TARGET_EXCHANGES, exchange->name, before);
    if (exchange->policy == before)
        return;
    exchange->vhost->routing_generation++;
    if (amqp_table_find(exchange->arguments, SLICE("alternate-exchange"), &alternate))
        return;
    exchange->alternate_exchange =
        amqp_table_find(definition_of(exchange->policy), SLICE("alternate-exchange"), &alternate)
            ? alternate.bytes
            : slice_of(NULL, 0);
}

static void apply_change(struct vhost *vhost, const struct policy_change *change) {
    struct queue *queue, *next_queue;
    struct exchange *exchange, *next_exchange;
    MAP_FOR_EACH(vhost->exchanges, by_name, exchange, next_exchange) {
        change_exchange(exchange, change);
    }
    MAP_FOR_EACH(vhost->queues, by_name, queue, next_queue) {
        change_queue(queue, change);
    }
}

static struct policy_change change_of_many(enum policy_kind kind) {
    return (struct policy_change){.kind = kind, .is_of_many = true};
}

void policies_apply_to_queue(struct queue *queue) {
    for (int kind = 0; kind < POLICY_KINDS; kind++) {
        const struct policy_change change = change_of_many((enum policy_kind)kind);
        if (queue->vhost->policy_count > 0)
            change_queue(queue, &change);
    }
}

void policies_apply_to_exchange(struct exchange *exchange) {
    const struct policy_change change = change_of_many(POLICY_ORDINARY);
    if (exchange->vhost->policy_count > 0)
        change_exchange(exchange, &change);
}

void policies_apply(struct vhost *vhost) {
    for (int kind = 0; kind < POLICY_KINDS; kind++) {
        const struct policy_change change = change_of_many((enum policy_kind)kind);
        apply_change(vhost, &change);
    }
}

/* --- changing them --- */

static void destroy_all(struct list *policies) {
    struct list *link;
    while ((link = list_take_first(policies)) != NULL)
        policy_destroy(LIST_ITEM(link, struct policy, link));
}

/* Objects borrow from what was replaced until the change is applied. */
static void apply_or_hold(struct vhost *vhost, const struct policy_change *change,
                          struct policy *replaced) {
    if (!vhost->broker->holds_policies) {
        apply_change(vhost, change);
        policy_destroy(replaced);
        return;
    }
    vhost->holds_policies[change->kind] = true;
    if (replaced != NULL)
        list_append(&vhost->replaced_policies, &replaced->link);
}

void policies_hold(struct broker *broker) {
    broker->holds_policies = true;
}

static void release(struct vhost *vhost) {
    for (int kind = 0; kind < POLICY_KINDS; kind++) {
        const struct policy_change change = change_of_many((enum policy_kind)kind);
        if (vhost->holds_policies[kind])
            apply_change(vhost, &change);
        vhost->holds_policies[kind] = false;
    }
    destroy_all(&vhost->replaced_policies);
}

void policies_release(struct broker *broker) {
    struct vhost *vhost, *next_vhost;
    broker->holds_policies = false;
    MAP_FOR_EACH(broker->vhosts, by_name, vhost, next_vhost) {
        release(vhost);
    }
}

static struct policy_settings with_defaults(const struct policy_settings *settings) {
    struct policy_settings complete = *settings;
    if (complete.apply_to.len == 0)
        complete.apply_to = SLICE("all");
    return complete;
}

bool policy_set(struct vhost *vhost, enum policy_kind kind, const struct policy_settings *settings,
                struct refusal *refusal) {
    struct policy_settings complete = with_defaults(settings);
    struct text detail = {0};
    check_sizes(vhost, kind, &complete, &detail);
    if (detail.len == 0)
        check_settings(&complete, kind, &detail);
    if (detail.len > 0) {
        refuse_policy(refusal, &detail);
        text_clear(&detail);
        return false;
    }
    struct policy *replaced = policy_find(vhost, kind, complete.name);
    struct policy *policy = policy_create(vhost, kind, &complete);
    unlink_policy(replaced);
    link_policy(policy);
    store_put_policy(policy);
    apply_or_hold(vhost, &(struct policy_change){kind, .removed = replaced, .added = policy},
                  replaced);
    return true;
}

bool policy_clear(struct vhost *vhost, enum policy_kind kind, struct slice name) {
    struct policy *policy = policy_find(vhost, kind, name);
    if (policy == NULL)
        return false;
    unlink_policy(policy);
    store_delete_policy(policy);
    apply_or_hold(vhost, &(struct policy_change){kind, .removed = policy}, policy);
    return true;
}

/* --- the definition in force --- */

static const struct amqp_value *find_in(struct slice table, struct slice key,
                                        struct amqp_value *value) {
    return amqp_table_find(table, key, value) ? value : NULL;
}

void policy_put_effective(const struct queue *queue, struct amqp_table_builder *builder) {
    struct slice policy = definition_of(queue->policy);
    struct slice operator_policy = definition_of(queue->operator_policy);
    for (size_t i = 0; i < queue_argument_count; i++) {
        const struct queue_argument *row = &queue_arguments[i];
        struct slice key = queue_argument_policy_key(row);
        struct amqp_value first, second;
        if (row->policy.noun == NULL)
            continue;
        const struct amqp_value *value =
            queue_argument_choose(row->policy.with_operator, find_in(policy, key, &first),
                                  find_in(operator_policy, key, &second));
        if (value != NULL)
            amqp_table_put_value(builder, key, value);
    }
}

/* --- recovery, and the end --- */

bool policy_restore(struct vhost *vhost, enum policy_kind kind,
                    const struct policy_settings *settings) {
    struct policy *policy = policy_create(vhost, kind, settings);
    if (policy->pattern == NULL || targets_of(settings->apply_to) == 0) {
        policy_destroy(policy);
        return false;
    }
    link_policy(policy);
    return true;
}

void policies_init(struct vhost *vhost) {
    for (int kind = 0; kind < POLICY_KINDS; kind++)
        list_init(&vhost->policies[kind]);
    list_init(&vhost->replaced_policies);
}

void policies_forget(struct vhost *vhost) {
    for (int kind = 0; kind < POLICY_KINDS; kind++) {
        LIST_FOR_EACH(&vhost->policies[kind], at)
        store_delete_policy(LIST_ITEM(at, struct policy, link));
    }
}

void policies_clear(struct vhost *vhost) {
    for (int kind = 0; kind < POLICY_KINDS; kind++)
        destroy_all(&vhost->policies[kind]);
    destroy_all(&vhost->replaced_policies);
}
