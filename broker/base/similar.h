/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean ...?": how much two short names differ. */
#ifndef LEVERET_BROKER_BASE_SIMILAR_H
#define LEVERET_BROKER_BASE_SIMILAR_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/slice.h"

/* Octets of a name that are looked at; the rest counts as the same. */
#define SIMILAR_LENGTH_MAX 128u

/* Levenshtein: the insertions, removals and replacements that make `b` of `a`. */
size_t similar_distance(struct slice a, struct slice b);

/* Close enough to be a slip of the fingers: a third of the longer name may differ, at least one. */
bool similar_enough(struct slice a, struct slice b, size_t distance);

#endif
