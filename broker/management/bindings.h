/* SPDX-License-Identifier: Apache-2.0 */
/* Bindings in the API, also those of one exchange or queue. */
#ifndef LEVERET_BROKER_MANAGEMENT_BINDINGS_H
#define LEVERET_BROKER_MANAGEMENT_BINDINGS_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route binding_routes[];

/*
 * Objects are struct listed_binding: the default exchange's bindings, one for each queue, exist in lists
 * only (compat 5.2).
 */
extern const struct api_resource binding_resource;

void bindings_collect_vhost(struct api_items *items, const struct vhost *vhost);

#endif
