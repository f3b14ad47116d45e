/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a connection before there is an endpoint: the PROXY header where one is due, then the
 * TLS handshake. Both together have one deadline, whatever the trickle. Until it is over a connection
 * costs a transport, a small struct opening and what OpenSSL needs.
 *
 *   accepted -> [PROXY header] -> [handshake, in turns] -> transport_begin_open
 *
 * A handshake costs as much time as thousands of messages. Those that have input wait in a queue, and
 * each tick does some of them, for about HANDSHAKE_BUDGET_US: a storm of them delays others by no more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/tls_peer.h"
#include "broker/net/address.h"
#include "broker/net/listener_private.h"
#include "broker/net/proxy_header.h"
#include "broker/net/tls_private.h"
#include "broker/net/transport_private.h"
#include "broker/net/transport_tcp.h"

#define OPENING_TIMEOUT_MS  5000
#define HANDSHAKE_BUDGET_US 1000

struct transport_opening {
    struct list link; /* in loop->handshakes: there is input for the handshake */
    struct transport *transport;
    struct transport_options options;
    struct sockaddr_storage remote;
    struct sockaddr_storage local;
    bool is_loopback;
    bool awaits_proxy;
    size_t proxy_len; /* of what was read of the PROXY header */
    uint8_t proxy[];  /* PROXY_HEADER_MAX when one is due */
};

static void write_name(const struct sockaddr_storage *remote, const struct sockaddr_storage *local,
                       char name[PEER_NAME_SIZE]) {
    char remote_text[ADDRESS_TEXT_SIZE], local_text[ADDRESS_TEXT_SIZE];

    address_text(remote, remote_text);
    address_text(local, local_text);
    snprintf(name, PEER_NAME_SIZE, "%s -> %s", remote_text, local_text);
}

static void peer_text(const struct transport_opening *opening, char name[PEER_NAME_SIZE]) {
    write_name(&opening->remote, &opening->local, name);
}

/* --- the end of opening --- */

void transport_opening_destroy(struct transport *transport) {
    if (transport->opening == NULL)
        return;
    list_remove(&transport->opening->link);
    free(transport->opening);
    transport->opening = NULL;
}

static void give_up(struct transport *transport, const char *stage, const char *why) {
    char name[PEER_NAME_SIZE];

    peer_text(transport->opening, name);
    log_info(&transport->loop->env->log, "%s of %s failed: %s", stage, name, why);
    list_remove(&transport->opening->link);
    transport_finish(transport);
}

static struct endpoint *make_endpoint(const struct transport_opening *opening,
                                      const struct tls_peer *tls) {
    char name[PEER_NAME_SIZE];
    struct transport_peer peer = {.name = name, .is_loopback = opening->is_loopback, .tls = tls};

    peer_text(opening, name);
    return opening->options.create(opening->options.context, &peer);
}

static struct endpoint *make_tls_endpoint(const struct transport *transport) {
    struct tls_peer tls;
    struct text texts[4] = {{0}};

    tls_session_describe(transport->tls, &tls, texts);
    struct endpoint *endpoint = make_endpoint(transport->opening, &tls);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        text_clear(&texts[i]);
    return endpoint;
}

/* False when the connection was refused. */
static bool open_endpoint(struct transport *transport) {
    struct endpoint *endpoint = transport->tls == NULL ? make_endpoint(transport->opening, NULL)
                                                       : make_tls_endpoint(transport);
    if (endpoint == NULL) {
        transport_finish(transport);
        return false;
    }
    transport_opening_destroy(transport);
    transport_begin_open(transport, endpoint);
    return true;
}

/* --- TLS --- */

static void count(struct transport *transport, enum tls_status status) {
    struct tls_counters *counters = &transport->opening->options.tls->counters;

    counters->handshakes += status == TLS_READY;
    counters->resumed += status == TLS_READY && tls_session_was_resumed(transport->tls);
    counters->failed += status == TLS_FAILED;
}

