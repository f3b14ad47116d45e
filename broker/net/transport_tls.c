/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte mover of TLS. One read of the socket brings up to TRANSPORT_READ_SIZE octets of ciphertext
 * into a buffer of the loop, all of them are decrypted into the loop's input buffer at once, and what
 * the endpoint does not use is kept as plaintext: no connection holds ciphertext but for an unfinished
 * record, which is OpenSSL's. On the way out records are filled to 16 KiB and up to TLS_WRITE_SIZE
 * octets leave in one write; what the socket refuses is kept, and nothing more is encrypted before it
 * has left.
 */
#include <errno.h>
#include <string.h>

#include "broker/net/transport_private.h"
#include "broker/net/transport_tcp.h"

#define TLS_WRITE_SIZE (8u * TLS_RECORD_SIZE)

/* --- sending --- */

/* False when the socket took less than all. */
static bool send_octets(struct transport *transport, struct slice octets, size_t *ret_sent,
                        bool *ret_failed) {
    const struct iovec iov = {(void *)(uintptr_t)octets.data, octets.len};
    long sent = octets.len == 0 ? 0 : transport_tcp_write(transport->fd, &iov, 1);

    *ret_failed = sent < 0 && sent != -EAGAIN;
    *ret_sent = sent < 0 ? 0 : (size_t)sent;
    return *ret_sent == octets.len;
}

static bool send_unsent(struct transport *transport, bool *ret_failed) {
    struct tls_buffer *unsent = &transport->unsent;
    size_t sent;

    bool all = send_octets(transport, slice_of(unsent->data, unsent->len), &sent, ret_failed);
    unsent->len -= sent;
    if (all)
        tls_buffer_clear(unsent);
    else if (sent > 0)
        memmove(unsent->data, unsent->data + sent, unsent->len);
    return all;
}

bool transport_tls_send(struct transport *transport, struct tls_buffer *output, bool *ret_failed) {
    size_t sent = 0;

    *ret_failed = false;
    bool all = transport->unsent.len == 0 || send_unsent(transport, ret_failed);
    if (all)
        all = send_octets(transport, slice_of(output->data, output->len), &sent, ret_failed);
    if (sent < output->len)
        tls_buffer_append(&transport->unsent, slice_of(output->data + sent, output->len - sent));
    output->len = 0;
    return all;
}

size_t transport_tls_write(struct transport *transport, const struct iovec *iov, int count,
                           bool *ret_full, bool *ret_failed) {
    struct tls_buffer *output = &transport->loop->tls_output;
    bool encrypts = transport->unsent.len == 0 && count > 0;
    size_t taken = 0;

    if (encrypts)
        taken = tls_session_write(transport->tls, iov, count, TLS_WRITE_SIZE, output);
    *ret_full = !transport_tls_send(transport, output, ret_failed);
    *ret_failed |= encrypts && taken == 0;
    return taken;
}

void transport_tls_end(struct transport *transport) {
    struct tls_buffer *output = &transport->loop->tls_output;
    bool failed;

    tls_session_end(transport->tls, output);
    transport_tls_send(transport, output, &failed);
}

/* --- receiving --- */

long transport_tls_receive(struct transport *transport) {
    uint8_t *buffer = loop_ciphertext(transport->loop);
    if (buffer == NULL)
        return -ENOMEM;
    long got = transport_tcp_read(transport->fd, buffer, TRANSPORT_READ_SIZE);
    if (got > 0)
        tls_session_give(transport->tls, slice_of(buffer, (size_t)got));
    return got;
}

/* What TLS had to say while it read goes with the next flush. */
static void keep_output(struct transport *transport) {
    struct tls_buffer *output = &transport->loop->tls_output;

    if (output->len == 0)
        return;
    tls_buffer_append(&transport->unsent, slice_of(output->data, output->len));
    output->len = 0;
    endpoint_mark_dirty(transport->endpoint);
}

static void log_failure(struct transport *transport) {
    log_info(&transport->loop->env->log, "TLS: closing a connection: %s",
             tls_session_failure(transport->tls));
}

/* The end comes after everything before it was handled. */
static void on_tls_ended(struct transport *transport) {
    transport->input_ended = true;
    if (transport->tail_held || transport->state != TRANSPORT_OPEN || transport->endpoint->closing)
        return;
    transport_tls_end(transport); /* sends the alert of a failure as well */
    transport_end_of_input(transport);
}

void transport_tls_feed(struct transport *transport) {
    struct loop *loop = transport->loop;
    size_t kept = transport->tail_len, len;
    size_t room = TRANSPORT_READ_SIZE + TLS_READ_EXTRA;
    uint8_t *buffer = loop_input(loop, kept + room);

    if (buffer == NULL) {
        transport_end_of_input(transport);
        return;
    }
    enum tls_status status = tls_session_read(transport->tls, loop->env->now_ms, buffer + kept,
                                              room, &len, &loop->tls_output);
    keep_output(transport);
    if (len > 0) {
        if (kept > 0)
            memcpy(buffer, transport->tail, kept);
        transport->endpoint->received_bytes += (uint64_t)len;
        transport->endpoint->received_count++;
        transport_feed(transport, slice_of(buffer, kept + len));
    }
    if (status == TLS_FAILED)
        log_failure(transport);
    if (status != TLS_READY)
        on_tls_ended(transport);
}
