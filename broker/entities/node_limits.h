/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many queues, exchanges and virtual hosts there may be in all: cluster_queue_limit,
 * cluster_exchange_limit and vhost_max (compat 4.5), which count for what is new, not for what recovery
 * finds. Each returns false with RabbitMQ's sentence when one more would be too many.
 */
#ifndef LEVERET_BROKER_ENTITIES_NODE_LIMITS_H
#define LEVERET_BROKER_ENTITIES_NODE_LIMITS_H

#include <stdbool.h>

#include "amqp/slice.h"

struct broker;
struct refusal;
struct vhost;

bool node_limits_allow_queue(const struct vhost *vhost, struct slice name, struct refusal *refusal);
/* Those that every virtual host has are counted too. */
bool node_limits_allow_exchange(const struct vhost *vhost, struct slice name,
                                struct refusal *refusal);
/* True for one that is there already. */
bool node_limits_allow_vhost(struct broker *broker, struct slice name, struct refusal *refusal);

#endif
