/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "amqp/frame.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "tools/leveret-perf/perf.h"

#define REPLY_SECONDS      10
#define CLOSE_SECONDS      2
#define FRAME_MAX          131072
#define CONTROL_SIZE_MIN   4096
#define CONTROL_UNSENT_MAX (4U << 20) /* with more acks waiting a connection is not read */
#define SETUP_FRAME_MAX    (PERF_BUFFER_SIZE - AMQP_FRAME_OVERHEAD)

/* -- Synchronous ------------------------------------------------------------------------------- */

static void set_timeouts(int fd, int seconds) {
    struct timeval timeout = {.tv_sec = seconds};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
}

static int connect_to(const struct addrinfo *address) {
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    set_timeouts(fd, REPLY_SECONDS);
    return fd;
}

static bool open_socket(struct connection *connection, const struct uri *uri) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int error = getaddrinfo(uri->host, uri->port, &hints, &addresses);

    if (error != 0) {
        perf_fail(connection->perf, PERF_EXIT_CONNECTION, "%s: %s", uri->host, gai_strerror(error));
        return false;
    }
    for (struct addrinfo *each = addresses; each != NULL && connection->stream.fd < 0;
         each = each->ai_next)
        connection->stream.fd = connect_to(each);
    if (connection->stream.fd < 0)
        perf_fail(connection->perf, PERF_EXIT_CONNECTION, "%s port %s: %s", uri->host, uri->port,
                  strerror(errno));
    freeaddrinfo(addresses);
    return connection->stream.fd >= 0;
}

static bool begin_tls(struct connection *connection, const struct uri *uri) {
    const char *failure =
        uri->tls ? stream_begin_tls(&connection->stream, connection->perf->tls, uri->host) : NULL;

    if (failure != NULL)
        perf_fail(connection->perf, PERF_EXIT_CONNECTION, "%s port %s: %s", uri->host, uri->port,
                  failure);
    return failure == NULL;
}

static bool send_all(struct connection *connection, struct slice octets) {
    while (octets.len > 0) {
        const struct iovec iov = {(void *)(uintptr_t)octets.data, octets.len};
        ssize_t sent = stream_send(&connection->stream, &iov, 1);
        if (sent < 0) {
            perf_fail(connection->perf, PERF_EXIT_CONNECTION, "sending: %s", strerror(errno));
            return false;
        }
        octets = slice_of(octets.data + sent, octets.len - (size_t)sent);
    }
    return true;
}

static bool receive_all(struct connection *connection, uint8_t *at, size_t len) {
    ssize_t received = 1;

    while (len > 0 && (received = stream_receive(&connection->stream, at, len)) > 0) {
        at += received;
        len -= (size_t)received;
    }
    if (len == 0)
        return true;
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        perf_fail(connection->perf, PERF_EXIT_CONNECTION, "the broker does not answer");
    else
        perf_fail(connection->perf, PERF_EXIT_CONNECTION, "the broker dropped the connection%s%s",
                  received < 0 ? ": " : "", received < 0 ? strerror(errno) : "");
    return false;
}

static bool send_method(struct connection *connection, uint16_t channel,
                        const struct amqp_method *method) {
    uint8_t frame[4096];
    struct writer writer = writer_over(frame, sizeof frame);

    frame_encode_method(&writer, channel, method);
    if (!writer_is_complete(&writer)) {
        perf_fail(connection->perf, PERF_EXIT_USAGE, "a name or an argument is too long");
        return false;
    }
    return send_all(connection, writer_written(&writer));
}

/* The next method frame, whatever its channel; other frames are skipped. */
static bool receive_method(struct connection *connection, struct amqp_method *ret_method) {
    uint8_t *buffer = connection->perf->buffer;

    for (;;) {
        struct frame_header head;
        if (!receive_all(connection, buffer, AMQP_FRAME_HEAD_SIZE))
            return false;
        head = frame_header_decode(buffer);
        if (head.size > SETUP_FRAME_MAX || memcmp(buffer, "AMQP", 4) == 0) {
            perf_fail(connection->perf, PERF_EXIT_CONNECTION, "that is no broker of AMQP 0-9-1");
            return false;
        }
        if (!receive_all(connection, buffer, head.size + 1))
            return false;
        if (head.type != AMQP_FRAME_METHOD)
            continue;
        if (amqp_method_decode(slice_of(buffer, head.size), ret_method) == AMQP_DECODED)
            return true;
        perf_fail(connection->perf, PERF_EXIT_CONNECTION, "the broker sent a malformed %s",
                  amqp_method_name(ret_method->id));
        return false;
    }
}

