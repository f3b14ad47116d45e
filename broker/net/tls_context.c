/* SPDX-License-Identifier: Apache-2.0 */
/* From options to SSL_CTX: every step that fails names the key, the value and OpenSSL's reason. */
#include "broker/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/net/tls_private.h"

#define CIPHERS_DEFAULT  "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS           "X25519:P-256:P-384"
#define SECURITY_LEVEL   2 /* 112 bits: RSA from 2048, no SHA-1 */
#define SESSION_SECONDS  3600
#define TICKETS          1
#define CLIENT_CHAIN_MAX (32u * 1024u) /* octets of a client's certificates */
#define TICKET_KEY_SIZE  80

#define OPTIONS_ALWAYS                                                                     \
    (SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | \
     SSL_OP_NO_TLSv1_1)

/* Appends OpenSSL's first complaint and forgets all of them. */
static void append_reason(struct text *error) {
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);

    if (ERR_SYSTEM_ERROR(code))
        reason = strerror(ERR_GET_REASON(code));
    text_append_format(error, "%s", reason == NULL ? "unknown reason" : reason);
    ERR_clear_error();
}

static bool refuse(const struct tls_options *options, const char *key, const char *value,
                   struct text *error) {
    text_append_format(error, "%s.%s = %s: ", options->prefix, key, value);
    append_reason(error);
    return false;
}

/* --- ciphers --- */

static bool is_tls13_suite(const char *name) {
    return strncmp(name, "TLS_", 4) == 0;
}

static void append_suite(struct text *list, const char *name) {
    text_append_format(list, "%s%s", list->len == 0 ? "" : ":", name);
}

/* OpenSSL skips names it does not know: each has to be good by itself. */
static bool suite_is_known(SSL_CTX *ssl, const char *name) {
    return is_tls13_suite(name) ? SSL_CTX_set_ciphersuites(ssl, name) == 1
                                : SSL_CTX_set_cipher_list(ssl, name) == 1;
}

static bool set_named_ciphers(SSL_CTX *ssl, const struct tls_options *options, bool *tls12,
                              bool *tls13, struct text *error) {
    struct text old_suites = {0}, new_suites = {0};
    bool set = true;

    for (size_t i = 0; set && i < options->cipher_count; i++) {
        const char *name = options->ciphers[i];
        append_suite(is_tls13_suite(name) ? &new_suites : &old_suites, name);
        if (!suite_is_known(ssl, name))
            set = refuse(options, "ciphers", name, error);
    }
    *tls12 &= old_suites.len > 0;
    *tls13 &= new_suites.len > 0;
    if (set && old_suites.len > 0)
        set = SSL_CTX_set_cipher_list(ssl, old_suites.chars) == 1;
    if (set && new_suites.len > 0)
        set = SSL_CTX_set_ciphersuites(ssl, new_suites.chars) == 1;
    text_clear(&old_suites);
    text_clear(&new_suites);
    return set;
}

