/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEVERET_BROKER_MANAGEMENT_HEALTH_H
#define LEVERET_BROKER_MANAGEMENT_HEALTH_H

#include "amqp/slice.h"

/* What listeners call the protocol that people call so; "" when nobody does. */
const char *health_protocol_named(struct slice asked);

#endif
