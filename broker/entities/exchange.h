/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange and what its type does: binding keys in, destinations out.
 *
 * Each type is one file with one `struct exchange_type` (exchange_direct.c, ...). The exchange owns
 * its outgoing bindings' links; a type keeps whatever index it needs in `state`.
 */
#ifndef LEVERET_BROKER_ENTITIES_EXCHANGE_H
#define LEVERET_BROKER_ENTITIES_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/map.h"
#include "broker/entities/refusal.h"

struct binding;
struct binding_destination;
struct delayed_messages;
struct exchange;
struct message;
struct stored_message;
struct policy;
struct route;
struct route_request;
struct vhost;

/* What an exchange may keep, each with a place of its own in the journal (store.h). */
enum exchange_hold { EXCHANGE_HOLDS_DELAYED, EXCHANGE_HOLDS_HISTORY, EXCHANGE_HOLDS };

struct exchange_holding {
    uint64_t id; /* in the journal, 0 before anything was stored */
    uint64_t last_sequence;
};

struct exchange_type {
    const char *name;
    const char *description; /* for people */
    bool uses_headers; /* routing depends on more than exchange and routing key: not memoised */
    bool ignores_routing_key; /* routed once per message, not for each CC and BCC key too */
    /* What the type says to the arguments of a new exchange (2.9). NULL: everything goes. */
    bool (*check_arguments)(struct slice arguments, struct refusal *refusal);
    /* For a type that leaves routing to the one its arguments name; NULL: it routes itself. */
    const struct exchange_type *(*routing_type)(struct slice arguments);
    /* Allocates exchange->state; NULL function when the type needs none. */
    void (*open)(struct exchange *exchange);
    void (*close)(struct exchange *exchange);
    /* Type rules for a new binding (2.9). NULL: everything goes. */
    bool (*check_binding)(const struct exchange *exchange,
                          const struct binding_destination *destination, struct slice binding_key,
                          struct slice arguments, struct refusal *refusal);
    /* Keep the type's index; NULL when it has none. Bindings are in exchange->bindings anyway. */
    void (*add_binding)(struct exchange *exchange, struct binding *binding);
    void (*remove_binding)(struct exchange *exchange, struct binding *binding);
    /*
     * Sees each message before it is routed; true: the exchange keeps it and routes it later, and
     * raises route->held_lsn to what its confirm depends on.
     */
    bool (*take)(struct exchange *exchange, const struct route_request *request,
                 struct route *route);
    /*
     * Recovery: a message that the exchange kept, in the order of the sequences; takes the
     * reference. `waited_ms` is how long ago it was stored. NULL for types that keep nothing.
     */
    void (*restore)(struct exchange *exchange, struct message *message, uint64_t sequence,
                    int64_t waited_ms);
    /* The same for a type that reads its messages when it wants them. NULL: `restore`. */
    void (*restore_away)(struct exchange *exchange, struct stored_message *stored,
                         uint64_t sequence, int64_t left_ms);
    /* Calls route_to_binding() for every binding that matches `routing_key` (at most 255 octets). */
    void (*route)(struct exchange *exchange, struct slice routing_key,
                  const struct route_request *request, struct route *route);
};

struct exchange {
    struct vhost *vhost;
    struct slice name;               /* owned, as is `arguments` */
    struct slice arguments;          /* table octets as the client sent them */
    struct slice alternate_exchange; /* of `arguments`, else of `policy`; data NULL when none */
    const struct policy *policy;     /* in force, NULL when none; see policy.h */
    UT_hash_handle by_name;
    const struct exchange_type *type;
    const struct exchange_type *routing_type; /* decides about bindings and routes; mostly `type` */
    void *state;                              /* of routing_type */
    struct delayed_messages *delayed;         /* of x-delayed-message, otherwise NULL */
    struct exchange_holding held[EXCHANGE_HOLDS];
    bool durable;
    bool auto_delete;
    bool internal;
    bool deleted;
    struct list bindings;             /* of which this is the source; link: source_link */
    struct list destination_bindings; /* of which this is the destination; link: destination_link */
    struct list work_link;            /* on the work list of a route or of an auto-delete cascade */
    uint64_t route_mark;              /* last route that visited this exchange */
    uint64_t published_in_count;
    uint64_t published_out_count;
    struct rate_window *rates; /* owned; NULL until somebody asks for rates (base/rate.h) */
};

/* The type of that name, NULL when there is none. The table of types is in exchange.c. */
const struct exchange_type *exchange_type_find(struct slice name);

/* The one at that place of the table; NULL behind the last. */
const struct exchange_type *exchange_type_at(size_t index);

extern const struct exchange_type exchange_type_direct;
extern const struct exchange_type exchange_type_fanout;
extern const struct exchange_type exchange_type_topic;
extern const struct exchange_type exchange_type_headers;
extern const struct exchange_type exchange_type_consistent_hash;
extern const struct exchange_type exchange_type_modulus_hash;
extern const struct exchange_type exchange_type_random;
extern const struct exchange_type exchange_type_local_random;
extern const struct exchange_type exchange_type_recent_history;
extern const struct exchange_type exchange_type_delayed_message;
extern const struct exchange_type exchange_type_default; /* also named direct; not declarable */

/*
 * Use vhost_declare_exchange() to make one that clients can see; name and arguments are copied. NULL when
 * there is no memory for the arguments.
 */
struct exchange *exchange_create(struct vhost *vhost, struct slice name,
                                 const struct exchange_type *type, struct slice arguments);

/*
 * Recovery: a message that it held, in the order of the sequences. Takes the reference. Dropped when
 * the type is none that holds such.
 */
void exchange_restore(struct exchange *exchange, enum exchange_hold hold, struct message *message,
                      uint64_t sequence, int64_t waited_ms);

/* False when the exchange wants exchange_restore(): the message itself. `left_ms` until it is due. */
bool exchange_restore_away(struct exchange *exchange, enum exchange_hold hold,
                           struct stored_message *stored, uint64_t sequence, int64_t left_ms);

/* Frees; bindings were removed and the vhost has forgotten it. */
void exchange_destroy(struct exchange *exchange);

static inline bool exchange_is_default(const struct exchange *exchange) {
    return exchange->name.len == 0;
}

#endif
