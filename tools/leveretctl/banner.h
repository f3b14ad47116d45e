/* SPDX-License-Identifier: Apache-2.0 */
/* What RabbitMQ's tools say before the answer, from the command's row. */
#ifndef LEVERET_TOOLS_LEVERETCTL_BANNER_H
#define LEVERET_TOOLS_LEVERETCTL_BANNER_H

#include <stdbool.h>

struct call;

bool banner_is_wanted(const struct call *call);

/* Nothing unless the call is under RabbitMQ's names and wants it. */
void banner_print(const struct call *call, const char *node);

#endif
