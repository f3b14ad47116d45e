/* SPDX-License-Identifier: Apache-2.0 */
/* The ports of the HTTP API and of the metrics, plain and TLS, as the configuration wants them. */
#ifndef LEVERET_BROKER_HTTP_LISTENERS_H
#define LEVERET_BROKER_HTTP_LISTENERS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/base/text.h"
#include "broker/certificate_watch.h"
#include "broker/net/relay.h"

struct broker;
struct config;
struct env;
struct listener;
struct loop;
struct management;
struct tls_context;

/* TLS of one of the two; all NULL when it has no TLS port. */
struct https {
    struct tls_context *tls;
    struct relay_target target;
    struct listener *listener;
    struct certificate_watch certificates;
};

struct http_listeners {
    struct listener *api; /* NULL: none, likewise the others */
    struct listener *metrics;
    struct https api_tls;
    struct https metrics_tls;
};

/* Whether the certificates can be used. False with a sentence in `error`. */
bool http_listeners_check(const struct config *config, struct text *error);

/* Reads the certificates. False with a sentence in `error`: nothing may start then. */
bool http_listeners_prepare(struct http_listeners *listeners, const struct config *config,
                            const struct env *env, struct timers *timers, struct text *error);

/* Reads them again; http_listeners_check() has said that they are good. */
bool http_listeners_reload(struct http_listeners *listeners, const struct config *config,
                           struct text *error);

/* Opens and logs them. Negative errno, and which port it was in `error`. */
int http_listeners_open(struct http_listeners *listeners, struct loop *loop, struct broker *broker,
                        const struct config *config, struct management *management,
                        struct text *error);

/* Nobody new. */
void http_listeners_close(struct http_listeners *listeners);

/* After the last connection. */
void http_listeners_clear(struct http_listeners *listeners);

#endif
