/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists as RabbitMQ's tool of this name shows them, which scripts cut apart: table, long, kvp, tsv, bash. Without
 * columns all members of all objects are shown, those of members as `a.b` down to a depth.
 */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_TABLE_H
#define LEVERET_TOOLS_RABBITMQADMIN_TABLE_H

#include <jansson.h>
#include <stdbool.h>

/* False when there is no such format; an array of objects otherwise. `columns` are separated by commas. */
bool table_print(const json_t *objects, const char *format, const char *columns, int depth,
                 bool is_quiet);

#endif
