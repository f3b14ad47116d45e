/* SPDX-License-Identifier: Apache-2.0 */
/* Users in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_USERS_H
#define LEVERET_BROKER_MANAGEMENT_USERS_H

#include "broker/management/api.h"

extern const struct api_route user_routes[];

#endif
