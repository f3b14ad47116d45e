/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/amqp_listeners.h"

#include <string.h>

#include "broker/base/env.h"
#include "broker/net/listener.h"

/* --- TLS --- */

static bool lists_version(const struct config_list *versions, const char *version) {
    for (size_t i = 0; i < versions->count; i++) {
        if (strcmp(versions->items[i].value, version) == 0)
            return true;
    }
    return versions->count == 0;
}

static const char *find_item(const struct config_list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            return list->items[i].value;
    }
    return NULL;
}

/* The order of config's enums is that of tls_context.h. */
static struct tls_login login_from(const struct config *config) {
    return (struct tls_login){
        .from = (enum tls_login_from)config->ssl_cert_login_from,
        .name_type = (enum tls_name_type)config->ssl_cert_login_san_type,
        .name_index = config->ssl_cert_login_san_index,
    };
}

/* A key file that is not named is the certificate's own file. */
static size_t named_files(const struct config_tls *tls, struct tls_files *named) {
    for (size_t i = 0; i < tls->sni_certfiles.count; i++) {
        const struct config_item *item = &tls->sni_certfiles.items[i];
        const char *keyfile = find_item(&tls->sni_keyfiles, item->name);
        named[i] = (struct tls_files){.certfile = item->value,
                                      .keyfile = keyfile == NULL ? item->value : keyfile};
    }
    return tls->sni_certfiles.count;
}

struct tls_options tls_options_from(const struct config *config, const struct config_tls *tls,
                                    const char *prefix, struct tls_files *named,
                                    const char *ciphers[CONFIG_ITEMS_MAX]) {
    for (size_t i = 0; i < tls->ciphers.count; i++)
        ciphers[i] = tls->ciphers.items[i].value;
    return (struct tls_options){
        .prefix = prefix,
        .files = {.certfile = tls->certfile, .keyfile = tls->keyfile},
        .cacertfile = tls->cacertfile,
        .password = tls->password.hidden,
        .verify_peer = tls->verify_peer,
        .fail_if_no_peer_cert = tls->fail_if_no_peer_cert,
        .honor_cipher_order = tls->honor_cipher_order,
        .depth = tls->depth,
        .tls12 = lists_version(&tls->versions, "tlsv1.2"),
        .tls13 = lists_version(&tls->versions, "tlsv1.3"),
        .ciphers = ciphers,
        .cipher_count = tls->ciphers.count,
        .named = named,
        .named_count = named_files(tls, named),
        .login = login_from(config),
    };
}

/* --- preparing --- */

static bool prepare_proxies(struct amqp_listeners *listeners, const struct config *config,
                            struct text *error) {
    for (size_t i = 0; config->proxy_protocol && i < config->proxy_sources.count; i++) {
        const struct config_item *source = &config->proxy_sources.items[i];
        if (proxy_sources_add(&listeners->proxies, source->value))
            continue;
        text_append_format(error,
                           "leveret.proxy_protocol.sources.%s = %s: expected an address or "
                           "address/bits",
                           source->name, source->value);
        return false;
    }
    return true;
}

static bool prepare_tls(struct amqp_listeners *listeners, const struct config *config,
                        const struct env *env, struct timers *timers, struct text *error) {
    struct tls_files named[CONFIG_ITEMS_MAX];
    const char *ciphers[CONFIG_ITEMS_MAX];

    if (config->ssl.count == 0)
        return true;
    const struct tls_options options =
        tls_options_from(config, &config->tls, "ssl_options", named, ciphers);
    if (!tls_context_create(&options, &listeners->tls, error))
        return false;
    certificate_watch_start(&listeners->certificates, listeners->tls, "", env, timers);
    return true;
}

bool amqp_listeners_prepare(struct amqp_listeners *listeners, const struct config *config,
                            const struct env *env, struct timers *timers, struct text *error) {
    listeners->env = env;
    return prepare_proxies(listeners, config, error) &&
           prepare_tls(listeners, config, env, timers, error);
}

