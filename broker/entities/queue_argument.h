/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of the arguments RabbitMQ knows of a queue: for which queue types, what values they may
 * have, how a redeclare compares them, and where their value goes (compat 3.1). It is in the order in
 * which RabbitMQ compares those of a classic queue, so that the first difference reported is
 * RabbitMQ's. To add one: a row, a field in struct queue_features, and who acts upon it.
 *
 * For queue_args.c, which does the checking and the reading.
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

struct queue_argument {
    const char *key;
    unsigned types; /* enum queue_type: where the argument belongs */
    check_value *check;
    compare_argument *compare; /* on redeclare; NULL: not compared */
    read_value *read;          /* NULL: without effect */
};

extern const struct queue_argument queue_arguments[];
extern const size_t queue_argument_count;

/* NULL when nobody knows it. */
const struct queue_argument *queue_argument_find(const char *key);

#endif
