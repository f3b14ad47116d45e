/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the HTTP API over a connection of its own, plain or TLS. */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_HTTP_H
#define LEVERET_TOOLS_RABBITMQADMIN_HTTP_H

#include "broker/base/text.h"
#include "tools/rabbitmqadmin/settings.h"

/* The status, or 0 with a sentence in `answer`, which is the body otherwise. `body` NULL: none is sent. */
int http_ask(const struct settings *settings, const char *method, const char *path,
             const char *body, struct text *answer);

#endif
