/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Global runtime parameters: names with JSON texts that administrators keep in the broker (compat 4.4).
 * Two mean something: `cluster_name`, a JSON string, is what server properties and the API call the
 * cluster, and outranks the configuration; names that begin with `internal` are not exported. The value
 * is kept as it was written; whoever takes it from a client has checked that it is JSON.
 *
 * Runtime parameters of a vhost belong to a component. Those there are without plug-ins, policies and
 * limits, have their own homes; what shovel and federation would own is refused as RabbitMQ does
 * without these plug-ins.
 */
#ifndef LEVERET_BROKER_ENTITIES_GLOBAL_PARAMETER_H
#define LEVERET_BROKER_ENTITIES_GLOBAL_PARAMETER_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/base/map.h"
#include "broker/entities/refusal.h"

struct broker;

#define GLOBAL_PARAMETERS_MAX          1024
#define GLOBAL_PARAMETER_VALUE_LEN_MAX (64 * 1024)

struct global_parameter {
    UT_hash_handle by_name;
    struct slice name;  /* owned, behind the struct */
    struct slice value; /* owned */
};

/* Adds or replaces; false when the name or the value is too long or there are too many. */
bool global_parameter_set(struct broker *broker, struct slice name, struct slice value,
                          struct refusal *refusal);
/* False when there is none. */
bool global_parameter_clear(struct broker *broker, struct slice name);
struct global_parameter *global_parameter_find(const struct broker *broker, struct slice name);

/* What the broker is called from now on; durable. */
bool broker_set_cluster_name(struct broker *broker, struct slice name, struct refusal *refusal);

/* The end of the broker. */
void global_parameters_destroy(struct broker *broker);

#endif
