/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/rabbitmqadmin/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* --- the socket --- */

static int connect_first(const struct addrinfo *addresses, const struct settings *settings,
                         int *ret_error) {
    const struct timeval limit = {.tv_sec = atol(settings->timeout)};

    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
            return fd;
        *ret_error = errno == EINPROGRESS ? ETIMEDOUT : errno;
        close(fd);
    }
    return -1;
}

static int connect_to(const struct settings *settings, struct text *error) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int number = 0;
    int result = getaddrinfo(settings->host, settings->port, &hints, &addresses);

    if (result != 0) {
        text_append_format(error, "Could not connect: %s", gai_strerror(result));
        return -1;
    }
    int fd = connect_first(addresses, settings, &number);
    freeaddrinfo(addresses);
    if (fd < 0)
        text_append_format(error, "Could not connect: [Errno %d] %s", number, strerror(number));
    return fd;
}

/* --- TLS --- */

static bool complain_tls(struct text *error, const SSL *tls, const char *what) {
    const long verified = tls == NULL ? X509_V_OK : SSL_get_verify_result(tls);
    const unsigned long code = ERR_peek_last_error();
    const char *reason =
        code == 0 ? "the other end closed the connection" : ERR_reason_error_string(code);

    text_append_format(error, "Could not connect: [SSL] %s: %s", what,
                       verified != X509_V_OK ? X509_verify_cert_error_string(verified) : reason);
    return false;
}

static bool load_files(SSL_CTX *context, const struct settings *settings, struct text *error) {
    const char *key = settings->key_file == NULL ? settings->cert_file : settings->key_file;

    if (settings->ca_file == NULL)
        SSL_CTX_set_default_verify_paths(context);
    else if (SSL_CTX_load_verify_locations(context, settings->ca_file, NULL) != 1)
        return complain_tls(error, NULL, settings->ca_file);
    if (settings->cert_file != NULL &&
        SSL_CTX_use_certificate_chain_file(context, settings->cert_file) != 1)
        return complain_tls(error, NULL, settings->cert_file);
    if (settings->cert_file != NULL &&
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return complain_tls(error, NULL, key);
    return true;
}

/* Which name the certificate has to have, and the other end is told. */
static void name_host(SSL *tls, const struct settings *settings) {
    const bool checks = settings->is_insecure == NULL && settings->skips_hostname == NULL;
    uint8_t address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, settings->host, address) == 1 ||
        inet_pton(AF_INET6, settings->host, address) == 1) {
        if (checks)
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), settings->host);
        return;
    }
    SSL_set_tlsext_host_name(tls, settings->host);
    if (checks)
        SSL_set1_host(tls, settings->host);
}

static bool start_tls(struct stream *stream, const struct settings *settings, struct text *error) {
    stream->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(stream->context, TLS1_2_VERSION);
    SSL_CTX_set_options(stream->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_verify(stream->context,
                       settings->is_insecure != NULL ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (!load_files(stream->context, settings, error))
        return false;
    stream->tls = SSL_new(stream->context);
    name_host(stream->tls, settings);
    SSL_set_fd(stream->tls, stream->fd);
    return SSL_connect(stream->tls) == 1 || complain_tls(error, stream->tls, "handshake failed");
}

/* --- both --- */

bool stream_open(struct stream *stream, const struct settings *settings, struct text *error) {
    *stream = (struct stream){.fd = connect_to(settings, error)};
    if (stream->fd < 0)
        return false;
    if (settings->is_tls == NULL || start_tls(stream, settings, error))
        return true;
    stream_close(stream);
    return false;
}

void stream_close(struct stream *stream) {
    SSL_free(stream->tls);
    SSL_CTX_free(stream->context);
    close(stream->fd);
}

bool stream_send(struct stream *stream, const char *octets, size_t len) {
    size_t sent = 0;

    while (sent < len) {
        const size_t rest = len - sent < 1u << 20 ? len - sent : 1u << 20;
        const ssize_t count = stream->tls != NULL
                                  ? SSL_write(stream->tls, octets + sent, (int)rest)
                                  : send(stream->fd, octets + sent, rest, MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        sent += (size_t)count;
    }
    return true;
}

ssize_t stream_receive(struct stream *stream, char *buffer, size_t size) {
    if (stream->tls == NULL)
        return recv(stream->fd, buffer, size, 0);
    const int count = SSL_read(stream->tls, buffer, (int)size);
    if (count > 0)
        return count;
    return SSL_get_error(stream->tls, count) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}