static bool reload_tls(struct amqp_listeners *listeners, const struct config *config,
                       struct text *error) {
    struct tls_files named[CONFIG_ITEMS_MAX];
    const char *ciphers[CONFIG_ITEMS_MAX];
    const struct tls_options options =
        tls_options_from(config, &config->tls, "ssl_options", named, ciphers);

    if (!tls_context_reload(listeners->tls, &options, error))
        return false;
    certificate_watch_warn(&listeners->certificates);
    return true;
}

bool amqp_listeners_reload(struct amqp_listeners *listeners, const struct config *config,
                           struct text *error) {
    if (listeners->tls != NULL && !reload_tls(listeners, config, error))
        return false;
    for (size_t i = 0; i < listeners->count; i++)
        listener_set_opening_timeout(listeners->items[i], config->ssl_handshake_timeout_ms);
    return true;
}

/* --- opening --- */

struct opening {
    struct amqp_listeners *listeners;
    struct loop *loop;
    const struct config *config;
    transport_factory *create;
    void *context;
};

static int open_one(const struct opening *opening, const struct config_listener *wanted,
                    struct tls_context *tls, struct text *error) {
    struct amqp_listeners *listeners = opening->listeners;
    const struct listener_options options = {
        .address = wanted->address,
        .port = wanted->port,
        .backlog = opening->config->backlog,
        .delays = !opening->config->tcp_nodelay,
        .keepalive = opening->config->tcp_keepalive,
        .send_buffer = opening->config->tcp_sndbuf,
        .receive_buffer = opening->config->tcp_recbuf,
        .tls = tls,
        .proxies = opening->config->proxy_protocol ? &listeners->proxies : NULL,
        .opening_timeout_ms = opening->config->ssl_handshake_timeout_ms,
    };
    struct listener **item = &listeners->items[listeners->count];

    int result = listener_open(opening->loop, &options, opening->create, opening->context, item);
    if (result < 0) {
        text_append_format(error, "cannot listen on %s, port %u: %s",
                           wanted->address == NULL ? "any address" : wanted->address, wanted->port,
                           strerror(-result));
        return result;
    }
    listeners->count++;
    log_info(&listeners->env->log, "started %s listener on %s", tls == NULL ? "TCP" : "TLS (SSL)",
             listener_name(*item));
    return 0;
}

static int open_list(const struct opening *opening, const struct config_listeners *wanted,
                     struct tls_context *tls, struct text *error) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < wanted->count; i++)
        result = open_one(opening, &wanted->items[i], tls, error);
    return result;
}

int amqp_listeners_open(struct amqp_listeners *listeners, struct loop *loop,
                        const struct config *config, transport_factory *create, void *context,
                        struct text *error) {
    const struct opening opening = {.listeners = listeners,
                                    .loop = loop,
                                    .config = config,
                                    .create = create,
                                    .context = context};

    int result = open_list(&opening, &config->tcp, NULL, error);
    listeners->plain_count = listeners->count;
    return result < 0 ? result : open_list(&opening, &config->ssl, listeners->tls, error);
}

uint16_t amqp_listeners_port(const struct amqp_listeners *listeners) {
    return listeners->plain_count == 0 ? 0 : listener_port(listeners->items[0]);
}

uint16_t amqp_listeners_tls_port(const struct amqp_listeners *listeners) {
    return listeners->count == listeners->plain_count
               ? 0
               : listener_port(listeners->items[listeners->plain_count]);
}

bool amqp_listeners_figures(const struct amqp_listeners *listeners,
                            struct tls_figures *ret_figures) {
    if (listeners->tls == NULL)
        return false;
    const struct tls_counters *counters = tls_context_counters(listeners->tls);
    *ret_figures = (struct tls_figures){
        .handshakes = counters->handshakes,
        .resumed = counters->resumed,
        .failed = counters->failed,
    };
    return true;
}

void amqp_listeners_close(struct amqp_listeners *listeners) {
    while (listeners->count > 0)
        listener_close(listeners->items[--listeners->count]);
    listeners->plain_count = 0;
}

void amqp_listeners_clear(struct amqp_listeners *listeners) {
    amqp_listeners_close(listeners);
    certificate_watch_stop(&listeners->certificates);
    tls_context_destroy(listeners->tls);
    listeners->tls = NULL;
}
