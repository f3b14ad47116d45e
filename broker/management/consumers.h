/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_CONSUMERS_H
#define LEVERET_BROKER_MANAGEMENT_CONSUMERS_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route consumer_routes[];
extern const struct api_resource consumer_resource; /* objects are struct channel_consumer */

#endif
