/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the broker, over its control socket (broker/management/control.h), and shows what it answers. */
#ifndef LEVERET_TOOLS_LEVERETCTL_CLIENT_H
#define LEVERET_TOOLS_LEVERETCTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

struct call;
struct text;

/* The exit code. What the call names by file is read first. */
int client_run(struct call *call);

/* In place of an exit code: a broker answers, and it is not the one that was named. */
#define CLIENT_OTHER_NODE (-1)

/* The same, but for the rows, which come as an array of objects instead of being shown; EX_OK or
 * the exit code. With `quietly` nothing is said when no broker answers, or another one than was named:
 * CLIENT_OTHER_NODE. */
int client_collect(const struct call *call, bool quietly, json_t **ret_rows);

/* The name of the node that runs; of the one that would, as far as is known here, when none answers. */
void client_append_node(struct text *node, const struct call *call);

/* On stderr, as the tool of the name that was called does. */
void client_complain(const struct call *call, const char *sentence);

#endif
