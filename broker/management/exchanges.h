/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_EXCHANGES_H
#define LEVERET_BROKER_MANAGEMENT_EXCHANGES_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route exchange_routes[];
extern const struct api_resource exchange_resource; /* objects are struct exchange */

#endif
