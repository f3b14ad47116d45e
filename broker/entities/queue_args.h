/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x-arguments of queue.declare: which are known, what they may be, and when two sets of them
 * mean the same queue (compat 3.1). Arguments nobody knows are accepted and stored, as in RabbitMQ.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_ARGS_H
#define LEVERET_BROKER_ENTITIES_QUEUE_ARGS_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/entities/refusal.h"

struct queue;
struct vhost;

/* For a queue that is about to be created. False with 406 `invalid arg 'K' for queue ...`. */
bool queue_args_check(const struct vhost *vhost, struct slice queue_name, struct slice arguments,
                      struct refusal *refusal);

/* For a declare of a queue that exists. False with 406 `inequivalent arg 'K' for queue ...`. */
bool queue_args_check_equivalent(const struct queue *queue, struct slice arguments,
                                 struct refusal *refusal);

#endif
