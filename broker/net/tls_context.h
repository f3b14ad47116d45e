/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS side of a listener: certificates, keys, versions, who is asked for a certificate. TLS 1.2
 * and 1.3 only, AEAD ciphers with ephemeral keys unless the operator names others, no compression, no
 * renegotiation, no early data. Nothing falls back silently: what cannot be used is an error.
 *
 * tls_context_reload() reads the files again. Connections keep what they began with, new ones see the
 * new; session tickets from before no longer resume, so that a revoked authority lives on nowhere.
 */
#ifndef LEVERET_BROKER_NET_TLS_CONTEXT_H
#define LEVERET_BROKER_NET_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text;
struct tls_context;

enum tls_login_from {
    TLS_LOGIN_DISTINGUISHED_NAME,
    TLS_LOGIN_COMMON_NAME,
    TLS_LOGIN_ALTERNATIVE_NAME,
};

/* Which alternative name is meant, in the order of config's enum. */
enum tls_name_type {
    TLS_NAME_DNS,
    TLS_NAME_IP,
    TLS_NAME_EMAIL,
    TLS_NAME_URI,
    TLS_NAME_OTHER,
};

/* `ssl_cert_login_from` and what belongs to it. */
struct tls_login {
    enum tls_login_from from;
    enum tls_name_type name_type;
    unsigned name_index;
};

/* A certificate (with its chain) and its key, PEM. */
struct tls_files {
    const char *certfile;
    const char *keyfile;
};

/* Texts are borrowed for the call. */
struct tls_options {
    const char *prefix; /* of the keys in errors: "ssl_options" */
    struct tls_files files;
    const char *cacertfile; /* NULL: none */
    const char *password;   /* of the keys; NULL: none */
    bool verify_peer;
    bool fail_if_no_peer_cert;
    bool honor_cipher_order;
    unsigned depth;
    bool tls12;
    bool tls13;
    const char *const *ciphers;    /* OpenSSL's names of suites of both versions */
    size_t cipher_count;           /* 0: the built-in choice */
    const struct tls_files *named; /* for clients that ask for a name in one of these (SNI) */
    size_t named_count;
    struct tls_login login;
};

/* False with a sentence in `error`. */
bool tls_context_create(const struct tls_options *options, struct tls_context **ret_context,
                        struct text *error);

/* The same again. On false everything stays as it was. */
bool tls_context_reload(struct tls_context *context, const struct tls_options *options,
                        struct text *error);

/* Sessions may outlive it. NULL is allowed. */
void tls_context_destroy(struct tls_context *context);

/* A context for clients, of leveret-perf; NULL `cacertfile`: the server's certificate is not checked. */
bool tls_context_create_client(const char *cacertfile, const struct tls_files *files,
                               struct tls_context **ret_context, struct text *error);

/* Whether sessions of a client's context begin with the last ticket that one of them was given. */
void tls_context_set_resumption(struct tls_context *context, bool resumes);

/* When the first of its certificates expires, in Unix seconds. */
int64_t tls_context_expires_s(const struct tls_context *context);

/* Handshakes that succeeded and that failed, since the start. */
struct tls_counters {
    uint64_t handshakes;
    uint64_t resumed; /* of them */
    uint64_t failed;
};
const struct tls_counters *tls_context_counters(const struct tls_context *context);

/* New ticket keys: called a few times a day, so that a stolen key opens little. */
void tls_context_rotate_tickets(struct tls_context *context);

#endif
