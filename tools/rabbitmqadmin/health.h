/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of `health_check`, as the second version of RabbitMQ's tool names them. */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_HEALTH_H
#define LEVERET_TOOLS_RABBITMQADMIN_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/base/text.h"

struct health_check {
    const char *name;
    const char *path; /* below /api; {key} stands for a value */
};

/* `-` and `_` are the same; NULL when there is none of that name. */
const struct health_check *health_check_find(const char *name);

/* NULL beyond the last one. */
const struct health_check *health_check_at(size_t index);

/* Whether that answer, with a status of 2xx, says that all is well. */
bool health_check_passes(const struct text *answer);

/* What an answer says that is not well: JSON, an array of objects with `key` and `value`. */
void health_check_explain(const char *path, int status, const struct text *answer,
                          struct text *rows);

#endif
