/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS costs, for tools/bench. Prints one line of JSON:
 *
 *   relay   a plain OpenSSL server copies octets from one TLS connection to another with the records
 *           that leveret-perf writes: no broker that speaks TLS can be faster.
 *   churn   connect, shake hands, log in, open a channel, close, again and again, several at a time;
 *           with --resume each connection but the first begins with the ticket of the one before.
 */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/net/tls_context.h"
#include "tools/leveret-perf/connection.h"
#include "tools/leveret-perf/perf.h"
#include "tools/leveret-perf/stream.h"

#define CHUNK_SIZE      (128U << 10)
#define FLIGHT_OCTETS   (512U << 10)
#define FLIGHT_MESSAGES 4
#define PARALLEL_MAX    64

static double now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "tls-bench: %s: %s\n", what, strerror(errno));
    exit(71);
}

static struct tls_context *make_context(void) {
    struct tls_context *context;
    struct text error = {0};

    if (!tls_context_create_client(NULL, NULL, &context, &error))
        fail(text_chars(&error));
    return context;
}

/* -- Relay ------------------------------------------------------------------------------------- */

static int listen_anywhere(struct sockaddr_in *ret_address) {
    socklen_t length = sizeof *ret_address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (bind(listener, (struct sockaddr *)ret_address, length) != 0 || listen(listener, 2) != 0 ||
        getsockname(listener, (struct sockaddr *)ret_address, &length) != 0)
        fail("listening");
    return listener;
}

static SSL *accept_tls(SSL_CTX *context, int listener) {
    SSL *ssl = SSL_new(context);

    SSL_set_fd(ssl, accept(listener, NULL, NULL));
    if (SSL_accept(ssl) != 1)
        fail("shaking hands");
    return ssl;
}

static void relay(int listener, const char *certificate, const char *key) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    static uint8_t record[16384];
    int received;

    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        fail("reading the certificate");
    SSL *source = accept_tls(context, listener), *sink = accept_tls(context, listener);
    while ((received = SSL_read(source, record, sizeof record)) > 0) {
        if (SSL_write(sink, record, received) != received)
            return;
    }
}

static struct stream connect_to(const struct sockaddr_in *address, struct tls_context *context) {
    struct stream stream = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    if (connect(stream.fd, (const struct sockaddr *)address, sizeof *address) != 0)
        fail("connecting");
    const char *failure = stream_begin_tls(&stream, context, "localhost");
    if (failure != NULL)
        fail(failure);
    return stream;
}

/* Octets that have come through; at most `flight` are under way. */
static uint64_t drive(struct stream *source, struct stream *sink, size_t flight, double seconds) {
    uint8_t *chunk = xcalloc(1, CHUNK_SIZE);
    uint64_t sent = 0, received = 0;
    double end = now() + seconds;

    while (now() < end) {
        while (sent - received + CHUNK_SIZE <= flight) {
            const struct iovec iov = {chunk, CHUNK_SIZE};
            ssize_t taken = stream_send(source, &iov, 1);
            if (taken < 0)
                fail("sending");
            sent += (uint64_t)taken;
        }
        ssize_t got = stream_receive(sink, chunk, CHUNK_SIZE);
        if (got <= 0)
            fail("receiving");
        received += (uint64_t)got;
    }
    free(chunk);
    return received;
}

static double cpu_us(const struct rusage *usage) {
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e6 +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

static void measure_relay(size_t message, double seconds, const char *certificate,
                          const char *key) {
    size_t flight =
        message * FLIGHT_MESSAGES > FLIGHT_OCTETS ? message * FLIGHT_MESSAGES : FLIGHT_OCTETS;
    struct sockaddr_in address;
    struct rusage usage;
    int listener = listen_anywhere(&address);
    pid_t child = fork();

    if (child == 0) {
        relay(listener, certificate, key);
        _exit(0);
    }
    struct tls_context *context = make_context();
    struct stream source = connect_to(&address, context), sink = connect_to(&address, context);
    double messages = (double)drive(&source, &sink, flight, seconds) / (double)message;
    stream_close(&source);
    stream_close(&sink);
    wait4(child, NULL, 0, &usage);
    tls_context_destroy(context);
    printf("{\"received_rate\":%.1f,\"cpu_us_per_message\":%.4f}\n", messages / seconds,
           cpu_us(&usage) / messages);
}

/* -- Churn ------------------------------------------------------------------------------------- */

/* A close that leaves nothing behind: churn would use up the ports. */
static void close_hard(struct connection *connection) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    setsockopt(connection->stream.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    connection_close(connection);
}

static unsigned churn(const char *uri_text, double seconds, bool resume) {
    struct perf perf = {.buffer = xmalloc(PERF_BUFFER_SIZE), .tls = make_context()};
    struct uri uri;
    double end = now() + seconds;
    unsigned count = 0;

    tls_context_set_resumption(perf.tls, resume);
    if (!uri_parse(uri_text, &uri))
        fail("no URI");
    for (; now() < end; count++) {
        struct connection connection;
        if (!connection_open(&connection, &perf, &uri, 1))
            exit(69);
        close_hard(&connection);
    }
    return count;
}

static void measure_churn(const char *uri, unsigned parallel, double seconds, bool resume) {
    int ends[2];
    unsigned total = 0, count;

    if (pipe(ends) != 0)
        fail("making a pipe");
    for (unsigned i = 0; i < parallel; i++) {
        if (fork() == 0) {
            count = churn(uri, seconds, resume);
            _exit(write(ends[1], &count, sizeof count) == sizeof count ? 0 : 71);
        }
    }
    close(ends[1]);
    while (read(ends[0], &count, sizeof count) == sizeof count)
        total += count;
    for (int status; wait(&status) > 0;) {
        if (status != 0)
            exit(69);
    }
    printf("{\"rate\":%.1f,\"count\":%u}\n", total / seconds, total);
}

/* -- Command line ------------------------------------------------------------------------------ */

static const char help[] =
    "usage: tls-bench relay OCTETS SECONDS CERTIFICATE KEY      messages of so many octets\n"
    "       tls-bench churn URI PARALLEL SECONDS [--resume]     sessions at amqps://...\n";

int main(int argc, char **argv) {
    if (argc == 6 && strcmp(argv[1], "relay") == 0 && atoi(argv[2]) > 0) {
        measure_relay((size_t)atoi(argv[2]), strtod(argv[3], NULL), argv[4], argv[5]);
        return 0;
    }
    if (argc >= 5 && strcmp(argv[1], "churn") == 0 && atoi(argv[3]) > 0 &&
        atoi(argv[3]) <= PARALLEL_MAX) {
        measure_churn(argv[2], (unsigned)atoi(argv[3]), strtod(argv[4], NULL),
                      argc > 5 && strcmp(argv[5], "--resume") == 0);
        return 0;
    }
    fputs(help, argc > 1 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
    return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 64;
}
