/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual host: a name space of exchanges, queues and bindings, and the entity side of declare,
 * delete, bind and unbind with RabbitMQ's checks in RabbitMQ's order (compat 2.3 - 2.7). Permission
 * checks come before these and belong to the caller.
 *
 * Deleting works through lists, never by recursion: a queue or exchange takes its bindings along, an
 * auto-delete exchange that lost its last outgoing binding follows.
 */
#ifndef LEVERET_BROKER_ENTITIES_VHOST_H
#define LEVERET_BROKER_ENTITIES_VHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/map.h"
#include "broker/entities/binding.h"
#include "broker/entities/generated_name.h"
#include "broker/entities/policy.h"
#include "broker/entities/refusal.h"

/* Declaring, deleting, binding and unbinding by name are in declare.c, the rest in vhost.c. */

struct broker;
struct exchange;
struct queue;

/* What administrators say about a vhost. Slices are borrowed, and copied by vhost_set_metadata(). */
struct vhost_metadata {
    struct slice description;
    struct slice tags;               /* separated by commas */
    struct slice default_queue_type; /* of declarations without x-queue-type; empty: the node's */
    bool protected_from_deletion;    /* administrators must lift that first */
    bool tracing; /* what is published and delivered goes to amq.rabbitmq.trace too (trace.h);
                     not durable, as in RabbitMQ */
};

/* RabbitMQ's: negative means no limit, 0 none at all. */
struct vhost_limits {
    int64_t max_connections;
    int64_t max_queues;
};

struct vhost {
    struct broker *broker;
    struct slice name;              /* owned */
    struct vhost_metadata metadata; /* owned texts */
    struct vhost_limits limits;
    uint32_t connection_count; /* open ones */
    size_t references;         /* see vhost_unref() */
    struct list permissions;   /* link: vhost_link (permission.h) */
    struct list policies[POLICY_KINDS];
    size_t policy_count;               /* of all kinds */
    struct list replaced_policies;     /* during policies_hold(): objects still borrow from them */
    bool holds_policies[POLICY_KINDS]; /* some were changed since, to be applied */
    UT_hash_handle by_name;
    struct exchange *exchanges; /* maps by name; see base/map.h */
    struct queue *queues;
    struct queue *reply_queues; /* direct reply-to pseudo queues, never listed */
    struct binding *bindings;   /* by identity */
    struct exchange *default_exchange;
    struct route_memory *route_memory; /* owned; NULL before the first use (route_memory.h) */
    struct list doomed_exchanges; /* being deleted, see vhost_remove_exchange(); link: work_link */
    uint64_t routing_generation;  /* moves on whenever any routing result could change */
    struct rate_window *rates;    /* owned; NULL until somebody asks for rates (base/rate.h) */
};

/* With the predeclared exchanges of compat 2.8. Use broker_add_vhost(). */
struct vhost *vhost_create(struct broker *broker, struct slice name);
void vhost_destroy(struct vhost *vhost);

/*
 * A queue may outlive its vhost: messages of it are still unsettled, or on their way from disk. It keeps
 * the struct, which then has nothing in it any more.
 */
void vhost_ref(struct vhost *vhost);
void vhost_unref(struct vhost *vhost);

/* Whether declarations can have this default type: one that there is, or none ("", "undefined"). */
bool vhost_queue_type_is_known(struct slice name);

/* Durable changes of what administrators said (vhost_metadata.c). */
void vhost_set_metadata(struct vhost *vhost, const struct vhost_metadata *metadata);
void vhost_metadata_clear(struct vhost_metadata *metadata);
void vhost_set_limits(struct vhost *vhost, struct vhost_limits limits);

/*
 * Deletes the vhost with everything in it, durably and at once. Its connections are closed: use
 * forced_close_vhost() (protocol/forced_close.h).
 */
void vhost_delete(struct vhost *vhost);

/* NULL when missing. The name "" is the default exchange. */
struct exchange *vhost_find_exchange(const struct vhost *vhost, struct slice name);
struct queue *vhost_find_queue(const struct vhost *vhost, struct slice name);
/* Also finds direct reply-to pseudo queues: what the default exchange routes to. */
struct queue *vhost_find_destination(const struct vhost *vhost, struct slice name);

/* Into the maps, under a name that is not there yet. The vhost owns them from now on. */
void vhost_add_exchange(struct vhost *vhost, struct exchange *exchange);
void vhost_add_queue(struct vhost *vhost, struct queue *queue);

struct exchange_declaration {
    struct slice name; /* CR and LF already removed, see entity_name_clean() */
    struct slice type;
    struct slice arguments;
    bool passive;
    bool durable;
    bool auto_delete;
    bool internal;
};

/* NULL when refused. Compat 2.3: unknown type, default exchange, equivalence, reserved name, ... */
struct exchange *vhost_declare_exchange(struct vhost *vhost,
                                        const struct exchange_declaration *declaration,
                                        struct refusal *refusal);

/* Compat 2.4. A missing exchange is success. */
bool vhost_delete_exchange(struct vhost *vhost, struct slice name, bool if_unused,
                           struct refusal *refusal);

/* Takes the exchange and its bindings away without any check, and auto-delete sources after it. */
void vhost_remove_exchange(struct exchange *exchange);

struct queue_declaration {
    struct slice name; /* cleaned; empty: the broker makes an amq.gen- name */
    struct slice arguments;
    bool passive;
    bool durable;
    bool exclusive;
    bool auto_delete;
    const void *connection; /* identity of the declaring connection */
    /* For an empty name: from vhost_generate_queue_name(), when it had to be known before. */
    struct slice generated_name;
};

/* An amq.gen- name that is free; in `buffer`. */
struct slice vhost_generate_queue_name(const struct vhost *vhost, char buffer[GENERATED_NAME_MAX]);

/*
 * NULL when refused. Compat 2.6. `ret_created` tells a new queue from one that existed; the caller
 * links a new exclusive queue into its connection's list.
 */
struct queue *vhost_declare_queue(struct vhost *vhost, const struct queue_declaration *declaration,
                                  bool *ret_created, struct refusal *refusal);

/*
 * Compat 2.7: a missing queue is success with 0. if-empty is tested before if-unused.
 */
bool vhost_delete_queue(struct vhost *vhost, struct slice name, const void *connection,
                        bool if_unused, bool if_empty, size_t *ret_message_count,
                        struct refusal *refusal);

/* Takes the queue and its bindings away without any check. */
void vhost_remove_queue(struct queue *queue);

/* A hidden queue for direct reply-to under its full name; removed with vhost_remove_queue(). */
struct queue *vhost_add_reply_queue(struct vhost *vhost, struct slice name);

struct binding_request {
    struct slice source;
    struct slice destination;
    bool destination_is_queue;
    struct slice binding_key;
    struct slice arguments;
    const void *connection;
};

/* Compat 2.5, checks 1, 3, 6, 7 and 8. */
bool vhost_bind(struct vhost *vhost, const struct binding_request *request,
                struct refusal *refusal);
bool vhost_unbind(struct vhost *vhost, const struct binding_request *request,
                  struct refusal *refusal);

/*
 * The name without CR and LF octets (RabbitMQ removes them from declared, bound and deleted names).
 * Without any it returns `name` itself; otherwise it writes into `buffer` of 255 octets.
 */
struct slice entity_name_clean(struct slice name, uint8_t *buffer);

/* True for names of direct reply-to: amq.rabbitmq.reply-to and amq.rabbitmq.reply-to.* */
bool entity_name_is_direct_reply(struct slice name);

#endif
