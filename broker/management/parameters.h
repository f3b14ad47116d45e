/* SPDX-License-Identifier: Apache-2.0 */
/* Global parameters in the API, and the runtime parameters that components of other names would own. */
#ifndef LEVERET_BROKER_MANAGEMENT_PARAMETERS_H
#define LEVERET_BROKER_MANAGEMENT_PARAMETERS_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route parameter_routes[];

#endif
