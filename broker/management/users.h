/* SPDX-License-Identifier: Apache-2.0 */
/* Users in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_USERS_H
#define LEVERET_BROKER_MANAGEMENT_USERS_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route user_routes[];
extern const struct api_resource user_resource; /* objects are struct user */

#endif
