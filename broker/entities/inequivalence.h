/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redeclaring an entity that exists: what must agree, and the 406 that says what does not
 * (compat 2.3): `inequivalent arg 'K' for queue 'q' in vhost '/': received X but current is Y`.
 */
#ifndef LEVERET_BROKER_ENTITIES_INEQUIVALENCE_H
#define LEVERET_BROKER_ENTITIES_INEQUIVALENCE_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/entities/refusal.h"

/* The entity being declared, for the text. */
struct declared_entity {
    const char *kind; /* "queue" or "exchange" */
    struct slice name;
    struct slice vhost_name;
};

/* Each of these returns true when both agree, otherwise fills in the refusal and returns false. */
bool equivalent_flag(const struct declared_entity *entity, const char *key, bool received,
                     bool current, struct refusal *refusal);
bool equivalent_word(const struct declared_entity *entity, const char *key, struct slice received,
                     struct slice current, struct refusal *refusal);

/* The same for a word that is an Erlang atom to RabbitMQ: fanout shows as 'fanout', but x-random,
 * which is no plain word, has quotes of its own: ''x-random''. */
bool equivalent_atom(const struct declared_entity *entity, const char *key, struct slice received,
                     struct slice current, struct refusal *refusal);

/* The argument `key` of two tables. Integer tags are one class, f and d another. */
bool equivalent_argument(const struct declared_entity *entity, const char *key,
                         struct slice received_table, struct slice current_table,
                         struct refusal *refusal);

#endif
