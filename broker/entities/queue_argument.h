/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of the arguments and policy keys RabbitMQ knows of a queue: for which queue types, what
 * values they may have, how a redeclare compares them, how the values of argument, policy and operator
 * policy make one, and where it goes (compat 3.1, 3.6). It is in the order in which RabbitMQ compares
 * the arguments of a classic queue, so that the first difference reported is RabbitMQ's. To add one:
 * a row, a field in struct queue_features, and who acts upon it.
 *
 * For queue_args.c, which checks and reads arguments, and policy.c.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_ARGUMENT_H
#define LEVERET_BROKER_ENTITIES_QUEUE_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/slice.h"
#include "broker/entities/inequivalence.h"
#include "broker/entities/queue_args.h"

struct amqp_value;
struct text;

/* Appends why the value is not acceptable; appends nothing when it is. */
typedef void check_value(const struct amqp_value *value, struct slice arguments,
                         struct text *reason);

/* As equivalent_argument(). */
typedef bool compare_argument(const struct declared_entity *entity, const char *key,
                              struct slice received_table, struct slice current_table,
                              struct refusal *refusal);

/* Takes a value that was checked, or does nothing when its type is wrong. */
typedef void read_value(struct queue_features *features, const struct amqp_value *value);

/* Which of two values counts. */
enum value_choice {
    CHOOSE_FIRST,
    CHOOSE_SECOND,
    CHOOSE_SMALLER,
    CHOOSE_GREATER,
    CHOOSE_LIMIT, /* the smaller, unless one is negative: that is no limit */
};

/* The policy key is the argument's without its x-. */
struct policy_key {
    const char *noun;   /* of the refusal: `3 is not a valid message TTL`; NULL: no policy key */
    check_value *check; /* often more lenient than that of the argument */
    unsigned types; /* enum queue_type: a policy with the key means nothing to queues of others */
    bool is_for_operators;
    enum value_choice with_operator; /* the policy's first, the operator policy's second */
    enum value_choice with_argument; /* the argument's first, the policies' second */
    enum value_choice with_quorum_argument;
};

struct queue_argument {
    const char *key; /* with its x- also when only a policy can have it */
    unsigned types;  /* enum queue_type: where the argument belongs; 0: a policy key only */
    check_value *check;
    compare_argument *compare; /* on redeclare; NULL: not compared */
    read_value *read;          /* NULL: without effect */
    struct policy_key policy;
};

extern const struct queue_argument queue_arguments[];
extern const size_t queue_argument_count;

/* NULL when nobody knows it. */
const struct queue_argument *queue_argument_find(const char *key);

/* The key in policies: message-ttl. */
static inline struct slice queue_argument_policy_key(const struct queue_argument *row) {
    return slice_from_text(row->key + 2);
}

/* The one of two values, either of which may be NULL; NULL when both are. */
const struct amqp_value *queue_argument_choose(enum value_choice choice,
                                               const struct amqp_value *first,
                                               const struct amqp_value *second);

#endif
