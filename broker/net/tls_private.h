/* SPDX-License-Identifier: Apache-2.0 */
/* What contexts and sessions share. For broker/net only. */
#ifndef LEVERET_BROKER_NET_TLS_PRIVATE_H
#define LEVERET_BROKER_NET_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/base/text.h"
#include "broker/net/tls_context.h"

#define TLS_NAMED_MAX 32

struct tls_context {
    SSL_CTX *ssl; /* the default one */
    SSL_CTX *named[TLS_NAMED_MAX];
    size_t named_count;
    struct tls_login login;
    bool verify_peer;
    int64_t expires_s;
    bool resumes;        /* a client's: see tls_context_set_resumption() */
    SSL_SESSION *ticket; /* the last one, NULL before */
    struct tls_counters counters;
};

/* Counts what a peer says between handshake and end; set on every SSL_CTX. */
void tls_session_on_message(int is_written, int version, int content_type, const void *octets,
                            size_t len, SSL *ssl, void *argument);

/* A client was given a ticket. */
int tls_session_on_ticket(SSL *ssl, SSL_SESSION *ticket);

/* tls_certificate.c: a name as RabbitMQ writes it, "CN=client,O=Example". */
void tls_append_name(struct text *text, const X509_NAME *name);
/* "2026-11-21T10:00:00Z - 2027-11-21T10:00:00Z" */
void tls_append_validity(struct text *text, const X509 *certificate);
/* The user of SASL EXTERNAL; false when the certificate has no such name. */
bool tls_append_login_name(struct text *text, X509 *certificate, const struct tls_login *login);
/* Whether a client that asks for `name` is given this certificate. */
bool tls_certificate_is_for(X509 *certificate, const char *name);

#endif
