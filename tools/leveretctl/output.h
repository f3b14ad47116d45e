/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows the lines of an answer as they come: texts as they are, rows as a table, CSV, JSON or Erlang
 * terms. Under RabbitMQ's names the command's banner comes first, and the names of a table's columns only
 * when there is a row, as RabbitMQ's tools do it.
 */
#ifndef LEVERET_TOOLS_LEVERETCTL_OUTPUT_H
#define LEVERET_TOOLS_LEVERETCTL_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tools/leveretctl/call.h"

struct output {
    const struct call *call;
    FILE *file;        /* where texts go */
    char *node;        /* as the broker told, NULL before */
    json_t *columns;   /* NULL before they are known */
    json_t *collected; /* not NULL: rows go here as objects and nothing is shown */
    json_t *table;     /* rows of a pretty table, whose widths are known at its end */
    bool is_quiet;     /* nor is it said what is wrong */
    bool is_replaced;  /* what still comes has been shown in another form */
    size_t row_count;
};

void output_init(struct output *output, const struct call *call, FILE *file);

/* One line of the answer, but for the last. */
void output_line(struct output *output, const json_t *line);

/* Closes what the format opened. */
void output_finish(struct output *output);
void output_clear(struct output *output);

#endif
