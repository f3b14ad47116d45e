/* SPDX-License-Identifier: Apache-2.0 */
/* Percent signs in paths and queries (RFC 3986). */
#ifndef LEVERET_BROKER_MANAGEMENT_PERCENT_H
#define LEVERET_BROKER_MANAGEMENT_PERCENT_H

#include <stddef.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

enum percent_plus { PERCENT_PLUS_STAYS, PERCENT_PLUS_IS_SPACE };

/* Writes the octets meant into `buffer` of at least text.len; returns how many. A percent sign without
 * two hexadecimal digits stands for itself. */
size_t percent_decode(struct slice text, enum percent_plus plus, char *buffer);

/* Appends `octets` with all but letters, digits and "-._" written as %XX. */
void percent_encode(struct text *text, struct slice octets);

#endif
