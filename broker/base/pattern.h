/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions that administrators write: permissions, policies, filters. The syntax is PCRE,
 * as in RabbitMQ, looked for anywhere in the subject (`^...$` anchors), octet by octet.
 *
 * Neither the expression nor the subject can make matching slow: an expression is at most
 * PATTERN_LENGTH_MAX octets and a match ends after PATTERN_STEPS_MAX steps, which is RabbitMQ's limit,
 * and then counts as no match.
 */
#ifndef LEVERET_BROKER_BASE_PATTERN_H
#define LEVERET_BROKER_BASE_PATTERN_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

#define PATTERN_LENGTH_MAX   1024
#define PATTERN_STEPS_MAX    50000
#define PATTERN_DEPTH_MAX    1000
#define PATTERN_HEAP_KIB_MAX 1024

struct pattern;

/*
 * NULL when the expression is too long or does not compile, with what is wrong appended to `error` unless
 * that is NULL. Free with pattern_destroy().
 */
struct pattern *pattern_compile(struct slice expression, struct text *error);

/* Somewhere in `subject`; also false when a match would take more than the limits. */
bool pattern_matches(const struct pattern *pattern, struct slice subject);

/* NULL is allowed. */
void pattern_destroy(struct pattern *pattern);

#endif
