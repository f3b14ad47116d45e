/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to all that the broker listens on, as a client on this machine would. */
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#include "broker/base/text.h"
#include "tools/leveretctl/banner.h"
#include "tools/leveretctl/call.h"
#include "tools/leveretctl/client.h"
#include "tools/leveretctl/local.h"

#define CONNECT_SECONDS 10

static bool connect_once(const struct addrinfo *address) {
    const struct timeval wait = {.tv_sec = CONNECT_SECONDS};
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    bool connected = connect(fd, address->ai_addr, address->ai_addrlen) == 0;
    close(fd);
    return connected;
}

static bool can_connect(const char *host, int port) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    char service[8];
    bool connected = false;

    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host, service, &hints, &addresses) != 0)
        return false;
    for (const struct addrinfo *at = addresses; at != NULL && !connected; at = at->ai_next)
        connected = connect_once(at);
    freeaddrinfo(addresses);
    return connected;
}

/* "[::]" and "0.0.0.0" are every address, this machine's own among them. */
static bool listener_answers(const struct call *call, const json_t *listener) {
    const char *interface = json_string_value(json_object_get(listener, "interface"));
    const char *given = call_option(call, "address");
    char host[64];

    snprintf(host, sizeof host, "%s", interface[0] == '[' ? interface + 1 : interface);
    host[strcspn(host, "]")] = '\0';
    if (given != NULL)
        snprintf(host, sizeof host, "%s", given);
    else if (strcmp(host, "::") == 0 || strcmp(host, "0.0.0.0") == 0)
        snprintf(host, sizeof host, "localhost");
    return can_connect(host, (int)json_integer_value(json_object_get(listener, "port")));
}

static void append_port(struct text *ports, const json_t *listener) {
    text_append_format(ports, "%s%d", ports->len > 0 ? ", " : "",
                       (int)json_integer_value(json_object_get(listener, "port")));
}

static void say_connected(const struct call *call, const char *node, const char *ports,
                          json_t *listeners) {
    size_t i;
    json_t *listener;

    if (call->format == CALL_FORMAT_JSON || call->format == CALL_FORMAT_JSON_STREAM) {
        json_array_foreach(listeners, i, listener)
            json_object_set_new(listener, "node", json_string(node));
        json_t *answer =
            json_pack("{sssssO}", "result", "ok", "node", node, "listeners", listeners);
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(answer);
    } else {
        printf("Successfully connected to ports %s on node %s.\n", ports, node);
    }
}

static int report(const struct call *call, const char *node, const struct text *good,
                  const struct text *bad, json_t *listeners) {
    struct text sentence = {0};

    if (bad->len == 0 && good->len > 0) {
        say_connected(call, node, text_chars(good), listeners);
        return EX_OK;
    }
    if (bad->len == 0)
        text_append_format(
            &sentence, "Node %s listens on no port: suspend_listeners or drain closed them", node);
    else
        text_append_format(&sentence,
                           "Connection to ports of the following listeners on node %s failed: %s",
                           node, text_chars(bad));
    client_complain(call, text_chars(&sentence));
    text_clear(&sentence);
    return EX_UNAVAILABLE;
}

int local_check_port_connectivity(const struct call *call) {
    struct call question = *call;
    struct text node = {0}, good = {0}, bad = {0};
    json_t *listeners = NULL;
    size_t index;
    json_t *listener;

    question.command = COMMAND_listeners;
    question.option_count = 0;
    int result = client_collect(&question, false, &listeners);
    client_append_node(&node, call);
    if (result == EX_OK) {
        banner_print(call, text_chars(&node));
        json_array_foreach(listeners, index, listener)
            append_port(listener_answers(call, listener) ? &good : &bad, listener);
        result = report(call, text_chars(&node), &good, &bad, listeners);
    }
    json_decref(listeners);
    text_clear(&node);
    text_clear(&good);
    text_clear(&bad);
    return result;
}
