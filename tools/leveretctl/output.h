/* SPDX-License-Identifier: Apache-2.0 */
/* Shows the lines of an answer as they come: texts as they are, rows as a table, CSV or JSON. */
#ifndef LEVERET_TOOLS_LEVERETCTL_OUTPUT_H
#define LEVERET_TOOLS_LEVERETCTL_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "tools/leveretctl/call.h"

struct output {
    enum call_format format;
    bool quiet;
    json_t *columns; /* NULL before they are known */
    size_t row_count;
};

void output_init(struct output *output, const struct call *call);

/* One line of the answer, but for the last. */
void output_line(struct output *output, const json_t *line);

/* Closes what the format opened. */
void output_finish(struct output *output);

#endif
