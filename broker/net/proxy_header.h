/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol, versions 1 and 2: a load balancer says in front of everything else who the peer
 * is. Whoever may say that may be anyone, so it is listened to from listed addresses only; from all
 * others a connection is what it is.
 */
#ifndef LEVERET_BROKER_NET_PROXY_HEADER_H
#define LEVERET_BROKER_NET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "amqp/slice.h"

/* With all that may be attached in version 2; longer ones are refused. */
#define PROXY_HEADER_MAX  2048u
#define PROXY_SOURCES_MAX 64

enum proxy_status { PROXY_MORE, PROXY_COMPLETE, PROXY_MALFORMED };

struct proxy_header {
    size_t len; /* octets it takes */
    bool
        is_local; /* the proxy speaks for itself (a health check): the addresses are the socket's */
    bool is_known; /* source and destination are set */
    struct sockaddr_storage source;
    struct sockaddr_storage destination;
};

/* `ret_header` is written when the header is complete; PROXY_MORE: these octets begin one. */
enum proxy_status proxy_header_parse(struct slice octets, struct proxy_header *ret_header);

/* Addresses that are believed. IPv4 addresses count inside IPv6 as well. */
struct proxy_source {
    unsigned char address[16]; /* IPv4 mapped into IPv6 */
    unsigned bits;             /* of them that count */
};

struct proxy_sources {
    struct proxy_source items[PROXY_SOURCES_MAX];
    size_t count;
};

/* From "10.0.0.1", "10.0.0.0/8", "fd00::/8"; false when it is none of these or there are too many. */
bool proxy_sources_add(struct proxy_sources *sources, const char *text);

bool proxy_sources_contain(const struct proxy_sources *sources,
                           const struct sockaddr_storage *address);

#endif
