/* SPDX-License-Identifier: Apache-2.0 */
/* Words of health checks that the API and leveretctl read alike. */
#ifndef LEVERET_BROKER_MANAGEMENT_HEALTH_H
#define LEVERET_BROKER_MANAGEMENT_HEALTH_H

#include <stdint.h>

#include "amqp/slice.h"

/* What listeners call the protocol that people call so; "" when nobody does. */
const char *health_protocol_named(struct slice asked);

/* Of a day, week, month or year, named in plural; 0 for other words. */
int64_t health_seconds_of(struct slice unit);

#endif
