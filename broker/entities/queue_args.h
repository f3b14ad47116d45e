/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x-arguments of queue.declare: which are known, what they may be, what they ask for, and when two
 * sets of them mean the same queue (compat 3.1). Arguments nobody knows are accepted and stored, as in
 * RabbitMQ.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_ARGS_H
#define LEVERET_BROKER_ENTITIES_QUEUE_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/entities/refusal.h"

struct queue;
struct queue_declaration;
struct vhost;

enum queue_overflow {
    QUEUE_OVERFLOW_DROP_HEAD,
    QUEUE_OVERFLOW_REJECT_PUBLISH,
    QUEUE_OVERFLOW_REJECT_PUBLISH_DLX,
};

/* What a queue does beyond keeping messages in order. A number below 0 means no limit. */
struct queue_features {
    int64_t message_ttl_ms;
    int64_t expires_ms;
    int64_t max_length;
    int64_t max_length_bytes;
    int64_t max_priority; /* 0: one level, that is no priorities */
    enum queue_overflow overflow;
    bool single_active_consumer;
    struct slice dead_letter_exchange;    /* data NULL: none; both point into the arguments */
    struct slice dead_letter_routing_key; /* data NULL: the message's own keys */
};

/* RabbitMQ's step 1: the broker gives names to classic queues only. */
bool queue_args_check_server_named(struct slice arguments, struct refusal *refusal);

/* For a queue that is about to be created. False with 406 `invalid arg 'K' for queue ...`. */
bool queue_args_check(const struct vhost *vhost, struct slice queue_name, struct slice arguments,
                      struct refusal *refusal);

/* Whether a queue of the type asked for can be had, and with these flags. */
bool queue_args_check_type(const struct vhost *vhost, struct slice queue_name,
                           const struct queue_declaration *declaration, struct refusal *refusal);

/*
 * What the arguments ask for, in memory the caller frees, borrowing texts from them; NULL when they
 * ask for nothing. Values of a wrong type count as absent.
 */
struct queue_features *queue_args_features(struct slice arguments);

/* For a declare of a queue that exists. False with 406 `inequivalent arg 'K' for queue ...`. */
bool queue_args_check_equivalent(const struct queue *queue, struct slice arguments,
                                 struct refusal *refusal);

#endif
