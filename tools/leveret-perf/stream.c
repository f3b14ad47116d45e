/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/alloc.h"

#define CIPHERTEXT_SIZE (256u * 1024u)
#define WRITE_SIZE      (8u * TLS_RECORD_SIZE)

static int64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* --- sending --- */

/* False with errno when not all of it could leave. */
static bool send_unsent(struct stream *stream) {
    struct tls_buffer *unsent = &stream->unsent;

    while (stream_has_unsent(stream)) {
        ssize_t sent =
            send(stream->fd, unsent->data + stream->sent, unsent->len - stream->sent, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        stream->sent += (size_t)sent;
    }
    unsent->len = stream->sent = 0;
    return true;
}

static ssize_t send_tls(struct stream *stream, const struct iovec *iov, int count) {
    if (!send_unsent(stream))
        return -1;
    size_t taken =
        count == 0 ? 0 : tls_session_write(stream->tls, iov, count, WRITE_SIZE, &stream->unsent);
    if (!send_unsent(stream) && errno != EAGAIN)
        return -1;
    return (ssize_t)taken;
}

ssize_t stream_send(struct stream *stream, const struct iovec *iov, int count) {
    const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                                   .msg_iovlen = (size_t)count};
    return stream->tls == NULL ? sendmsg(stream->fd, &message, MSG_NOSIGNAL)
                               : send_tls(stream, iov, count);
}

/* --- receiving --- */

/* Takes what was received before; 0 when that is used up, -1 at the end or on a failure. */
static ssize_t take_unread(struct stream *stream, uint8_t *at, size_t size) {
    size_t len = 0;

    if (stream->ciphertext_len == 0)
        return 0;
    enum tls_status status =
        tls_session_read(stream->tls, now_ms(), at, size, &len, &stream->unsent);
    if (len < size || status != TLS_READY)
        stream->ciphertext_len = 0;
    if (len == 0 && status != TLS_READY) {
        errno = status == TLS_ENDED ? 0 : EPROTO;
        return -1;
    }
    return (ssize_t)len;
}

static ssize_t read_ciphertext(struct stream *stream) {
    ssize_t got = recv(stream->fd, stream->ciphertext, CIPHERTEXT_SIZE, 0);
    if (got > 0) {
        stream->ciphertext_len = (size_t)got;
        tls_session_give(stream->tls, slice_of(stream->ciphertext, (size_t)got));
    }
    return got;
}

ssize_t stream_receive(struct stream *stream, uint8_t *at, size_t size) {
    if (stream->tls == NULL)
        return recv(stream->fd, at, size, 0);
    for (;;) {
        ssize_t len = take_unread(stream, at, size);
        if (len > 0)
            return len;
        if (len < 0)
            return errno == 0 ? 0 : -1;
        ssize_t got = read_ciphertext(stream);
        if (got <= 0)
            return got;
    }
}

/* --- the beginning and the end --- */

const char *stream_begin_tls(struct stream *stream, struct tls_context *context, const char *host) {
    enum tls_status status;

    stream->tls = tls_session_create_client(context, host);
    stream->ciphertext = xmalloc(CIPHERTEXT_SIZE);
    while ((status = tls_session_handshake(stream->tls, &stream->unsent)) == TLS_MORE) {
        if (!send_unsent(stream) || read_ciphertext(stream) <= 0)
            return "the broker dropped the connection during the TLS handshake";
    }
    if (status == TLS_FAILED)
        return tls_session_failure(stream->tls);
    return send_unsent(stream) ? NULL : "the broker dropped the connection";
}

void stream_close(struct stream *stream) {
    if (stream->fd >= 0)
        close(stream->fd);
    tls_session_destroy(stream->tls);
    tls_buffer_clear(&stream->unsent);
    free(stream->ciphertext);
    *stream = (struct stream){.fd = -1};
}
