/* SPDX-License-Identifier: Apache-2.0 */
/* Queues in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_QUEUES_H
#define LEVERET_BROKER_MANAGEMENT_QUEUES_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route queue_routes[];
extern const struct api_resource queue_resource; /* objects are struct queue */

#endif
