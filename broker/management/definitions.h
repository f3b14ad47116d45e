/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions in the API: out and in. */
#ifndef LEVERET_BROKER_MANAGEMENT_DEFINITIONS_H
#define LEVERET_BROKER_MANAGEMENT_DEFINITIONS_H

#include "broker/management/api.h"

extern const struct api_route definitions_routes[];

#endif
