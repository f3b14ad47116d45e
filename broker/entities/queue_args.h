/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x-arguments of queue.declare: which are known, what they may be, what they ask for, and when two
 * sets of them mean the same queue (compat 3.1). Arguments nobody knows are accepted and stored, as in
 * RabbitMQ.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_ARGS_H
#define LEVERET_BROKER_ENTITIES_QUEUE_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/entities/refusal.h"

struct queue;
struct queue_declaration;
struct vhost;

/* Each a bit, so that a set of types is a number. */
enum queue_type { QUEUE_CLASSIC = 1, QUEUE_QUORUM = 2, QUEUE_STREAM = 4 };

/* 0, 1 or 2. */
static inline unsigned queue_type_index(enum queue_type type) {
    return type / 2;
}

/* RabbitMQ's word for it: "quorum", and the module its error texts name: "rabbit_quorum_queue". */
const char *queue_type_name(enum queue_type type);
const char *queue_type_module(enum queue_type type);

/* 0 for a type nobody has. "" and "undefined" stand for no type, which is classic. */
unsigned queue_type_named(struct slice name);

enum queue_overflow {
    QUEUE_OVERFLOW_DROP_HEAD,
    QUEUE_OVERFLOW_REJECT_PUBLISH,
    QUEUE_OVERFLOW_REJECT_PUBLISH_DLX,
};

/* Which of the messages that come back to a quorum queue have to wait before they are ready again. */
enum queue_delayed_retry {
    QUEUE_DELAYED_RETRY_DISABLED,
    QUEUE_DELAYED_RETRY_FAILED,
    QUEUE_DELAYED_RETRY_RETURNED,
    QUEUE_DELAYED_RETRY_ALL,
};

/* RabbitMQ's since 4.0. */
#define QUEUE_DELIVERY_LIMIT_DEFAULT 20

/* RabbitMQ's limits for streams. */
#define STREAM_SEGMENT_SIZE_MAX INT64_C(3000000000)
#define STREAM_FILTER_SIZE_MIN  16
#define STREAM_FILTER_SIZE_MAX  255

/* What a queue does beyond keeping messages in order. A number below 0 means no limit. */
struct queue_features {
    int64_t message_ttl_ms;
    int64_t expires_ms;
    int64_t max_length;
    int64_t max_length_bytes;
    int64_t max_priority; /* 0: one level, that is no priorities */
    enum queue_overflow overflow;
    bool single_active_consumer;
    struct slice dead_letter_exchange;    /* data NULL: none; both are owned */
    struct slice dead_letter_routing_key; /* data NULL: the message's own keys */
    /* Of quorum queues only: */
    int64_t delivery_limit;
    bool dead_letter_at_least_once;
    int64_t consumer_timeout_ms; /* below 0: the node's */
    enum queue_delayed_retry delayed_retry;
    int64_t delayed_retry_min_ms; /* below 0: none */
    int64_t delayed_retry_max_ms; /* below 0: none */
    size_t holders;               /* beside the one who made them */
};

/* The type that the arguments name; classic when they name none, or a bad one. */
enum queue_type queue_args_type(struct slice arguments);

struct amqp_table_builder;

/*
 * The arguments with x-queue-type added when they name no type and the vhost's or node's default is
 * another than classic and can have these flags (compat 2.6). The result is in `builder`, or is
 * what was given.
 */
struct slice queue_args_with_default_type(const struct vhost *vhost,
                                          const struct queue_declaration *declaration,
                                          struct amqp_table_builder *builder);

/* RabbitMQ's step 1: the broker gives names to classic queues only. */
bool queue_args_check_server_named(struct slice arguments, struct refusal *refusal);

/* For a queue that is about to be created. False with 406 `invalid arg 'K' for queue ...`. */
bool queue_args_check(const struct vhost *vhost, struct slice queue_name, struct slice arguments,
                      struct refusal *refusal);

/* Whether a queue of the type asked for can be had, and with these flags. */
bool queue_args_check_type(const struct vhost *vhost, struct slice queue_name,
                           const struct queue_declaration *declaration, struct refusal *refusal);

/* What decides how a queue behaves; empty tables say nothing. */
struct queue_wishes {
    struct slice arguments;
    struct slice policy; /* definitions of the policies in force, see policy.h */
    struct slice operator_policy;
};

/*
 * What is wished; NULL when nothing is wished of a classic queue. Arguments of a wrong type count as
 * absent. The caller and everybody who holds them lets go of them once; NULL is allowed there.
 */
struct queue_features *queue_args_features(const struct queue_wishes *wishes);
struct queue_features *queue_features_hold(struct queue_features *features);
void queue_features_release(struct queue_features *features);

/* For a declare of a queue that exists. False with 406 `inequivalent arg 'K' for queue ...`. */
bool queue_args_check_equivalent(const struct queue *queue, struct slice arguments,
                                 struct refusal *refusal);

#endif
