/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and operator policies in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_POLICIES_H
#define LEVERET_BROKER_MANAGEMENT_POLICIES_H

#include "broker/management/api.h"

extern const struct api_route policy_routes[];

#endif
