/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection's TLS without a socket: ciphertext is given, plaintext taken, and the other way round.
 * The transport moves the octets; a test and a fuzzer can do so too.
 *
 *     tls_session_give(session, what was read);
 *     tls_session_handshake(session, &output)        until TLS_READY; send `output` each time
 *     tls_session_read(session, ...)                 all that was given
 *     tls_session_write(session, ...)                records, filled to 16 KiB where there is so much
 *
 * Given octets are borrowed until the next call that uses them has returned: reading takes all of them
 * when it has room for as many octets and TLS_READ_EXTRA more.
 *
 * After TLS_FAILED the session is good for nothing but sending `output`, which holds the alert.
 */
#ifndef LEVERET_BROKER_NET_TLS_SESSION_H
#define LEVERET_BROKER_NET_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

#define TLS_RECORD_SIZE 16384u
/* What an unfinished record of before may add. */
#define TLS_READ_EXTRA (TLS_RECORD_SIZE + 2048u)

/* A longer first message is refused before there is memory for it. */
#define TLS_HELLO_MAX 16384u

/* Messages of the handshake protocol after the handshake (KeyUpdate above all) in one minute. */
#define TLS_MESSAGES_PER_MINUTE 32

struct tls_context;
struct tls_peer;
struct tls_session;

enum tls_status {
    TLS_MORE,   /* wants more octets of the peer's */
    TLS_READY,  /* handshake: it is complete; read: everything given was used */
    TLS_ENDED,  /* the peer has said that nothing more comes */
    TLS_FAILED, /* see tls_session_failure() */
};

/* Growable octets; zero-initialised is empty. */
struct tls_buffer {
    uint8_t *data;
    size_t len;
    size_t capacity;
};

void tls_buffer_append(struct tls_buffer *buffer, struct slice octets);
void tls_buffer_clear(struct tls_buffer *buffer);

/* NULL when memory is out. */
struct tls_session *tls_session_create(struct tls_context *context);
/* A client that expects `host`'s certificate, if it checks any. */
struct tls_session *tls_session_create_client(struct tls_context *context, const char *host);
void tls_session_destroy(struct tls_session *session);

/* What came from the socket; borrowed until tls_session_handshake() or _read() has used it all, and not
 * before is more given. */
void tls_session_give(struct tls_session *session, struct slice ciphertext);

/* Goes on with the handshake; what is to be sent is appended to `output`. */
enum tls_status tls_session_handshake(struct tls_session *session, struct tls_buffer *output);

/* Appends to `output` what TLS itself has to say. `now_ms` counts the peer's own such messages. */
enum tls_status tls_session_read(struct tls_session *session, int64_t now_ms, uint8_t *plaintext,
                                 size_t size, size_t *ret_len, struct tls_buffer *output);

/* Encrypts from the front of `iov`, at most `limit` octets; returns how many. */
size_t tls_session_write(struct tls_session *session, const struct iovec *iov, int count,
                         size_t limit, struct tls_buffer *output);

/* Says that nothing more comes. */
void tls_session_end(struct tls_session *session, struct tls_buffer *output);

/* Asks the peer for new keys with the next octets, as only attackers do often. TLS 1.3. */
bool tls_session_update_key(struct tls_session *session);

/* Why it failed, in OpenSSL's words. */
const char *tls_session_failure(const struct tls_session *session);

/* With a ticket of an earlier session; after TLS_READY. */
bool tls_session_was_resumed(const struct tls_session *session);

/* Texts stay good as long as `texts` does; the caller clears it. After TLS_READY. */
void tls_session_describe(const struct tls_session *session, struct tls_peer *ret_peer,
                          struct text texts[4]);

#endif
