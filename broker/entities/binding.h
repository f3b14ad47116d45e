/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A binding joins a source exchange to a destination queue or exchange under a binding key and
 * arguments. Its identity is all four (arguments compared after sorting by key, with types), so binding
 * again is a no-op. It is linked at both ends and goes with either.
 */
#ifndef LEVERET_BROKER_ENTITIES_BINDING_H
#define LEVERET_BROKER_ENTITIES_BINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/map.h"
#include "broker/entities/refusal.h"

struct exchange;
struct queue;

/* Exactly one of the two is set. */
struct binding_destination {
    struct queue *queue;
    struct exchange *exchange;
};

struct binding {
    struct exchange *source;
    struct binding_destination destination;
    struct slice binding_key;     /* points into `identity` */
    struct slice arguments;       /* owned, as the client sent them */
    struct slice identity;        /* owned; octets that are equal exactly for equal bindings */
    UT_hash_handle by_identity;   /* in vhost->bindings */
    struct list source_link;      /* in source->bindings */
    struct list destination_link; /* in the destination's list */
    struct list type_link;        /* for the exchange type's index */
    void *type_node;              /* for the exchange type's index, as is what follows */
    void *type_block;
    uint32_t type_slot;
};

/* What the exchange type says to such a binding: false with 406 when it refuses it. */
bool binding_check(const struct exchange *source, struct binding_destination destination,
                   struct slice binding_key, struct slice arguments, struct refusal *refusal);

/*
 * Binds, or finds the binding there already. The caller has made sure that both ends exist and that
 * the source is not the default exchange. False with 406 as binding_check() has it.
 */
bool binding_add(struct exchange *source, struct binding_destination destination,
                 struct slice binding_key, struct slice arguments, struct refusal *refusal);

/* NULL when there is no such binding. */
struct binding *binding_find(struct exchange *source, struct binding_destination destination,
                             struct slice binding_key, struct slice arguments);

/*
 * Unlinks and frees. When that was the last outgoing binding of an auto-delete exchange, the exchange
 * is deleted too, and so on up the chain (no recursion: vhost_delete_exchange works through a list).
 */
void binding_remove(struct binding *binding);

/*
 * The same, but an auto-delete exchange that lost its last outgoing binding is returned for the caller
 * to delete; NULL when there is none. For those who delete many and keep a list.
 */
struct exchange *binding_unlink(struct binding *binding);

#endif
