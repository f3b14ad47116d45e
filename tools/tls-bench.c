/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS costs, for tools/bench. Prints one line of JSON:
 *
 *   relay   a plain OpenSSL server copies octets from one TLS connection to another with the records
 *           that leveret-perf writes: no broker that speaks TLS can be faster.
 *   churn   connect, shake hands, log in, open a channel, close, again and again, several at a time;
 *           with --resume each connection but the first begins with the ticket of the one before.
 *   echo    the same with plain OpenSSL servers, one for each client, that answer each of its records
 *           with as many octets as a broker does, and know nothing of AMQP.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/net/tls_context.h"
#include "tools/clock.h"
#include "tools/leveret-perf/connection.h"
#include "tools/leveret-perf/perf.h"
#include "tools/leveret-perf/stream.h"

#define CHUNK_SIZE      (128U << 10)
#define FLIGHT_OCTETS   (512U << 10)
#define FLIGHT_MESSAGES 4
#define PARALLEL_MAX    64

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
    if (bind(listener, (struct sockaddr *)ret_address, length) != 0 ||
        listen(listener, PARALLEL_MAX) != 0 ||
        getsockname(listener, (struct sockaddr *)ret_address, &length) != 0)
        fail("listening");
    return listener;
}

/* As brokers and clients do: no record waits for the answer to the one before. */
static int without_delay(int fd) {
    const int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static SSL *accept_tls(SSL_CTX *context, int listener) {
    SSL *ssl = SSL_new(context);

    SSL_set_fd(ssl, without_delay(accept(listener, NULL, NULL)));
    if (SSL_accept(ssl) != 1)
        fail("shaking hands");
    return ssl;
}

static SSL_CTX *make_server(const char *certificate, const char *key) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        fail("reading the certificate");
    return context;
}

static void relay(int listener, SSL_CTX *context) {
    static uint8_t record[16384];
    int received;

    SSL *source = accept_tls(context, listener), *sink = accept_tls(context, listener);
    while ((received = SSL_read(source, record, sizeof record)) > 0) {
        if (SSL_write(sink, record, received) != received)
            return;
    }
}

static struct stream connect_to(const struct sockaddr_in *address, struct tls_context *context) {
    struct stream stream = {.fd = without_delay(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};

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
        relay(listener, make_server(certificate, key));
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

/* What one of many clients does, and for how long. */
struct churner {
    unsigned (*churn)(const struct churner *churner);
    const char *uri;
    struct sockaddr_in echo; /* without a URI */
    double seconds;
    bool resume;
};

static unsigned churn_broker(const struct churner *churner) {
    return churn(churner->uri, churner->seconds, churner->resume);
}

static void measure_churn(const struct churner *churner, unsigned parallel) {
    int ends[2];
    unsigned total = 0, count;
    pid_t clients[PARALLEL_MAX];

    if (pipe(ends) != 0)
        fail("making a pipe");
    for (unsigned i = 0; i < parallel; i++) {
        clients[i] = fork();
        if (clients[i] == 0) {
            count = churner->churn(churner);
            _exit(write(ends[1], &count, sizeof count) == sizeof count ? 0 : 71);
        }
    }
    close(ends[1]);
    while (read(ends[0], &count, sizeof count) == sizeof count)
        total += count;
    for (unsigned i = 0; i < parallel; i++) {
        int status;
        if (waitpid(clients[i], &status, 0) < 0 || status != 0)
            exit(69);
    }
    printf("{\"rate\":%.1f,\"count\":%u}\n", total / churner->seconds, total);
}

/* -- Echo -------------------------------------------------------------------------------------- */

/* The records of such a session, client and broker by turns: header and start, start-ok and tune, tune-ok
 * with open and open-ok, channel.open and open-ok, close and close-ok. */
static const struct {
    int asked, answered;
} exchanges[] = {{8, 500}, {260, 20}, {36, 13}, {13, 16}, {22, 12}};

#define EXCHANGES (sizeof exchanges / sizeof exchanges[0])

static void answer(SSL *ssl) {
    uint8_t record[16384] = {0};

    for (size_t i = 0; i < EXCHANGES && SSL_read(ssl, record, sizeof record) > 0; i++)
        SSL_write(ssl, record, exchanges[i].answered);
}

static _Noreturn void serve(int listener, SSL_CTX *context) {
    for (;;) {
        SSL *ssl = accept_tls(context, listener);
        int fd = SSL_get_fd(ssl);
        answer(ssl);
        SSL_free(ssl);
        close(fd);
    }
}

static void receive_all(struct stream *stream, uint8_t *at, int size) {
    for (ssize_t got; size > 0; size -= (int)got) {
        got = stream_receive(stream, at, (size_t)size);
        if (got <= 0)
            fail("receiving");
    }
}

static unsigned churn_echo(const struct churner *churner) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct tls_context *context = make_context();
    uint8_t octets[1024] = {0};
    double end = now() + churner->seconds;
    unsigned count = 0;

