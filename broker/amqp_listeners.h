/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of AMQP, plain and TLS, as the configuration wants them, with what belongs to them: the TLS
 * context and the addresses of proxies.
 */
#ifndef LEVERET_BROKER_AMQP_LISTENERS_H
#define LEVERET_BROKER_AMQP_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/base/text.h"
#include "broker/base/timer.h"
#include "broker/certificate_watch.h"
#include "broker/config.h"
#include "broker/net/proxy_header.h"
#include "broker/net/tls_context.h"
#include "broker/net/transport.h"

struct env;
struct listener;
struct timers;

struct amqp_listeners {
    struct listener *items[2 * CONFIG_LISTENERS_MAX]; /* the plain ones first */
    size_t count;
    size_t plain_count;
    struct tls_context *tls; /* NULL: no TLS listener is configured */
    struct proxy_sources proxies;
    const struct env *env;
    struct certificate_watch certificates;
};

/* ssl_options.* or their like, as broker/net wants them. `named` has room for CONFIG_ITEMS_MAX and
 * lives as long as the result is used, as does `config`. */
struct tls_options tls_options_from(const struct config *config, const struct config_tls *tls,
                                    const char *prefix, struct tls_files *named,
                                    const char *ciphers[CONFIG_ITEMS_MAX]);

/* Reads certificates and addresses. False with a sentence in `error`: nothing may start then. */
bool amqp_listeners_prepare(struct amqp_listeners *listeners, const struct config *config,
                            const struct env *env, struct timers *timers, struct text *error);

/* Opens and logs them. Negative errno, and which it was in `error`. */
int amqp_listeners_open(struct amqp_listeners *listeners, struct loop *loop,
                        const struct config *config, transport_factory *create, void *context,
                        struct text *error);

/* Reads the certificates again. On false everything stays as it was. */
bool amqp_listeners_reload(struct amqp_listeners *listeners, const struct config *config,
                           struct text *error);

/* The port of the first plain or TLS listener, 0 when there is none. */
uint16_t amqp_listeners_port(const struct amqp_listeners *listeners);
uint16_t amqp_listeners_tls_port(const struct amqp_listeners *listeners);

/* What metrics tell of the TLS listeners. */
struct tls_figures {
    uint64_t handshakes; /* since the start */
    uint64_t resumed;    /* of them */
    uint64_t failed;
};

/* False, and nothing changed, without TLS listeners. */
bool amqp_listeners_figures(const struct amqp_listeners *listeners,
                            struct tls_figures *ret_figures);

/* Nobody new; what exists lives on. */
void amqp_listeners_close(struct amqp_listeners *listeners);

/* After the last connection. */
void amqp_listeners_clear(struct amqp_listeners *listeners);

#endif
