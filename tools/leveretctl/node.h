/* SPDX-License-Identifier: Apache-2.0 */
/* The name of the broker that is asked: what it may be, as long as it has not told, and what it must be. */
#ifndef LEVERET_TOOLS_LEVERETCTL_NODE_H
#define LEVERET_TOOLS_LEVERETCTL_NODE_H

#include <stdbool.h>

#include "broker/base/text.h"

struct call;

/* --node, $RABBITMQ_NODENAME, or rabbit at this host. */
void node_append(struct text *text, const struct call *call);

/* The one that must answer and no other; false when any may. As with RabbitMQ's tools that is --node, and under
 * their names $RABBITMQ_NODENAME. */
bool node_append_meant(struct text *text, const struct call *call);

/* Whether names may have domains: --longnames, or $RABBITMQ_USE_LONGNAME. */
bool node_has_long_names(const struct call *call);

#endif
