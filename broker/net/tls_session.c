/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL reads from and writes to a BIO of our own that is nothing but two places in memory. An error
 * queue that is not empty makes OpenSSL see errors where there are none, so it is cleared before each
 * call.
 */
#include "broker/net/tls_session.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/tls_peer.h"
#include "broker/net/tls_private.h"

#define MINUTE_MS         60000
#define HELLO_PREFIX_SIZE 9 /* record header, handshake type, length */

struct tls_session {
    SSL *ssl;
    struct tls_context *context;
    struct slice input;        /* given and not yet used */
    struct tls_buffer *output; /* where a call writes to, NULL between calls */
    const char *failure;
    uint8_t hello[HELLO_PREFIX_SIZE]; /* how the first message begins */
    uint8_t hello_len;
    bool is_established;
    uint32_t message_count; /* since minute_begin_ms */
    int64_t minute_begin_ms;
    struct tls_login login; /* of the configuration it began with */
    bool verify_peer;
};

/* --- octets --- */

void tls_buffer_append(struct tls_buffer *buffer, struct slice octets) {
    if (octets.len > buffer->capacity - buffer->len) {
        size_t capacity = buffer->capacity * 2;
        if (capacity < buffer->len + octets.len)
            capacity = buffer->len + octets.len;
        buffer->data = xrealloc(buffer->data, capacity);
        buffer->capacity = capacity;
    }
    if (octets.len > 0)
        memcpy(buffer->data + buffer->len, octets.data, octets.len);
    buffer->len += octets.len;
}

void tls_buffer_clear(struct tls_buffer *buffer) {
    free(buffer->data);
    *buffer = (struct tls_buffer){0};
}

static int bio_read(BIO *bio, char *buffer, size_t size, size_t *ret_read) {
    struct tls_session *session = BIO_get_data(bio);
    size_t len = size < session->input.len ? size : session->input.len;

    BIO_clear_retry_flags(bio);
    if (len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(buffer, session->input.data, len);
    session->input = slice_of(session->input.data + len, session->input.len - len);
    *ret_read = len;
    return 1;
}

static int bio_write(BIO *bio, const char *octets, size_t len, size_t *ret_written) {
    struct tls_session *session = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (session->output != NULL)
        tls_buffer_append(session->output, slice_of(octets, len));
    *ret_written = len;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* One for the process: OpenSSL numbers them and never gives a number back. */
static BIO_METHOD *memory_method(void) {
    static BIO_METHOD *method;

    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "leveret");
        BIO_meth_set_read_ex(method, bio_read);
        BIO_meth_set_write_ex(method, bio_write);
        BIO_meth_set_ctrl(method, bio_control);
    }
    return method;
}

/* --- life --- */

struct tls_session *tls_session_create(struct tls_context *context) {
    struct tls_session *session = xcalloc(1, sizeof *session);
    SSL *ssl = SSL_new(context->ssl);
    BIO *bio = BIO_new(memory_method());

    if (ssl == NULL || bio == NULL) {
        SSL_free(ssl);
        BIO_free(bio);
        free(session);
        return NULL;
    }
    session->ssl = ssl;
    session->context = context;
    session->login = context->login;
    session->verify_peer = context->verify_peer;
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, session);
    SSL_set_accept_state(ssl);
    return session;
}

struct tls_session *tls_session_create_client(struct tls_context *context, const char *host) {
    struct tls_session *session = tls_session_create(context);

    if (session == NULL)
        return NULL;
    session->hello_len = HELLO_PREFIX_SIZE; /* a server's first message is no hello of this kind */
    SSL_set_connect_state(session->ssl);
    SSL_set1_host(session->ssl, host);
    SSL_set_tlsext_host_name(session->ssl, host);
    if (context->resumes && context->ticket != NULL)
        SSL_set_session(session->ssl, context->ticket);
    return session;
}

/* Keeps the reference that comes with it. */
int tls_session_on_ticket(SSL *ssl, SSL_SESSION *ticket) {
    struct tls_context *context = ((struct tls_session *)SSL_get_app_data(ssl))->context;

    SSL_SESSION_free(context->ticket);
    context->ticket = ticket;
    return 1;
}

void tls_session_destroy(struct tls_session *session) {
    if (session == NULL)
        return;
    /* OpenSSL takes a session that was cut off for one that must not be resumed. */
    SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(session->ssl);
    free(session);
}

