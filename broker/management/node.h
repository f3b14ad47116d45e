/* SPDX-License-Identifier: Apache-2.0 */
/* The node in the API: overview, nodes, health checks, feature flags, names. */
#ifndef LEVERET_BROKER_MANAGEMENT_NODE_H
#define LEVERET_BROKER_MANAGEMENT_NODE_H

#include "broker/management/api.h"
#include "broker/management/node_figures.h"

extern const struct api_route overview_routes[];
extern const struct api_route node_routes[];
extern const struct api_route health_routes[];
extern const struct api_route feature_routes[];

struct feature_flag {
    const char *name;
    const char *description;
};

/* NULL beyond the last one. All of them are enabled. */
const struct feature_flag *feature_flag_at(size_t index);

/* Asks the program. */
struct node_figures node_figures_read(struct management *management);

#endif
