/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners of the HTTP API. */
#include "broker/http_listeners.h"

#include <string.h>

#include "broker/amqp_listeners.h"
#include "broker/base/env.h"
#include "broker/config.h"
#include "broker/entities/broker.h"
#include "broker/management/http_server.h"
#include "broker/management/management.h"
#include "broker/net/listener.h"
#include "broker/net/tls_context.h"

/* What the kernel may take of a reply that its peer does not read. */
#define SEND_BUFFER (256 * 1024)

/* --- certificates --- */

/* *tls is made, or reads its files again when it is there. */
static bool read_certificates(const struct config *config, const struct config_http *http,
                              const char *prefix, struct tls_context **tls, struct text *error) {
    struct tls_files named[CONFIG_ITEMS_MAX];
    const char *ciphers[CONFIG_ITEMS_MAX];

    if (http->ssl_port < 0)
        return true;
    if (http->tls.certfile == NULL || http->tls.keyfile == NULL) {
        text_append_format(error, "%s.port needs %s.certfile and %s.keyfile", prefix, prefix,
                           prefix);
        return false;
    }
    const struct tls_options options = tls_options_from(config, &http->tls, prefix, named, ciphers);
    return *tls == NULL ? tls_context_create(&options, tls, error)
                        : tls_context_reload(*tls, &options, error);
}

static bool read_all(struct http_listeners *listeners, const struct config *config,
                     struct text *error) {
    return read_certificates(config, &config->management.http, "management.ssl",
                             &listeners->api_tls.tls, error) &&
           read_certificates(config, &config->prometheus.http, "prometheus.ssl",
                             &listeners->metrics_tls.tls, error);
}

bool http_listeners_check(const struct config *config, struct text *error) {
    struct http_listeners tried = {0};
    bool good = read_all(&tried, config, error);

    http_listeners_clear(&tried);
    return good;
}

static void watch(struct https *https, const char *whose, const struct env *env,
                  struct timers *timers) {
    if (https->tls != NULL)
        certificate_watch_start(&https->certificates, https->tls, whose, env, timers);
}

bool http_listeners_prepare(struct http_listeners *listeners, const struct config *config,
                            const struct env *env, struct timers *timers, struct text *error) {
    if (!read_all(listeners, config, error))
        return false;
    watch(&listeners->api_tls, " of management.ssl", env, timers);
    watch(&listeners->metrics_tls, " of prometheus.ssl", env, timers);
    return true;
}

/* Ports count after a restart only: what has none yet gets none. */
static bool reload(struct https *https, const struct config *config, const struct config_http *http,
                   const char *prefix, struct text *error) {
    if (https->tls == NULL)
        return true;
    if (!read_certificates(config, http, prefix, &https->tls, error))
        return false;
    certificate_watch_warn(&https->certificates);
    return true;
}

bool http_listeners_reload(struct http_listeners *listeners, const struct config *config,
                           struct text *error) {
    return reload(&listeners->api_tls, config, &config->management.http, "management.ssl", error) &&
           reload(&listeners->metrics_tls, config, &config->prometheus.http, "prometheus.ssl",
                  error);
}

/* --- opening --- */

/* Which of the two, and its words in the log. */
struct service {
    const char *name; /* "Management plugin" */
    const struct config_http *wanted;
    struct http_server *server;
};

static int report(int result, const char *address, int port, struct text *error) {
    if (result < 0)
        text_append_format(error, "cannot listen on %s, port %d: %s",
                           address == NULL ? "any address" : address, port, strerror(-result));
    return result;
}

static int open_plain(struct loop *loop, const struct env *env, const struct service *service,
                      struct listener **ret_listener, struct text *error) {
    const struct config_http *wanted = service->wanted;
    const struct listener_options options = {.address = wanted->tcp_address,
                                             .port = (uint16_t)wanted->tcp_port,
                                             .send_buffer = SEND_BUFFER,
                                             .may_use_reserved = true};

    if (wanted->tcp_port < 0)
        return 0;
    int result = listener_open_raw(loop, &options, http_server_take, service->server, ret_listener);
    if (result == 0)
        log_info(&env->log, "%s: HTTP (non-TLS) listener started on port %u", service->name,
                 listener_port(*ret_listener));
    return report(result, wanted->tcp_address, wanted->tcp_port, error);
}

static int open_tls(struct loop *loop, struct broker *broker, const struct service *service,
                    uint32_t handshake_timeout_ms, struct https *https, struct text *error) {
    const struct config_http *wanted = service->wanted;
    const struct listener_options options = {.address = wanted->ssl_address,
                                             .port = (uint16_t)wanted->ssl_port,
                                             .send_buffer = SEND_BUFFER,
                                             .tls = https->tls,
                                             .opening_timeout_ms = handshake_timeout_ms,
                                             .may_use_reserved = true};

    if (https->tls == NULL)
        return 0;
    https->target = (struct relay_target){.loop = loop,
                                          .lists = &broker->endpoints,
                                          .pool = &broker->outbufs,
                                          .take = http_server_take,
                                          .take_context = service->server};
    int result = listener_open(loop, &options, relay_create, &https->target, &https->listener);
    if (result == 0)
        log_info(&broker->env->log, "%s: HTTPS listener started on port %u", service->name,
                 listener_port(https->listener));
    return report(result, wanted->ssl_address, wanted->ssl_port, error);
}

int http_listeners_open(struct http_listeners *listeners, struct loop *loop, struct broker *broker,
                        const struct config *config, struct management *management,
                        struct text *error) {
    const struct service api = {"Management plugin", &config->management.http,
                                management_api_server(management)};
    const struct service metrics = {"Prometheus metrics", &config->prometheus.http,
                                    management_metrics_server(management)};
    const uint32_t timeout_ms = config->ssl_handshake_timeout_ms;

    int result = open_plain(loop, broker->env, &api, &listeners->api, error);
    if (result == 0)
        result = open_tls(loop, broker, &api, timeout_ms, &listeners->api_tls, error);
    if (result == 0)
        result = open_plain(loop, broker->env, &metrics, &listeners->metrics, error);
    if (result == 0)
        result = open_tls(loop, broker, &metrics, timeout_ms, &listeners->metrics_tls, error);
    return result;
}

void http_listeners_close(struct http_listeners *listeners) {
    struct listener **const all[] = {&listeners->api, &listeners->metrics,
                                     &listeners->api_tls.listener,
                                     &listeners->metrics_tls.listener};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        listener_close(*all[i]);
        *all[i] = NULL;
    }
}

void http_listeners_clear(struct http_listeners *listeners) {
    http_listeners_close(listeners);
    certificate_watch_stop(&listeners->api_tls.certificates);
    certificate_watch_stop(&listeners->metrics_tls.certificates);
    tls_context_destroy(listeners->api_tls.tls);
    tls_context_destroy(listeners->metrics_tls.tls);
    *listeners = (struct http_listeners){0};
}