static bool receive_expected(struct connection *connection, enum amqp_method_id expected,
                             struct amqp_method *ret_method) {
    if (!receive_method(connection, ret_method))
        return false;
    if (ret_method->id == expected)
        return true;
    if (ret_method->id == AMQP_CONNECTION_CLOSE || ret_method->id == AMQP_CHANNEL_CLOSE)
        connection_report_close(connection, ret_method);
    else
        perf_fail(connection->perf, PERF_EXIT_CONNECTION, "expected %s, the broker sent %s",
                  amqp_method_name(expected), amqp_method_name(ret_method->id));
    return false;
}

bool connection_call(struct connection *connection, uint16_t channel,
                     const struct amqp_method *request, enum amqp_method_id expected,
                     struct amqp_method *ret_reply) {
    return send_method(connection, channel, request) &&
           receive_expected(connection, expected, ret_reply);
}

void connection_report_close(struct connection *connection, const struct amqp_method *method) {
    if (method->id == AMQP_CHANNEL_CLOSE)
        perf_fail(connection->perf, PERF_EXIT_CHANNEL, "the broker closed a channel: %u " SLICE_FMT,
                  method->channel_close.reply_code, SLICE_ARG(method->channel_close.reply_text));
    else
        perf_fail(connection->perf, PERF_EXIT_CONNECTION,
                  "the broker closed the connection: %u " SLICE_FMT,
                  method->connection_close.reply_code,
                  SLICE_ARG(method->connection_close.reply_text));
}

/* -- Handshake --------------------------------------------------------------------------------- */

static struct slice client_properties(struct writer *writer) {
    struct amqp_table_builder table;

    amqp_table_builder_over(&table, writer);
    amqp_table_put_text(&table, SLICE("product"), SLICE("leveret-perf"));
    amqp_table_put_text(&table, SLICE("version"), SLICE(LEVERET_VERSION));
    amqp_table_begin_table(&table, SLICE("capabilities"));
    amqp_table_put_bool(&table, SLICE("publisher_confirms"), true);
    amqp_table_put_bool(&table, SLICE("basic.nack"), true);
    amqp_table_put_bool(&table, SLICE("consumer_cancel_notify"), true);
    amqp_table_put_bool(&table, SLICE("connection.blocked"), true);
    amqp_table_put_bool(&table, SLICE("authentication_failure_close"), true);
    amqp_table_end(&table);
    return amqp_table_builder_finish(&table);
}

/* "\0user\0password" */
static struct slice plain_response(const struct uri *uri, uint8_t *buffer, size_t size) {
    struct writer writer = writer_over(buffer, size);

    writer_u8(&writer, 0);
    writer_bytes(&writer, slice_from_text(uri->user));
    writer_u8(&writer, 0);
    writer_bytes(&writer, slice_from_text(uri->password));
    return writer_written(&writer);
}

static bool log_in(struct connection *connection, const struct uri *uri,
                   struct amqp_method *ret_tune) {
    uint8_t properties[512], response[2 * URI_PART_MAX + 2];
    struct writer writer = writer_over(properties, sizeof properties);
    struct amqp_method start, start_ok = {.id = AMQP_CONNECTION_START_OK};

    if (!send_all(connection, slice_of(AMQP_PROTOCOL_HEADER, AMQP_PROTOCOL_HEADER_SIZE)) ||
        !receive_expected(connection, AMQP_CONNECTION_START, &start))
        return false;
    start_ok.connection_start_ok.client_properties = client_properties(&writer);
    start_ok.connection_start_ok.mechanism = SLICE("PLAIN");
    start_ok.connection_start_ok.response = plain_response(uri, response, sizeof response);
    start_ok.connection_start_ok.locale = SLICE("en_US");
    return connection_call(connection, 0, &start_ok, AMQP_CONNECTION_TUNE, ret_tune);
}