void tls_session_give(struct tls_session *session, struct slice ciphertext) {
    assert(session->input.len == 0);
    session->input = ciphertext;
}

/* --- failing --- */

static enum tls_status fail(struct tls_session *session, const char *why) {
    session->failure = why;
    session->input = SLICE("");
    return TLS_FAILED;
}

static enum tls_status fail_as_openssl_says(struct tls_session *session) {
    long verified = SSL_get_verify_result(session->ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    if (verified != X509_V_OK)
        reason = X509_verify_cert_error_string(verified);
    ERR_clear_error();
    return fail(session, reason == NULL ? "unknown reason" : reason);
}

const char *tls_session_failure(const struct tls_session *session) {
    return session->failure;
}

/* --- handshake --- */

/* OpenSSL makes room for as much as the first message says it has, up to 128 KiB. */
static bool hello_is_too_long(struct tls_session *session) {
    const uint8_t *hello = session->hello;
    size_t missing = HELLO_PREFIX_SIZE - (size_t)session->hello_len;
    size_t len = missing < session->input.len ? missing : session->input.len;

    if (len > 0)
        memcpy(session->hello + session->hello_len, session->input.data, len);
    session->hello_len = (uint8_t)(session->hello_len + len);
    return session->hello_len == HELLO_PREFIX_SIZE && len > 0 && hello[0] == SSL3_RT_HANDSHAKE &&
           ((uint32_t)hello[6] << 16 | (uint32_t)hello[7] << 8 | hello[8]) > TLS_HELLO_MAX;
}

enum tls_status tls_session_handshake(struct tls_session *session, struct tls_buffer *output) {
    if (hello_is_too_long(session))
        return fail(session, "client hello too long");
    session->output = output;
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    session->output = NULL;
    if (result == 1) {
        session->is_established = true;
        return TLS_READY;
    }
    return SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ
               ? TLS_MORE
               : fail_as_openssl_says(session);
}

/* --- after it --- */

void tls_session_on_message(int is_written, int version, int content_type, const void *octets,
                            size_t len, SSL *ssl, void *argument) {
    struct tls_session *session = SSL_get_app_data(ssl);

    (void)version;
    (void)octets;
    (void)len;
    (void)argument;
    if (!is_written && content_type == SSL3_RT_HANDSHAKE && session != NULL &&
        session->is_established)
        session->message_count++;
}

/* A client is told about tickets by its server; a server is told nothing in good faith so often. */
static bool says_too_much(struct tls_session *session, int64_t now_ms) {
    if (now_ms - session->minute_begin_ms >= MINUTE_MS) {
        session->minute_begin_ms = now_ms;
        session->message_count = session->message_count > 0;
    }
    return session->message_count > TLS_MESSAGES_PER_MINUTE;
}

enum tls_status tls_session_read(struct tls_session *session, int64_t now_ms, uint8_t *plaintext,
                                 size_t size, size_t *ret_len, struct tls_buffer *output) {
    size_t len = 0, got;
    int result = 1;

    session->output = output;
    while (len < size && !says_too_much(session, now_ms)) {
        ERR_clear_error();
        result = SSL_read_ex(session->ssl, plaintext + len, size - len, &got);
        if (result != 1)
            break;
        len += got;
    }
    session->output = NULL;
    *ret_len = len;
    if (session->message_count > TLS_MESSAGES_PER_MINUTE)
        return fail(session, "too many key updates");
    if (result == 1)
        return TLS_READY;
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_READY;
    case SSL_ERROR_ZERO_RETURN:
        session->input = SLICE("");
        return TLS_ENDED;
    default:
        return fail_as_openssl_says(session);
    }
}

bool tls_session_update_key(struct tls_session *session) {
    return SSL_key_update(session->ssl, SSL_KEY_UPDATE_REQUESTED) == 1;
}

/* The octets for the next record: a piece's own when it is long enough, else copied together. */
static struct slice next_record(const struct iovec *iov, int count, size_t skip, size_t limit,
                                uint8_t *room) {
    size_t len = 0;

    for (; skip >= iov->iov_len; iov++, count--)
        skip -= iov->iov_len;
    if (iov->iov_len - skip >= limit)
        return slice_of((const uint8_t *)iov->iov_base + skip, limit);
    for (; count > 0 && len < limit; iov++, count--, skip = 0) {
        size_t part = iov->iov_len - skip;
        if (part > limit - len)
            part = limit - len;
        memcpy(room + len, (const uint8_t *)iov->iov_base + skip, part);
        len += part;
    }
    return slice_of(room, len);
}

