/* SPDX-License-Identifier: Apache-2.0 */
/* What the operating system says of this process; for the management API, when somebody asks. */
#ifndef LEVERET_BROKER_NODE_FIGURES_H
#define LEVERET_BROKER_NODE_FIGURES_H

#include "broker/management/node_figures.h"

struct listener;
struct tls_context;

/* Everything but uptime, data directory and listeners. */
void node_figures_of_process(struct node_figures *figures);

/* Does nothing for NULL. */
void node_figures_add_listener(struct node_figures *figures, const char *protocol,
                               const struct listener *listener, const struct tls_context *tls);

#endif
