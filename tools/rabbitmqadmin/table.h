/* SPDX-License-Identifier: Apache-2.0 */
/* Lists as RabbitMQ's tool of this name shows them, which scripts cut apart. */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_TABLE_H
#define LEVERET_TOOLS_RABBITMQADMIN_TABLE_H

#include <jansson.h>
#include <stdbool.h>

/* The columns, separated by commas, of an array of objects; "a.b" is a member of a member. */
void table_print(const json_t *objects, const char *columns, bool is_tsv, bool is_quiet);

#endif
