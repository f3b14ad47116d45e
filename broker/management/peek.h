/* SPDX-License-Identifier: Apache-2.0 */
/* Ready messages, shown and left as they are (queue_peek.h). */
#ifndef LEVERET_BROKER_MANAGEMENT_PEEK_H
#define LEVERET_BROKER_MANAGEMENT_PEEK_H

#include "broker/management/api.h"

extern const struct api_route peek_routes[];

#endif
