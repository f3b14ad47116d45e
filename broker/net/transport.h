/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves octets between a socket and an endpoint (base/endpoint.h). Problem: thousands of
 * connections on one thread, each of which may send or refuse to read as it likes. Rules:
 *
 *   1. Every readable socket is read once per iteration, up to TRANSPORT_READ_SIZE octets, into the
 *      loop's one buffer. What the endpoint did not use (an unfinished frame, or anything while its
 *      input is paused) is kept in a small allocation of the connection, so that an idle one is
 * small.
 *   2. Nothing is written while input is handled. The tick flushes what became dirty, by writev, up
 *      to TRANSPORT_WRITE_BUDGET octets each; the rest waits for the next iteration.
 *   3. A full socket is watched for room (the only time the poll set changes for output). Output
 * past OUTPUT_HIGH_WATER stops reading until it fell to OUTPUT_LOW_WATER.
 *   4. An endpoint that makes much work of little input yields: what it left is fed in the next
 * iteration, and until then nothing more is read for it.
 *   5. Nothing is freed while a callback may still use it: transports_reap() at the end of the
 * tick.
 *
 * Life of a transport, and the function of each edge:
 *
 *   OPENING --transport_begin_open--> OPEN --begin_closing--> CLOSING
 *   OPENING, CLOSING --transport_begin_lingering--> LINGERING
 *   any of these --transport_finish--> ENDED
 *
 * OPENING: there is no endpoint yet; a PROXY header or a TLS handshake comes first, see
 * transport_opening.c. A plain connection without PROXY is OPEN at once.
 * CLOSING: endpoint_close() was called and output is still leaving; input is read and forgotten.
 * LINGERING: the endpoint is gone, the sending side is shut down, and we read until the peer has
 * closed too: a socket that is closed with unread input answers RST, and an RST destroys what the
 * peer has not yet read - the connection.close that explains all. Bounded by TRANSPORT_LINGER_MS
 * without progress.
 */
#ifndef LEVERET_BROKER_NET_TRANSPORT_H
#define LEVERET_BROKER_NET_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/base/endpoint.h"
#include "broker/net/loop.h"

struct proxy_sources;
struct tls_context;
struct tls_peer;

#define TRANSPORT_READ_SIZE    (256u * 1024u)
#define TRANSPORT_WRITE_BUDGET (1024u * 1024u)
#define TRANSPORT_LINGER_MS    3000

struct transport_peer {
    const char *name; /* "127.0.0.1:51234 -> 127.0.0.1:5672", RabbitMQ's connection name */
    bool is_loopback; /* the peer's address, and not only so by the word of a proxy elsewhere */
    const struct tls_peer *tls; /* NULL without TLS; borrowed for the call */
};

/* Makes the endpoint of a new connection; NULL refuses it. `peer` is borrowed for the call. */
typedef struct endpoint *transport_factory(void *context, const struct transport_peer *peer);

struct transport_options {
    transport_factory *create;
    void *context;
    struct tls_context *tls; /* NULL: plain; outlives its transports */
    const struct proxy_sources
        *proxies;                /* whose connections begin with a PROXY header; NULL: nobody's */
    uint32_t opening_timeout_ms; /* for PROXY header and TLS handshake together; 0: 5000 */
};

/*
 * Takes the connected, non-blocking socket `fd`; the transport owns socket and endpoint from here
 * on. False when the socket had failed already or the factory refused at once; `fd` is closed then.
 */
bool transport_open(struct loop *loop, int fd, const struct transport_options *options);

/* For struct endpoint_lists: what the kernel knows of the peer. */
uint64_t transport_progress(const struct endpoint *endpoint);

/* Steps of the tick: every dirty endpoint's output, pause and close are carried out ... */
void transports_flush(struct loop *loop, struct endpoint_lists *lists);
/* ... and what has ended is closed and freed. */
void transports_reap(struct loop *loop);

/* Ends all of them now, without waiting for output or peers. */
void transports_close_all(struct loop *loop);

#endif
