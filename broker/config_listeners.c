/* SPDX-License-Identifier: Apache-2.0 */
/* Where the broker listens: listeners.tcp.*, listeners.ssl.* and what the command line says. */
#include <stdlib.h>
#include <string.h>

#include "broker/config_key.h"

#define PORT_DEFAULT 5672

static struct config_listeners *field_of(struct config *config, const struct config_match *match) {
    return (struct config_listeners *)((char *)config + match->key->offset);
}

/* The listener called `name`, made when new; NULL when there are too many. */
static struct config_listener *
find_listener(struct config *config, struct config_listeners *listeners, struct slice name) {
    for (size_t i = 0; i < listeners->count; i++) {
        if (slice_equal(slice_from_text(listeners->items[i].name), name))
            return &listeners->items[i];
    }
    if (listeners->count == CONFIG_LISTENERS_MAX)
        return NULL;
    struct config_listener *listener = &listeners->items[listeners->count++];
    *listener =
        (struct config_listener){.name = config_keep_text(config, name), .port = PORT_DEFAULT};
    return listener;
}

static bool parse_port(struct slice value, uint16_t *ret_port) {
    uint32_t port = 0;
    if (value.len == 0 || value.len > 5)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(value.data[i] - '0');
    }
    *ret_port = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* `5672`, `127.0.0.1:5672`, `::1:5672` or `[::1]:5672`. */
bool read_listener(struct config *config, const struct config_match *match, struct slice value,
                   struct text *error) {
    struct config_listeners *listeners = field_of(config, match);
    size_t colon = value.len;
    uint16_t port;
    while (colon > 0 && value.data[colon - 1] != ':')
        colon--;
    struct slice address = slice_of(value.data, colon == 0 ? 0 : colon - 1);
    if (address.len >= 2 && address.data[0] == '[' && address.data[address.len - 1] == ']')
        address = slice_of(address.data + 1, address.len - 2);
    if (!parse_port(slice_of(value.data + colon, value.len - colon), &port) ||
        (colon > 0 && address.len == 0))
        return config_refuse(match, value, "expected a port or address:port", error);
    if (slice_has_prefix(value, SLICE("unix:")) || slice_has_prefix(value, SLICE("local:")))
        return config_refuse(match, value, "AMQP is not served on Unix sockets", error);
    struct config_listener *listener = find_listener(config, listeners, match->word);
    if (listener == NULL)
        return config_refuse(match, value, "too many listeners", error);
    listener->address = colon == 0 ? NULL : config_keep_text(config, address);
    listener->port = port;
    listeners->disabled = false;
    return true;
}

bool read_no_listeners(struct config *config, const struct config_match *match, struct slice value,
                       struct text *error) {
    struct config_listeners *listeners = field_of(config, match);
    char wanted[96] = "expected none, or a port for ";
    if (!slice_equal(value, SLICE("none"))) {
        strncat(wanted, match->key->name, 40);
        strcat(wanted, ".default");
        return config_refuse(match, value, wanted, error);
    }
    listeners->count = 0;
    listeners->disabled = true;
    return true;
}

void config_override_listener(struct config *config, const char *origin, const char *address,
                              int port) {
    struct text value = {0}, error = {0};
    struct config_listener *listener = find_listener(config, &config->tcp, SLICE("default"));
    struct config_listener wanted = listener == NULL ? config->tcp.items[0] : *listener;
    if (address != NULL)
        wanted.address = address;
    if (port >= 0)
        wanted.port = (uint16_t)port;
    if (wanted.address != NULL)
        text_append_format(&value, "[%s]:", wanted.address);
    text_append_format(&value, "%u", wanted.port);
    if (!config_set(config, origin, SLICE("listeners.tcp"), SLICE("none"), &error) ||
        !config_set(config, origin, SLICE("listeners.tcp.default"), text_slice(&value), &error))
        abort(); /* both are values that their readers take */
    if (address != NULL)
        config->given_address = config->tcp.items[0].address;
    if (port >= 0)
        config->given_port = port;
    text_clear(&value);
    text_clear(&error);
}

/* Brokers side by side must not meet on the ports of the API: they move along with --port. */
static int usual_http_port(const struct config *config, int usual) {
    int port = usual - PORT_DEFAULT + config->given_port;

    if (config->given_port < 0)
        return usual;
    if (config->given_port == 0)
        return 0;
    return port <= UINT16_MAX ? port : -1;
}

/* RabbitMQ does not look at the ports of tcp and ssl when there is this one. */
static void use_the_listener(struct config_http *http) {
    http->tcp_port = http->listener_is_tls ? -1 : http->listener_port;
    http->ssl_port = http->listener_is_tls ? http->listener_port : -1;
    if (http->listener_address != NULL)
        *(http->listener_is_tls ? &http->ssl_address : &http->tcp_address) = http->listener_address;
}

void config_finish_http(struct config *config, struct config_http *http, int usual_port) {
    if (http->listener_port >= 0)
        use_the_listener(http);
    if (http->tcp_port < 0 && http->ssl_port < 0)
        http->tcp_port = usual_http_port(config, usual_port);
    if (http->tcp_address == NULL)
        http->tcp_address = config->given_address;
}
