/* SPDX-License-Identifier: Apache-2.0 */
/* Permissions and topic permissions in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_PERMISSIONS_H
#define LEVERET_BROKER_MANAGEMENT_PERMISSIONS_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route permission_routes[];

#endif
