/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for a library that wants a socket of its own: the octets of a transport, decrypted, go into one end of a
 * socket pair whose other end is handed on, and back.
 *
 *     TLS socket <-> transport <-> relay <-> socket pair <-> listener_taker
 *
 * Either side that does not read stops the other one: the pair's buffers and OUTPUT_HIGH_WATER are all
 * that is kept. Whoever ends its side ends both.
 */
#ifndef LEVERET_BROKER_NET_RELAY_H
#define LEVERET_BROKER_NET_RELAY_H

#include "broker/net/listener.h"

struct endpoint_lists;
struct loop;
struct outbuf_pool;

struct relay_target {
    struct loop *loop;
    struct endpoint_lists *lists;
    struct outbuf_pool *pool;
    listener_taker *take;
    void *take_context;
};

/* A transport_factory; the context is a struct relay_target that outlives the connection's beginning. */
struct endpoint *relay_create(void *target, const struct transport_peer *peer);

#endif
