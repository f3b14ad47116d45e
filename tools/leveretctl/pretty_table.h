/* SPDX-License-Identifier: Apache-2.0 */
/* A table with lines around it, for people. */
#ifndef LEVERET_TOOLS_LEVERETCTL_PRETTY_TABLE_H
#define LEVERET_TOOLS_LEVERETCTL_PRETTY_TABLE_H

#include <jansson.h>

/* `columns` an array of names, `rows` an array of arrays of as many texts. Nothing without rows. */
void pretty_table_print(const json_t *columns, const json_t *rows);

#endif
