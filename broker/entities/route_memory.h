/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remembers where keys of topic exchanges led to, so that a publisher whose key differs from message
 * to message does not walk the trie for keys that were seen before. What is remembered holds while
 * vhost->routing_generation stands still. One for each vhost, made with the first key; its size is
 * fixed, and a key that finds its place taken drives out an older one.
 */
#ifndef LEVERET_BROKER_ENTITIES_ROUTE_MEMORY_H
#define LEVERET_BROKER_ENTITIES_ROUTE_MEMORY_H

#include <stdbool.h>

#include "amqp/slice.h"

/* Octets of address space; pages are taken as keys are remembered. */
#define ROUTE_MEMORY_SIZE (2u << 20)

struct exchange;
struct route;
struct route_memory;

/*
 * Replaces the route's result by the remembered one of a message that has nothing but its key to route
 * by. False when there is none: nothing was changed, and route_message() must find it.
 */
bool route_recall(const struct exchange *exchange, struct slice key, struct route *route);

/* The result of route_message() for that key. Does nothing with one that cannot be remembered. */
void route_remember(const struct exchange *exchange, struct slice key, const struct route *route);

/* NULL is allowed. */
void route_memory_destroy(struct route_memory *memory);

#endif