/* The alert has to arrive, so the socket is not closed under it. */
static void refuse_handshake(struct transport *transport) {
    char name[PEER_NAME_SIZE];

    peer_text(transport->opening, name);
    log_info(&transport->loop->env->log, "TLS handshake of %s failed: %s", name,
             tls_session_failure(transport->tls));
    transport_begin_lingering(transport);
}

static void shake_hands(struct transport *transport) {
    struct tls_buffer *output = &transport->loop->tls_output;
    enum tls_status status = tls_session_handshake(transport->tls, output);
    bool failed;

    count(transport, status);
    if (!transport_tls_send(transport, output, &failed) && !failed)
        ev_io_start(transport->loop->ev, &transport->write_watcher);
    if (failed)
        give_up(transport, "TLS handshake", "the peer is gone");
    else if (status == TLS_FAILED)
        refuse_handshake(transport);
    else if (status == TLS_READY && open_endpoint(transport))
        transport_tls_feed(transport); /* what came behind the handshake */
}

static void take_turn(struct transport *transport) {
    long got = transport_tls_receive(transport);

    ev_io_start(transport->loop->ev, &transport->read_watcher);
    if (got > 0)
        shake_hands(transport);
    else if (got != -EAGAIN)
        give_up(transport, "TLS handshake", got == 0 ? "the peer closed" : strerror((int)-got));
}

static int64_t clock_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

bool transports_shake_hands(struct loop *loop) {
    if (list_is_empty(&loop->handshakes))
        return false;
    int64_t end_us = clock_us() + HANDSHAKE_BUDGET_US;
    struct list *link;
    while ((link = list_take_first(&loop->handshakes)) != NULL) {
        take_turn(LIST_ITEM(link, struct transport_opening, link)->transport);
        if (clock_us() >= end_us)
            break;
    }
    return true; /* what they led to is for the next tick, even when none is left */
}

static bool begin_handshake(struct transport *transport) {
    transport->tls = tls_session_create(transport->opening->options.tls);
    return transport->tls != NULL;
}

/* --- PROXY --- */

/*
 * Loopback is a promise about the peer of a connection to this machine. A proxy elsewhere that says
 * "127.0.0.1" means itself, and one that does not know who it is means anyone.
 */
static void believe(struct transport_opening *opening, const struct proxy_header *header) {
    if (header->is_local)
        return;
    opening->is_loopback &= header->is_known && address_is_loopback(&header->source);
    if (!header->is_known)
        return;
    opening->remote = header->source;
    opening->local = header->destination;
}

/* Looks at what is there and takes no octet that belongs to what follows. */
static enum proxy_status read_proxy(struct transport *transport, struct proxy_header *header,
                                    long *ret_got) {
    struct transport_opening *opening = transport->opening;
    uint8_t *end = opening->proxy + opening->proxy_len;

    ssize_t got = recv(transport->fd, end, PROXY_HEADER_MAX - opening->proxy_len, MSG_PEEK);
    *ret_got = got < 0 ? -errno : got;
    if (got <= 0)
        return PROXY_MORE;
    size_t seen = opening->proxy_len + (size_t)got;
    enum proxy_status status = proxy_header_parse(slice_of(opening->proxy, seen), header);
    if (status == PROXY_MALFORMED || (status == PROXY_MORE && seen == PROXY_HEADER_MAX))
        return PROXY_MALFORMED;
    size_t used = (status == PROXY_COMPLETE ? header->len : seen) - opening->proxy_len;
    if (recv(transport->fd, end, used, 0) != (ssize_t)used)
        return PROXY_MALFORMED;
    opening->proxy_len += used;
    return status;
}

static void proxy_readable(struct transport *transport) {
    struct proxy_header header = {0};
    long got;
    enum proxy_status status = read_proxy(transport, &header, &got);

    if (got == -EAGAIN || got == -EINTR)
        return;
    if (got <= 0) {
        give_up(transport, "PROXY header", "the peer closed");
    } else if (status == PROXY_MALFORMED) {
        give_up(transport, "PROXY header", "it is malformed");
    } else if (status == PROXY_COMPLETE) {
        believe(transport->opening, &header);
        transport->opening->awaits_proxy = false;
        if (transport->opening->options.tls == NULL)
            open_endpoint(transport);
        else if (!begin_handshake(transport))
            give_up(transport, "TLS handshake", "memory is out");
    }
}