static size_t size_of(const struct iovec *iov, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += iov[i].iov_len;
    return size;
}

size_t tls_session_write(struct tls_session *session, const struct iovec *iov, int count,
                         size_t limit, struct tls_buffer *output) {
    uint8_t room[TLS_RECORD_SIZE];
    size_t total = size_of(iov, count), taken = 0, written;

    if (limit > total)
        limit = total;
    session->output = output;
    while (taken < limit) {
        size_t wanted = limit - taken < TLS_RECORD_SIZE ? limit - taken : TLS_RECORD_SIZE;
        struct slice record = next_record(iov, count, taken, wanted, room);
        ERR_clear_error();
        if (SSL_write_ex(session->ssl, record.data, record.len, &written) != 1) {
            fail_as_openssl_says(session);
            break;
        }
        taken += written;
    }
    session->output = NULL;
    return taken;
}

void tls_session_end(struct tls_session *session, struct tls_buffer *output) {
    if (!session->is_established || session->failure != NULL)
        return;
    session->output = output;
    ERR_clear_error();
    SSL_shutdown(session->ssl);
    session->output = NULL;
}

/* --- who is there --- */

bool tls_session_was_resumed(const struct tls_session *session) {
    return SSL_session_reused(session->ssl) == 1;
}

static const char *cipher_name(int nid) {
    switch (nid) {
    case NID_aes_128_gcm:
        return "aes_128_gcm";
    case NID_aes_256_gcm:
        return "aes_256_gcm";
    case NID_aes_128_ccm:
        return "aes_128_ccm";
    case NID_aes_256_ccm:
        return "aes_256_ccm";
    case NID_chacha20_poly1305:
        return "chacha20_poly1305";
    case NID_aes_128_cbc:
        return "aes_128_cbc";
    case NID_aes_256_cbc:
        return "aes_256_cbc";
    default:
        return OBJ_nid2sn(nid);
    }
}

static const char *key_exchange_name(const SSL_CIPHER *cipher) {
    bool by_rsa = SSL_CIPHER_get_auth_nid(cipher) == NID_auth_rsa;

    switch (SSL_CIPHER_get_kx_nid(cipher)) {
    case NID_kx_any:
        return "any";
    case NID_kx_ecdhe:
        return by_rsa ? "ecdhe_rsa" : "ecdhe_ecdsa";
    case NID_kx_dhe:
        return "dhe_rsa";
    default:
        return "rsa";
    }
}

static const char *hash_name(const SSL_CIPHER *cipher) {
    if (SSL_CIPHER_is_aead(cipher))
        return "aead";
    switch (SSL_CIPHER_get_digest_nid(cipher)) {
    case NID_sha384:
        return "sha384";
    case NID_sha256:
        return "sha256";
    default:
        return "sha";
    }
}

void tls_session_describe(const struct tls_session *session, struct tls_peer *ret_peer,
                          struct text texts[4]) {
    const SSL_CIPHER *cipher = SSL_get_current_cipher(session->ssl);
    X509 *certificate = SSL_get0_peer_certificate(session->ssl);
    bool is_verified = session->verify_peer && SSL_get_verify_result(session->ssl) == X509_V_OK;

    *ret_peer = (struct tls_peer){
        .protocol = SSL_version(session->ssl) == TLS1_3_VERSION ? "tlsv1.3" : "tlsv1.2",
        .key_exchange = key_exchange_name(cipher),
        .cipher = cipher_name(SSL_CIPHER_get_cipher_nid(cipher)),
        .hash = hash_name(cipher),
    };
    if (certificate == NULL)
        return;
    tls_append_name(&texts[0], X509_get_subject_name(certificate));
    tls_append_name(&texts[1], X509_get_issuer_name(certificate));
    tls_append_validity(&texts[2], certificate);
    ret_peer->subject = text_chars(&texts[0]);
    ret_peer->issuer = text_chars(&texts[1]);
    ret_peer->validity = text_chars(&texts[2]);
    if (is_verified && tls_append_login_name(&texts[3], certificate, &session->login))
        ret_peer->login_name = text_chars(&texts[3]);
}
