/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp://user:password@host:port/vhost, or amqps:// for TLS on port 5671, every part optional, parts percent-encoded, an IPv6 address
 * in brackets.  What is missing is guest, guest, localhost, 5672 and "/"; a path of just "/" means
 * the virtual host with the empty name, as RabbitMQ's URI specification has it - except that
 * clients do not agree on it, and nobody has such a virtual host: it is taken as "/" here.
 */
#ifndef LEVERET_PERF_URI_H
#define LEVERET_PERF_URI_H

#include <stdbool.h>

#define URI_PART_MAX 256

struct uri {
    bool tls;
    char user[URI_PART_MAX];
    char password[URI_PART_MAX];
    char host[URI_PART_MAX];
    char port[8];
    char vhost[URI_PART_MAX];
};

/* False when the text is no such URI or a part is too long. */
bool uri_parse(const char *text, struct uri *ret_uri);

#endif
