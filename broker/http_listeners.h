/* SPDX-License-Identifier: Apache-2.0 */
/* The ports of the HTTP API, as the configuration wants them. */
#ifndef LEVERET_BROKER_HTTP_LISTENERS_H
#define LEVERET_BROKER_HTTP_LISTENERS_H

#include <stdint.h>

#include "broker/base/text.h"

struct config;
struct env;
struct listener;
struct loop;
struct management;

struct http_listeners {
    struct listener *api; /* NULL: none, likewise the others */
    struct listener *metrics;
};

/* Opens and logs them. Negative errno, and which port it was in `error`. */
int http_listeners_open(struct http_listeners *listeners, struct loop *loop, const struct env *env,
                        const struct config *config, struct management *management,
                        struct text *error);

void http_listeners_close(struct http_listeners *listeners);

#endif