/* Heartbeats are declined: a run is short, and a busy loop has no time for them. */
static bool tune_and_open(struct connection *connection, const struct uri *uri,
                          const struct amqp_method *tune, uint16_t channel_count) {
    struct amqp_method tune_ok = {.id = AMQP_CONNECTION_TUNE_OK};
    struct amqp_method open = {.id = AMQP_CONNECTION_OPEN};
    uint32_t frame_max = tune->connection_tune.frame_max;
    uint16_t channel_max = tune->connection_tune.channel_max;
    struct amqp_method reply;

    if (channel_max != 0 && channel_count > channel_max) {
        perf_fail(connection->perf, PERF_EXIT_USAGE, "the broker allows %u channels", channel_max);
        return false;
    }
    connection->frame_max = frame_max == 0 || frame_max > FRAME_MAX ? FRAME_MAX : frame_max;
    tune_ok.connection_tune_ok.channel_max = channel_max;
    tune_ok.connection_tune_ok.frame_max = connection->frame_max;
    open.connection_open.virtual_host = slice_from_text(uri->vhost);
    return send_method(connection, 0, &tune_ok) &&
           connection_call(connection, 0, &open, AMQP_CONNECTION_OPEN_OK, &reply);
}

static bool open_channels(struct connection *connection, uint16_t count) {
    struct amqp_method open = {.id = AMQP_CHANNEL_OPEN}, reply;

    connection->channels = xcalloc(count, sizeof *connection->channels);
    connection->channel_count = count;
    for (uint16_t i = 0; i < count; i++) {
        connection->channels[i].connection = connection;
        connection->channels[i].number = (uint16_t)(i + 1);
        if (!connection_call(connection, (uint16_t)(i + 1), &open, AMQP_CHANNEL_OPEN_OK, &reply))
            return false;
    }
    return true;
}

bool connection_open(struct connection *connection, struct perf *perf, const struct uri *uri,
                     uint16_t channel_count) {
    struct amqp_method tune;

    memset(connection, 0, sizeof *connection);
    connection->perf = perf;
    connection->stream.fd = -1;
    return open_socket(connection, uri) && begin_tls(connection, uri) &&
           log_in(connection, uri, &tune) && tune_and_open(connection, uri, &tune, channel_count) &&
           open_channels(connection, channel_count);
}

/* -- Asynchronous ------------------------------------------------------------------------------ */

static uint32_t wanted_events(const struct connection *connection) {
    uint32_t events = 0;

    if (!connection->paused && connection->control_len < CONTROL_UNSENT_MAX)
        events |= EPOLLIN;
    if (connection->control_len > 0 || connection->batch_left > 0 ||
        stream_has_unsent(&connection->stream))
        events |= EPOLLOUT;
    return events;
}

bool connection_go_asynchronous(struct connection *connection) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int flags = fcntl(connection->stream.fd, F_GETFL);

    connection->watched = EPOLLIN;
    if (fcntl(connection->stream.fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
        epoll_ctl(connection->perf->epoll, EPOLL_CTL_ADD, connection->stream.fd, &event) == 0)
        return true;
    perf_fail(connection->perf, PERF_EXIT_CONNECTION, "watching a socket: %s", strerror(errno));
    return false;
}

/* Has epoll watch for what the connection needs. */
static void watch(struct connection *connection) {
    struct epoll_event event = {.events = wanted_events(connection), .data.ptr = connection};

    if (connection->stream.fd < 0 || event.events == connection->watched)
        return;
    connection->watched = event.events;
    epoll_ctl(connection->perf->epoll, EPOLL_CTL_MOD, connection->stream.fd, &event);
}

uint8_t *connection_control_room(struct connection *connection, size_t len) {
    uint8_t *room;

    if (connection->control_size - connection->control_len < len) {
        size_t size = connection->control_size * 2 + CONTROL_SIZE_MIN + len;
        connection->control = xrealloc(connection->control, size);
        connection->control_size = size;
    }
    room = connection->control + connection->control_len;
    connection->control_len += len;
    return room;
}

