/* SPDX-License-Identifier: Apache-2.0 */
/* What is said when the broker that was meant does not answer, in the words by which scripts know RabbitMQ's tools. */
#ifndef LEVERET_TOOLS_LEVERETCTL_UNREACHED_H
#define LEVERET_TOOLS_LEVERETCTL_UNREACHED_H

struct call;

/* None answers at the socket: `error` is an errno. The exit code. */
int unreached_complain(const struct call *call, const char *path, int error);

/* Another one does, whose name is `other`. The exit code. */
int unreached_complain_other(const struct call *call, const char *path, const char *other);

#endif
