/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connected socket, with or without TLS: like recv() and writev(), on blocking and non-blocking
 * descriptors. Over TLS octets can wait on this side of the socket: what was taken and not yet sent
 * (stream_has_unsent: watch for room and call stream_send again, with nothing if there is nothing), and
 * what was received and not yet taken (stream_has_unread: call stream_receive before waiting).
 */
#ifndef LEVERET_PERF_STREAM_H
#define LEVERET_PERF_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "broker/net/tls_session.h"

struct stream {
    int fd;                  /* -1: closed */
    struct tls_session *tls; /* NULL: plain */
    uint8_t *ciphertext;     /* one read of the socket */
    size_t ciphertext_len;   /* octets of it that the session has not used up; it borrows them */
    struct tls_buffer unsent;
    size_t sent; /* octets of `unsent` that have left */
};

/* Shakes hands on a blocking socket; the server's certificate is checked as the context says. NULL, or
 * why not. */
const char *stream_begin_tls(struct stream *stream, struct tls_context *context, const char *host);

/* How many octets were taken, -1 with errno. Plain or blocking: as writev(). */
ssize_t stream_send(struct stream *stream, const struct iovec *iov, int count);

/* As recv() with no flags: 0 at the end. */
ssize_t stream_receive(struct stream *stream, uint8_t *at, size_t size);

static inline bool stream_has_unsent(const struct stream *stream) {
    return stream->unsent.len > stream->sent;
}

static inline bool stream_has_unread(const struct stream *stream) {
    return stream->ciphertext_len > 0;
}

/* Says nothing more: closes the socket and frees what there is. */
void stream_close(struct stream *stream);

#endif