static bool set_ciphers(SSL_CTX *ssl, const struct tls_options *options, struct text *error) {
    bool tls12 = options->tls12, tls13 = options->tls13;

    if (options->cipher_count == 0)
        SSL_CTX_set_cipher_list(ssl, CIPHERS_DEFAULT);
    else if (!set_named_ciphers(ssl, options, &tls12, &tls13, error))
        return false;
    if (!tls12 && !tls13) {
        text_append_format(error, "%s.ciphers has none for the versions in %s.versions",
                           options->prefix, options->prefix);
        return false;
    }
    SSL_CTX_set_min_proto_version(ssl, tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(ssl, tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    return true;
}

/* --- certificates --- */

static int give_password(char *buffer, int size, int is_for_writing, void *context) {
    const char *password = context;
    size_t len = password == NULL ? 0 : strlen(password);

    (void)is_for_writing;
    if (len > (size_t)size)
        return -1;
    memcpy(buffer, password == NULL ? "" : password, len);
    return (int)len;
}

static bool use_files(SSL_CTX *ssl, const struct tls_options *options,
                      const struct tls_files *files, struct text *error) {
    bool used;

    SSL_CTX_set_default_passwd_cb(ssl, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, (void *)(uintptr_t)options->password);
    if (SSL_CTX_use_certificate_chain_file(ssl, files->certfile) != 1)
        used = refuse(options, "certfile", files->certfile, error);
    else if (SSL_CTX_use_PrivateKey_file(ssl, files->keyfile, SSL_FILETYPE_PEM) != 1)
        used = refuse(options, "keyfile", files->keyfile, error);
    else
        used = SSL_CTX_check_private_key(ssl) == 1 ||
               refuse(options, "keyfile", files->keyfile, error);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    return used;
}

/* Clients are asked for one of these, and our own chain is completed from them. */
static bool use_authorities(SSL_CTX *ssl, const struct tls_options *options, struct text *error) {
    if (options->cacertfile == NULL)
        return true;
    if (SSL_CTX_load_verify_file(ssl, options->cacertfile) != 1)
        return refuse(options, "cacertfile", options->cacertfile, error);
    if (options->verify_peer)
        SSL_CTX_set_client_CA_list(ssl, SSL_load_client_CA_file(options->cacertfile));
    return true;
}

static void set_verification(SSL_CTX *ssl, const struct tls_options *options) {
    int mode = SSL_VERIFY_NONE;

    if (options->verify_peer)
        mode =
            SSL_VERIFY_PEER | (options->fail_if_no_peer_cert ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(ssl, mode, NULL);
    SSL_CTX_set_verify_depth(ssl, (int)options->depth);
    SSL_CTX_set_max_cert_list(ssl, CLIENT_CHAIN_MAX);
}

static int64_t expiry_of(SSL_CTX *ssl) {
    struct tm time;
    X509 *certificate = SSL_CTX_get0_certificate(ssl);

    if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1)
        return INT64_MAX;
    return (int64_t)timegm(&time);
}

/* --- names (SNI) --- */

/* Not one of ours: the default certificate, and the client decides. */
static int choose_certificate(SSL *ssl, int *alert, void *argument) {
    const struct tls_context *context = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    for (size_t i = 0; name != NULL && i < context->named_count; i++) {
        if (!tls_certificate_is_for(SSL_CTX_get0_certificate(context->named[i]), name))
            continue;
        SSL_set_SSL_CTX(ssl, context->named[i]);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_OK;
}

/* --- building --- */

static void set_basics(SSL_CTX *ssl) {
    SSL_CTX_set_options(ssl, OPTIONS_ALWAYS);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
    SSL_CTX_set1_groups_list(ssl, GROUPS);
    SSL_CTX_set_msg_callback(ssl, tls_session_on_message);
}

static void set_sessions(SSL_CTX *ssl) {
    static const unsigned char session_context[] = "leveret";

    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* tickets keep no state here */
    SSL_CTX_set_session_id_context(ssl, session_context, sizeof session_context - 1);
    SSL_CTX_set_timeout(ssl, SESSION_SECONDS);
    SSL_CTX_set_num_tickets(ssl, TICKETS);
}

static SSL_CTX *make_one(const struct tls_options *options, const struct tls_files *files,
                         struct text *error) {
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());

    ERR_clear_error();
    set_basics(ssl);
    set_sessions(ssl);
    if (options->honor_cipher_order)
        SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    set_verification(ssl, options);
    if (set_ciphers(ssl, options, error) && use_files(ssl, options, files, error) &&
        use_authorities(ssl, options, error))
        return ssl;
    SSL_CTX_free(ssl);
    return NULL;
}

static void release(struct tls_context *context) {
    SSL_CTX_free(context->ssl);
    for (size_t i = 0; i < context->named_count; i++)
        SSL_CTX_free(context->named[i]);
    context->ssl = NULL;
    context->named_count = 0;
}

static bool add_named(struct tls_context *context, const struct tls_options *options,
                      struct text *error) {
    for (size_t i = 0; i < options->named_count && i < TLS_NAMED_MAX; i++) {
        SSL_CTX *ssl = make_one(options, &options->named[i], error);
        if (ssl == NULL)
            return false;
        context->named[context->named_count++] = ssl;
        int64_t expires_s = expiry_of(ssl);
        if (expires_s < context->expires_s)
            context->expires_s = expires_s;
    }
    return true;
}

static bool check_together(const struct tls_options *options, struct text *error) {
    if (options->verify_peer && options->cacertfile == NULL)
        text_append_format(error, "%s.verify = verify_peer needs %s.cacertfile", options->prefix,
                           options->prefix);
    else if (options->fail_if_no_peer_cert && !options->verify_peer)
        text_append_format(error, "%s.fail_if_no_peer_cert = true needs %s.verify = verify_peer",
                           options->prefix, options->prefix);
    else if (options->named_count > TLS_NAMED_MAX)
        text_append_format(error, "more than %d certificates for names", TLS_NAMED_MAX);
    else
        return true;
    return false;
}

static bool build(struct tls_context *context, const struct tls_options *options,
                  struct text *error) {
    context->login = options->login;
    context->verify_peer = options->verify_peer;
    if (!check_together(options, error))
        return false;
    context->ssl = make_one(options, &options->files, error);
    if (context->ssl == NULL)
        return false;
    context->expires_s = expiry_of(context->ssl);
    return add_named(context, options, error);
}

static void answer_names(struct tls_context *context) {
    SSL_CTX_set_tlsext_servername_callback(context->ssl, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(context->ssl, context);
}

bool tls_context_create(const struct tls_options *options, struct tls_context **ret_context,
                        struct text *error) {
    struct tls_context *context = xcalloc(1, sizeof *context);

    if (build(context, options, error)) {
        answer_names(context);
        *ret_context = context;
        return true;
    }
    tls_context_destroy(context);
    return false;
}

bool tls_context_reload(struct tls_context *context, const struct tls_options *options,
                        struct text *error) {
    struct tls_context fresh = {.counters = context->counters};

    if (!build(&fresh, options, error)) {
        release(&fresh);
        return false;
    }
    /* Handshakes that began with the old certificate end with it. */
    SSL_CTX_set_tlsext_servername_callback(context->ssl, NULL);
    release(context);
    *context = fresh;
    answer_names(context);
    return true;
}

void tls_context_destroy(struct tls_context *context) {
    if (context == NULL)
        return;
    if (context->ssl != NULL)
        SSL_CTX_set_tlsext_servername_callback(context->ssl, NULL);
    release(context);
    SSL_SESSION_free(context->ticket);
    free(context);
}

bool tls_context_create_client(const char *cacertfile, const struct tls_files *files,
                               struct tls_context **ret_context, struct text *error) {
    const struct tls_options options = {.prefix = "tls", .cacertfile = cacertfile};
    struct tls_context *context = xcalloc(1, sizeof *context);

    context->ssl = SSL_CTX_new(TLS_client_method());
    context->expires_s = INT64_MAX;
    set_basics(context->ssl);
    SSL_CTX_set_cipher_list(context->ssl, CIPHERS_DEFAULT);
    SSL_CTX_set_verify(context->ssl, cacertfile == NULL ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (use_authorities(context->ssl, &options, error) &&
        (files == NULL || use_files(context->ssl, &options, files, error))) {
        *ret_context = context;
        return true;
    }
    tls_context_destroy(context);
    return false;
}

void tls_context_set_resumption(struct tls_context *context, bool resumes) {
    context->resumes = resumes;
    SSL_CTX_set_session_cache_mode(context->ssl,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ssl, tls_session_on_ticket);
}

int64_t tls_context_expires_s(const struct tls_context *context) {
    return context->expires_s;
}

const struct tls_counters *tls_context_counters(const struct tls_context *context) {
    return &context->counters;
}

void tls_context_rotate_tickets(struct tls_context *context) {
    unsigned char keys[TICKET_KEY_SIZE];

    if (RAND_bytes(keys, sizeof keys) == 1)
        SSL_CTX_set_tlsext_ticket_keys(context->ssl, keys, sizeof keys);
}
