/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS knows of a connection and of the peer's certificate, as texts: for SASL EXTERNAL, for the
 * log and for the management API. broker/net fills it in; a connection keeps a copy.
 */
#ifndef LEVERET_BROKER_BASE_TLS_PEER_H
#define LEVERET_BROKER_BASE_TLS_PEER_H

/* Each may be NULL: the cipher's parts always, the certificate's when the peer has shown none. */
struct tls_peer {
    const char *protocol; /* "tlsv1.3", as RabbitMQ's API has it */
    const char *key_exchange;
    const char *cipher;
    const char *hash;
    const char *subject;  /* "CN=client,O=Example", RabbitMQ's form of a distinguished name */
    const char *issuer;   /* likewise */
    const char *validity; /* "2026-11-21T10:00:00Z - 2027-11-21T10:00:00Z" */
    /*
     * The user that SASL EXTERNAL logs in, as `ssl_cert_login_from` says: NULL unless a certificate
     * was shown, verified against our authorities, and has such a name. A name with a NUL is none.
     */
    const char *login_name;
};

/* One allocation, for free(). */
struct tls_peer *tls_peer_copy(const struct tls_peer *peer);

#endif
