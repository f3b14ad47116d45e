/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners of the HTTP API. */
#include "broker/http_listeners.h"

#include <string.h>

#include "broker/base/env.h"
#include "broker/config.h"
#include "broker/management/http_server.h"
#include "broker/management/management.h"
#include "broker/net/listener.h"

/* What the kernel may take of a reply that its peer does not read. */
#define SEND_BUFFER (256 * 1024)

static int open_plain(struct loop *loop, const struct config_http *wanted,
                      struct http_server *server, struct listener **ret_listener,
                      struct text *error) {
    const struct listener_options options = {.address = wanted->tcp_address,
                                             .port = (uint16_t)wanted->tcp_port,
                                             .send_buffer = SEND_BUFFER,
                                             .may_use_reserved = true};

    if (wanted->tcp_port < 0)
        return 0;
    int result = listener_open_raw(loop, &options, http_server_take, server, ret_listener);
    if (result < 0)
        text_append_format(error, "cannot listen on %s, port %d: %s",
                           wanted->tcp_address == NULL ? "any address" : wanted->tcp_address,
                           wanted->tcp_port, strerror(-result));
    return result;
}

int http_listeners_open(struct http_listeners *listeners, struct loop *loop, const struct env *env,
                        const struct config *config, struct management *management,
                        struct text *error) {
    int result = open_plain(loop, &config->management.http, management_api_server(management),
                            &listeners->api, error);

    if (result == 0)
        result = open_plain(loop, &config->prometheus.http, management_metrics_server(management),
                            &listeners->metrics, error);
    if (listeners->api != NULL)
        log_info(&env->log, "Management plugin: HTTP (non-TLS) listener started on port %u",
                 listener_port(listeners->api));
    if (listeners->metrics != NULL)
        log_info(&env->log, "Prometheus metrics: HTTP (non-TLS) listener started on port %u",
                 listener_port(listeners->metrics));
    return result;
}

void http_listeners_close(struct http_listeners *listeners) {
    listener_close(listeners->api);
    listener_close(listeners->metrics);
    *listeners = (struct http_listeners){0};
}
