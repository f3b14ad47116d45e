/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_VHOSTS_H
#define LEVERET_BROKER_MANAGEMENT_VHOSTS_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route vhost_routes[];
extern const struct api_resource vhost_resource; /* objects are struct vhost */

#endif
