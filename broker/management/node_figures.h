/* SPDX-License-Identifier: Apache-2.0 */
/* What only the whole program knows of itself, read when somebody asks. */
#ifndef LEVERET_BROKER_MANAGEMENT_NODE_FIGURES_H
#define LEVERET_BROKER_MANAGEMENT_NODE_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#define NODE_LISTENERS_MAX 24

struct node_listener {
    const char *protocol; /* RabbitMQ's: amqp, amqp/ssl, http, https, http/prometheus */
    char address[64];     /* "::" for every interface */
    uint16_t port;
    int64_t certificate_expires_s; /* Unix seconds; 0: it is not one for TLS */
};

/* Texts live as long as the program's configuration. */
struct node_figures {
    int64_t uptime_ms;
    uint64_t descriptors_used;
    uint64_t descriptors_max;
    uint64_t sockets_used;
    unsigned processors;
    int process_id;
    const char *data_directory; /* "" : nothing is kept */
    uint64_t tls_handshakes;    /* of AMQP's TLS ports, since the start */
    uint64_t tls_handshakes_resumed;
    uint64_t tls_handshakes_failed;
    int64_t certificate_expires_s; /* of the first that does; 0: there is no TLS port */
    struct node_listener listeners[NODE_LISTENERS_MAX];
    size_t listener_count;
};

#endif