void connection_put_method(struct connection *connection, uint16_t channel,
                           const struct amqp_method *method) {
    struct writer count = writer_over(NULL, 0), writer;
    size_t len;

    frame_encode_method(&count, channel, method);
    len = writer_length(&count);
    writer = writer_over(connection_control_room(connection, len), len);
    frame_encode_method(&writer, channel, method);
}

void connection_send_batch(struct connection *connection, const uint8_t *batch, size_t len) {
    connection->batch = batch;
    connection->batch_left = len;
    connection->batch_begun = false;
    connection_flush(connection);
}

static size_t take_control(struct connection *connection, size_t written) {
    size_t taken = written < connection->control_len ? written : connection->control_len;

    connection->control_len -= taken;
    if (taken > 0 && connection->control_len > 0)
        memmove(connection->control, connection->control + taken, connection->control_len);
    return written - taken;
}

static size_t take_batch(struct connection *connection, size_t written) {
    size_t taken = written < connection->batch_left ? written : connection->batch_left;

    if (taken == 0)
        return written;
    connection->batch += taken;
    connection->batch_left -= taken;
    connection->batch_begun = connection->batch_left > 0;
    return written - taken;
}

/* True when the socket took everything. */
static bool write_once(struct connection *connection) {
    struct iovec control = {connection->control, connection->control_len};
    struct iovec batch = {(void *)(uintptr_t)connection->batch, connection->batch_left};
    bool batch_first = connection->batch_begun;
    struct iovec both[2] = {batch_first ? batch : control, batch_first ? control : batch};
    size_t wanted = control.iov_len + batch.iov_len;
    ssize_t written = stream_send(&connection->stream, both, 2);

    if (written < 0) {
        if (errno != EAGAIN && errno != EINTR)
            perf_fail(connection->perf, PERF_EXIT_CONNECTION, "sending: %s", strerror(errno));
        return false;
    }
    if (batch_first)
        take_control(connection, take_batch(connection, (size_t)written));
    else
        take_batch(connection, take_control(connection, (size_t)written));
    return (size_t)written == wanted;
}

void connection_flush(struct connection *connection) {
    if (connection->stream.fd >= 0 && (connection->control_len > 0 || connection->batch_left > 0 ||
                                       stream_has_unsent(&connection->stream)))
        write_once(connection);
    watch(connection);
}

/* -- The end ----------------------------------------------------------------------------------- */

/* Reads until connection.close-ok, the end or the timeout; what else comes no longer matters. */
static void await_close_ok(struct connection *connection) {
    static const uint8_t close_ok[] = {0, 10, 0, 51, AMQP_FRAME_END};
    uint8_t *buffer = connection->perf->buffer;
    ssize_t received;

    do {
        received = stream_receive(&connection->stream, buffer, PERF_BUFFER_SIZE);
    } while (received > 0 &&
             (received < (ssize_t)sizeof close_ok ||
              memcmp(buffer + received - sizeof close_ok, close_ok, sizeof close_ok) != 0));
}

static void say_goodbye(struct connection *connection) {
    struct amqp_method method = {.id = AMQP_CONNECTION_CLOSE};
    int flags = fcntl(connection->stream.fd, F_GETFL);

    method.connection_close.reply_code = AMQP_REPLY_SUCCESS;
    method.connection_close.reply_text = SLICE("Goodbye");
    connection_put_method(connection, 0, &method);
    fcntl(connection->stream.fd, F_SETFL, flags & ~O_NONBLOCK);
    set_timeouts(connection->stream.fd, CLOSE_SECONDS);
    write_once(connection);
    await_close_ok(connection);
}

void connection_close(struct connection *connection) {
    if (connection->stream.fd >= 0) {
        if (perf_is_connected(connection->perf) && connection->batch_left == 0)
            say_goodbye(connection);
        stream_close(&connection->stream);
    }
    free(connection->channels);
    free(connection->control);
    free(connection->leftover);
}
