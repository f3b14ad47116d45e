/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which queues get a message: exchange-to-exchange bindings (each exchange visited once, cycles end),
 * CC and BCC keys, alternate exchanges, each queue once. A work list, no recursion.
 *
 * A route keeps its result, so that a channel that publishes to the same exchange with the same key
 * again need not route again while vhost->routing_generation stands still (see publish.c).
 */
#ifndef LEVERET_BROKER_ENTITIES_ROUTE_H
#define LEVERET_BROKER_ENTITIES_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"

struct binding;
struct exchange;
struct message;
struct queue;

/* What routing looks at. Slices are borrowed for the call. */
struct route_request {
    struct slice routing_key;
    struct slice headers; /* table octets, data NULL when the message has none */
    struct slice cc;      /* array octets of the CC header, data NULL when absent */
    struct slice bcc;
    struct message *message; /* for the types that look closer or keep it; NULL: there is none */
};

struct route {
    struct queue *
        *queues; /* owned array, borrowed queues: valid within the tick or while current */
    size_t count;
    size_t capacity;
    bool memoisable;     /* depends on exchange and routing key only */
    uint64_t mark;       /* this routing's number, set on queues and exchanges already picked */
    uint64_t generation; /* vhost->routing_generation the result belongs to */
    struct list work;    /* exchanges still to visit */
    uint64_t held_lsn;   /* what an exchange kept of the message depends on it; 0: nothing */
    bool matched;        /* the exchange being visited has a destination, maybe one picked before */
    bool is_held;        /* by an exchange, which routes it later; of route_message() only */
};

void route_init(struct route *route);
void route_clear(struct route *route);

/* Address, headers, CC keys and hidden BCC keys of a message that comes from inside the broker. */
struct route_request route_request_of(struct message *message);

/* Replaces the route's result by the destinations of a message published to `exchange`. */
void route_message(struct route *route, struct exchange *exchange,
                   const struct route_request *request);

/* Replaces the route's result by one that is known already and depends on keys only. */
void route_set(struct route *route, struct queue *const *queues, size_t count);

/* For exchange types: the binding matches. Adds its queue, or its exchange to the work list. */
void route_to_binding(struct route *route, const struct binding *binding);

/* For exchange types: this result is for the one message only, because it depends on more than keys. */
static inline void route_depends_on_message(struct route *route) {
    route->memoisable = false;
}

/* For the default exchange: adds the queue unless the route has it already. */
void route_to_queue(struct route *route, struct queue *queue);

#endif
