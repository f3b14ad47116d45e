/* SPDX-License-Identifier: Apache-2.0 */
/* The expiration property: milliseconds as decimal text, read as RabbitMQ reads it (compat 2.11). */
#ifndef LEVERET_BROKER_ENTITIES_EXPIRATION_H
#define LEVERET_BROKER_ENTITIES_EXPIRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

/* The longest time to live: ten years of 365 days. */
#define EXPIRATION_MAX_MS INT64_C(315360000000)

/* False with RabbitMQ's reason appended to `error`: no_integer, {leftover_string,"x"}, ... */
bool expiration_is_valid(struct slice expiration, struct text *error);

/* The milliseconds of a valid expiration; -1 when it is none. */
int64_t expiration_ms(struct slice expiration);

#endif
