/* SPDX-License-Identifier: Apache-2.0 */
/* Sends a call to the broker and shows the answer (broker/management/control.h has the format). */
#ifndef LEVERET_TOOLS_LEVERETCTL_CLIENT_H
#define LEVERET_TOOLS_LEVERETCTL_CLIENT_H

struct call;

/* The broker's exit code; EX_UNAVAILABLE when there is none, with a sentence on stderr. */
int client_run(const struct call *call);

#endif
