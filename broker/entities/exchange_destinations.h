/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distinct destinations of an exchange, sorted by kind and name, for the types that choose one of
 * them. Where they stand depends on nothing but their names: not on the order of binding, nor on
 * what was bound and unbound before. Each destination keeps the bindings that lead to it, oldest
 * first. Adding and removing cost a binary search and a move of pointers.
 */
#ifndef LEVERET_BROKER_ENTITIES_EXCHANGE_DESTINATIONS_H
#define LEVERET_BROKER_ENTITIES_EXCHANGE_DESTINATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/base/list.h"

struct binding;

struct exchange_destination {
    struct list bindings; /* never empty; link: type_link */
    uint64_t hash;        /* of kind and name, the same in every process */
    int weight;           /* for the type to keep */
};

/* Zero-initialised is empty. */
struct exchange_destinations {
    struct exchange_destination **items;
    size_t count;
    size_t capacity;
};

/* Uses the binding's type_link and type_node. */
void exchange_destinations_add(struct exchange_destinations *destinations, struct binding *binding);
/* True when other bindings still lead to that destination. */
bool exchange_destinations_remove(struct exchange_destinations *destinations,
                                  struct binding *binding);

/* Frees the array; every binding was removed. */
void exchange_destinations_clear(struct exchange_destinations *destinations);

/* The binding that speaks for the destination: the oldest. */
struct binding *exchange_destination_binding(const struct exchange_destination *destination);

#endif
