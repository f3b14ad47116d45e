/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies and operator policies (compat 3.6): what administrators wish of the queues and exchanges
 * whose names match a pattern, beside what clients ask for in arguments.
 *
 * One policy and one operator policy are in force for an object: of those that apply to its kind and
 * mean something to its type in every key, and whose pattern is found in its name, the one with the
 * highest priority (of equals the first by name). How the values of argument, policy and operator
 * policy make one is a column of the table in queue_argument.c. A change takes effect at once on
 * everything that exists; messages keep the deadline they got when they were published.
 *
 * A definition is a field table: JSON's strings are `S`, integers `l`, floats `d`, lists `A`, as in
 * definitions files (compat 4.4).
 *
 * Policies are owned by their vhost and durable; a pointer to one is good until the next change.
 */
#ifndef LEVERET_BROKER_ENTITIES_POLICY_H
#define LEVERET_BROKER_ENTITIES_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/entities/refusal.h"

struct amqp_table_builder;
struct broker;
struct exchange;
struct pattern;
struct queue;
struct vhost;

/* RabbitMQ's parameter components "policy" and "operator_policy". */
enum policy_kind { POLICY_ORDINARY, POLICY_OF_OPERATOR, POLICY_KINDS };

/* Many patterns make declaring slow; a large definition makes nothing but a large record. */
#define POLICIES_MAX              4096
#define POLICY_DEFINITION_LEN_MAX (64 * 1024)

struct policy {
    struct list link; /* in vhost->policies[kind]: highest priority first, then by name */
    struct vhost *vhost;
    enum policy_kind kind;
    struct slice name; /* owned, behind the struct, as are the other texts */
    struct slice pattern_text;
    struct slice definition;
    struct slice apply_to; /* all, queues, exchanges, classic_queues, quorum_queues, streams */
    unsigned targets;      /* the same as bits */
    int64_t priority;
    struct pattern *pattern;
};

struct policy_settings {
    struct slice name;
    struct slice pattern;
    struct slice definition;
    struct slice apply_to; /* empty: all */
    int64_t priority;
};

/*
 * Adds the policy or replaces the one of that name, durably, and applies it. False with RabbitMQ's
 * `Validation failed`, an empty line and the detail.
 */
bool policy_set(struct vhost *vhost, enum policy_kind kind, const struct policy_settings *settings,
                struct refusal *refusal);

/* Durably; what it changed is restored. False when there is none of that name. */
bool policy_clear(struct vhost *vhost, enum policy_kind kind, struct slice name);

/* NULL when there is none. */
struct policy *policy_find(const struct vhost *vhost, enum policy_kind kind, struct slice name);

/* A new queue or exchange gets what is in force for it. */
void policies_apply_to_queue(struct queue *queue);
void policies_apply_to_exchange(struct exchange *exchange);

/*
 * Between the two, policies that are set or cleared wait, to be applied all at once: an import brings
 * thousands, and each by itself would look at every object. What exists keeps what was in force for it;
 * what is declared meanwhile gets the new ones.
 */
void policies_hold(struct broker *broker);
void policies_release(struct broker *broker);

/* The keys in force for the queue, from both kinds of policies, as the API shows them. */
void policy_put_effective(const struct queue *queue, struct amqp_table_builder *builder);

/* Recovery: one that was stored, without applying it yet; then all of a vhost at once. */
bool policy_restore(struct vhost *vhost, enum policy_kind kind,
                    const struct policy_settings *settings);
void policies_apply(struct vhost *vhost);

void policies_init(struct vhost *vhost);
/* The vhost is deleted for good: takes them out of the journal. Its queues may still borrow from them. */
void policies_forget(struct vhost *vhost);
/* Frees them, after the queues. */
void policies_clear(struct vhost *vhost);

#endif
