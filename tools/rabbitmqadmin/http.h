/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the HTTP API over a connection of its own. */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_HTTP_H
#define LEVERET_TOOLS_RABBITMQADMIN_HTTP_H

#include "broker/base/text.h"

struct http_place {
    const char *host;
    const char *port;
    const char *user;
    const char *password;
    const char *prefix; /* before /api, "" for none */
};

/* The status, or 0 with a sentence in `answer`, which is the body otherwise. `body` NULL: none is sent. */
int http_ask(const struct http_place *place, const char *method, const char *path, const char *body,
             struct text *answer);

#endif
