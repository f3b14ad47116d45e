/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets of a peer's on a TLS port, as the transport gives them: a PROXY header, then a handshake, then
 * records. The first octet chooses how: from the very beginning, where nearly everything fails early, or
 * behind a good handshake with a client in the same process, whose records are then damaged.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/text.h"
#include "broker/base/tls_peer.h"
#include "broker/net/proxy_header.h"
#include "broker/net/tls_context.h"
#include "broker/net/tls_session.h"
#include "tools/leveretctl/certificate.h"

#define STEPS_MAX 64

static struct tls_context *server_context, *client_context;

static void make_contexts(void) {
    char place[] = "/tmp/leveret-fuzz-XXXXXX";
    char certificate[64], key[64];
    struct identity identity;
    struct text error = {0};
    const struct certificate_request request = {
        .kind = CERTIFICATE_AUTHORITY, .common_name = "fuzz", .days = 9};

    assert(mkdtemp(place) != NULL && identity_make(&request, &identity));
    snprintf(certificate, sizeof certificate, "%s/c.pem", place);
    snprintf(key, sizeof key, "%s/k.pem", place);
    assert(identity_save(&identity, certificate, key) == 0);
    const struct tls_options options = {.prefix = "fuzz",
                                        .files = {certificate, key},
                                        .cacertfile = certificate,
                                        .verify_peer = true,
                                        .tls12 = true,
                                        .tls13 = true};
    assert(tls_context_create(&options, &server_context, &error));
    assert(tls_context_create_client(NULL, NULL, &client_context, &error));
    identity_clear(&identity);
    unlink(certificate);
    unlink(key);
    rmdir(place);
}

static void read_all(struct tls_session *session, struct tls_buffer *output) {
    static uint8_t plaintext[65536 + TLS_READ_EXTRA];
    size_t len;

    tls_session_read(session, 0, plaintext, sizeof plaintext, &len, output);
    tls_session_end(session, output);
}

static void read_from_the_beginning(struct slice octets) {
    struct tls_session *session = tls_session_create(server_context);
    struct tls_buffer output = {0};
    size_t piece = octets.len / 3 + 1;
    enum tls_status status = TLS_MORE;

    while (octets.len > 0 && status == TLS_MORE) {
        size_t len = octets.len < piece ? octets.len : piece;
        tls_session_give(session, slice_of(octets.data, len));
        status = tls_session_handshake(session, &output);
        octets = slice_of(octets.data + len, octets.len - len);
    }
    if (status == TLS_READY)
        read_all(session, &output);
    tls_session_destroy(session);
    tls_buffer_clear(&output);
}

/* What one end said goes to the other; the status of that. */
static enum tls_status shake(struct tls_session *to, struct tls_buffer *from,
                             struct tls_buffer *output) {
    tls_session_give(to, slice_of(from->data, from->len));
    enum tls_status status = tls_session_handshake(to, output);
    from->len = 0;
    return status;
}

/* Three octets a change: where (two) and with what. */
static void damage(struct tls_buffer *records, struct slice changes) {
    for (; changes.len >= 3; changes = slice_of(changes.data + 3, changes.len - 3)) {
        size_t at = (size_t)(changes.data[0] << 8 | changes.data[1]);
        if (records->len > 0)
            records->data[at % records->len] ^= changes.data[2];
    }
}

static void read_behind_a_handshake(struct slice octets) {
    struct tls_session *server = tls_session_create(server_context);
    struct tls_session *client = tls_session_create_client(client_context, "fuzz");
    struct tls_buffer to_server = {0}, to_client = {0};
    struct slice plain = slice_of(octets.data, octets.len / 2);
    const struct iovec iov = {(void *)(uintptr_t)plain.data, plain.len};

    tls_session_handshake(client, &to_server);
    shake(server, &to_server, &to_client);
    shake(client, &to_client, &to_server);
    if (shake(server, &to_server, &to_client) == TLS_READY) {
        if (plain.len > 0)
            tls_session_write(client, &iov, 1, SIZE_MAX, &to_server);
        tls_session_end(client, &to_server);
        damage(&to_server, slice_of(octets.data + plain.len, octets.len - plain.len));
        tls_session_give(server, slice_of(to_server.data, to_server.len));
        read_all(server, &to_client);
    }
    tls_session_destroy(server);
    tls_session_destroy(client);
    tls_buffer_clear(&to_server);
    tls_buffer_clear(&to_client);
}

/* Whatever is complete uses no more than there was. */
static struct slice skip_proxy_header(struct slice octets) {
    struct proxy_header header;

    if (proxy_header_parse(octets, &header) != PROXY_COMPLETE)
        return octets;
    assert(header.len <= octets.len && header.len <= PROXY_HEADER_MAX);
    return slice_of(octets.data + header.len, octets.len - header.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (server_context == NULL)
        make_contexts();
    if (size == 0 || size > 65536)
        return 0;
    struct slice octets = slice_of(data + 1, size - 1);
    if (data[0] % 2 == 0)
        read_from_the_beginning(skip_proxy_header(octets));
    else
        read_behind_a_handshake(octets);
    return 0;
}