/* --- sockets --- */

void transport_opening_readable(struct transport *transport) {
    if (transport->opening->awaits_proxy) {
        proxy_readable(transport);
        return;
    }
    ev_io_stop(transport->loop->ev, &transport->read_watcher);
    list_append(&transport->loop->handshakes, &transport->opening->link);
}

void transport_opening_writable(struct transport *transport) {
    struct tls_buffer none = {0};
    bool failed;

    if (!transport_tls_send(transport, &none, &failed) && !failed)
        ev_io_start(transport->loop->ev, &transport->write_watcher);
    if (failed)
        give_up(transport, "TLS handshake", "the peer is gone");
}

static void on_opening_timer(struct timer *timer) {
    struct transport *transport = LIST_ITEM(timer, struct transport, linger);

    give_up(transport, transport->opening->awaits_proxy ? "PROXY header" : "TLS handshake",
            "it took too long");
}

static struct transport_opening *make_opening(const struct transport_options *options,
                                              const struct sockaddr_storage *remote,
                                              const struct sockaddr_storage *local,
                                              bool awaits_proxy) {
    struct transport_opening *opening =
        xcalloc(1, sizeof *opening + (awaits_proxy ? PROXY_HEADER_MAX : 0));

    opening->options = *options;
    opening->remote = *remote;
    opening->local = *local;
    opening->is_loopback = address_is_loopback(remote);
    opening->awaits_proxy = awaits_proxy;
    return opening;
}

static bool find_addresses(int fd, struct sockaddr_storage *remote,
                           struct sockaddr_storage *local) {
    return getpeername(fd, (struct sockaddr *)remote, &(socklen_t){sizeof *remote}) == 0 &&
           getsockname(fd, (struct sockaddr *)local, &(socklen_t){sizeof *local}) == 0;
}

bool transport_describe_peer(int fd, char *name, struct transport_peer *peer) {
    struct sockaddr_storage remote = {0}, local = {0};

    if (!find_addresses(fd, &remote, &local))
        return false;
    write_name(&remote, &local, name);
    *peer = (struct transport_peer){.name = name, .is_loopback = address_is_loopback(&remote)};
    return true;
}

/* Nothing comes before the endpoint's own octets. */
static bool open_plain(struct loop *loop, int fd, const struct transport_options *options) {
    char name[PEER_NAME_SIZE];
    struct transport_peer peer;
    struct endpoint *endpoint = NULL;

    if (transport_describe_peer(fd, name, &peer))
        endpoint = options->create(options->context, &peer);
    if (endpoint == NULL) {
        close(fd);
        return false;
    }
    transport_begin_open(transport_create(loop, fd), endpoint);
    return true;
}

static void begin_opening(struct transport *transport) {
    struct loop *loop = transport->loop;
    uint32_t timeout_ms = transport->opening->options.opening_timeout_ms;

    ev_io_start(loop->ev, &transport->read_watcher);
    timer_start(loop->timers, &transport->linger,
                loop->env->now_ms + (timeout_ms == 0 ? OPENING_TIMEOUT_MS : timeout_ms),
                on_opening_timer);
    if (!transport->opening->awaits_proxy && !begin_handshake(transport))
        give_up(transport, "TLS handshake", "memory is out");
}

bool transport_open(struct loop *loop, int fd, const struct transport_options *options) {
    struct sockaddr_storage remote = {0}, local = {0};

    if (options->tls == NULL && options->proxies == NULL)
        return open_plain(loop, fd, options);
    if (!find_addresses(fd, &remote, &local)) {
        close(fd);
        return false;
    }
    bool awaits_proxy =
        options->proxies != NULL && proxy_sources_contain(options->proxies, &remote);
    if (options->tls == NULL && !awaits_proxy)
        return open_plain(loop, fd, options);
    struct transport *transport = transport_create(loop, fd);
    transport->opening = make_opening(options, &remote, &local, awaits_proxy);
    transport->opening->transport = transport;
    begin_opening(transport);
    return true;
}