    tls_context_set_resumption(context, churner->resume);
    for (; now() < end; count++) {
        struct stream stream = connect_to(&churner->echo, context);
        for (size_t i = 0; i < EXCHANGES; i++) {
            const struct iovec iov = {octets, (size_t)exchanges[i].asked};
            if (stream_send(&stream, &iov, 1) < 0)
                fail("sending");
            receive_all(&stream, octets, exchanges[i].answered);
        }
        setsockopt(stream.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        stream_close(&stream);
    }
    return count;
}

static void measure_echo(unsigned parallel, double seconds, const char *certificate,
                         const char *key, bool resume) {
    struct churner churner = {.churn = churn_echo, .seconds = seconds, .resume = resume};
    int listener = listen_anywhere(&churner.echo);
    SSL_CTX *context = make_server(certificate, key);
    pid_t servers[PARALLEL_MAX];

    for (unsigned i = 0; i < parallel; i++) {
        servers[i] = fork();
        if (servers[i] == 0)
            serve(listener, context);
    }
    measure_churn(&churner, parallel);
    for (unsigned i = 0; i < parallel; i++)
        kill(servers[i], SIGKILL);
}

/* -- Command line ------------------------------------------------------------------------------ */

static const char help[] =
    "usage: tls-bench relay OCTETS SECONDS CERTIFICATE KEY      messages of so many octets\n"
    "       tls-bench churn URI PARALLEL SECONDS [--resume]     sessions at amqps://...\n"
    "       tls-bench echo PARALLEL SECONDS CERTIFICATE KEY [--resume]\n"
    "                                                           the same without a broker\n";

/* 0 when it is no number of clients. */
static unsigned parse_parallel(const char *text) {
    int count = atoi(text);

    return count > 0 && count <= PARALLEL_MAX ? (unsigned)count : 0;
}

static bool wants_resumption(const char *argument) {
    return argument != NULL && strcmp(argument, "--resume") == 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && strcmp(argv[1], "relay") == 0 && atoi(argv[2]) > 0) {
        measure_relay((size_t)atoi(argv[2]), strtod(argv[3], NULL), argv[4], argv[5]);
        return 0;
    }
    if (argc >= 5 && strcmp(argv[1], "churn") == 0 && parse_parallel(argv[3]) > 0) {
        struct churner churner = {.churn = churn_broker,
                                  .uri = argv[2],
                                  .seconds = strtod(argv[4], NULL),
                                  .resume = wants_resumption(argv[5])};
        measure_churn(&churner, parse_parallel(argv[3]));
        return 0;
    }
    if (argc >= 6 && strcmp(argv[1], "echo") == 0 && parse_parallel(argv[2]) > 0) {
        measure_echo(parse_parallel(argv[2]), strtod(argv[3], NULL), argv[4], argv[5],
                     wants_resumption(argv[6]));
        return 0;
    }
    fputs(help, argc > 1 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
    return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 64;
}
