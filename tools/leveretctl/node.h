/* SPDX-License-Identifier: Apache-2.0 */
/* The name of the broker that is asked, as long as it has not told. */
#ifndef LEVERET_TOOLS_LEVERETCTL_NODE_H
#define LEVERET_TOOLS_LEVERETCTL_NODE_H

#include "broker/base/text.h"

struct call;

/* --node, $RABBITMQ_NODENAME, or rabbit at this host. */
void node_append(struct text *text, const struct call *call);

#endif
