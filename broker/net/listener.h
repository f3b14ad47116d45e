/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening socket, TCP or Unix. Accepts with a budget per wake-up, so that a storm of connections does
 * not starve those that exist. When descriptors run out it stops accepting, says so once, and goes
 * on when a connection has closed or after a second; the kernel keeps the waiting peers meanwhile.
 * The last LISTENER_RESERVED descriptors are for the journal's files and for the operator, whose
 * listeners may use them.
 */
#ifndef LEVERET_BROKER_NET_LISTENER_H
#define LEVERET_BROKER_NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/net/transport.h"

struct listener;
struct loop;

/* Half of all there are, when they are fewer than twice this. */
#define LISTENER_RESERVED 32

struct listener_options {
    const char
        *address;  /* NULL: every interface, IPv6 and IPv4 by one socket where the system can */
    uint16_t port; /* 0: any free one, see listener_port() */
    int backlog;   /* 0: 1024 */
    const char
        *path; /* not NULL: a Unix socket of mode 0600 instead; one that is left over there and
                         answers nobody is replaced */
    struct tls_context *tls; /* see struct transport_options */
    const struct proxy_sources *proxies;
    uint32_t opening_timeout_ms;
    bool may_use_reserved; /* of the descriptors */
    bool delays;           /* the kernel may wait for more octets before it sends (Nagle) */
    bool keepalive;        /* TCP's own */
    uint32_t send_buffer;  /* octets; 0: the kernel's choice, as for the other */
    uint32_t receive_buffer;
};

/*
 * Listens, and opens a transport with `create` for each connection. Negative errno when it cannot:
 * -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL for a text that is no address,
 * -ENAMETOOLONG for a path that no Unix socket can have.
 */
int listener_open(struct loop *loop, const struct listener_options *options,
                  transport_factory *create, void *context, struct listener **ret_listener);

/* Takes over a connected, non-blocking descriptor. */
typedef void listener_taker(void *context, int fd, const struct transport_peer *peer);

/* Listens likewise, and hands each connection's descriptor to `take`: for a library with sockets of
 * its own. */
int listener_open_raw(struct loop *loop, const struct listener_options *options,
                      listener_taker *take, void *context, struct listener **ret_listener);

/* Ends such a connection in both directions; the descriptor stays open, and its owner's. */
void listener_end_raw(int fd);

/* Closes one that nobody has a use for. */
void listener_drop_raw(int fd);

/* For connections from now on. */
void listener_set_opening_timeout(struct listener *listener, uint32_t timeout_ms);

/* Connections that were accepted live on; a Unix socket's path is removed. NULL is allowed. */
void listener_close(struct listener *listener);

/* "[::]:5672"; a Unix socket's path */
const char *listener_name(const struct listener *listener);
uint16_t listener_port(const struct listener *listener);

#endif
