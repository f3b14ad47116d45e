/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the rabbitmq-c tests; support.h is their manual. */
#include "support.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LIVE_BUFFERS 4

void fail(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

const char *unique(const char *purpose) {
    static char buffers[LIVE_BUFFERS][128];
    static unsigned next;
    struct timeval now;
    char *buffer = buffers[next++ % LIVE_BUFFERS];

    gettimeofday(&now, NULL);
    snprintf(buffer, sizeof buffers[0], "interop.rabbitmq-c.%s.%ld.%ld%06ld", purpose,
             (long)getpid(), (long)now.tv_sec, (long)now.tv_usec);
    return buffer;
}

bool bytes_equal(amqp_bytes_t bytes, const char *text) {
    return bytes.len == strlen(text) && memcmp(bytes.bytes, text, bytes.len) == 0;
}

const char *bytes_text(amqp_bytes_t bytes) {
    static char buffers[LIVE_BUFFERS][256];
    static unsigned next;
    char *buffer = buffers[next++ % LIVE_BUFFERS];
    size_t length = bytes.len < sizeof buffers[0] ? bytes.len : sizeof buffers[0] - 1;

    memcpy(buffer, bytes.bytes, length);
    buffer[length] = '\0';
    return buffer;
}

/* Connection and channel */

static void describe_close(amqp_rpc_reply_t reply, char *buffer, size_t size) {
    const amqp_channel_close_t *channel_close = reply.reply.decoded;
    const amqp_connection_close_t *connection_close = reply.reply.decoded;

    if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
        snprintf(buffer, size, "channel closed with %d %s", channel_close->reply_code,
                 bytes_text(channel_close->reply_text));
    else if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD)
        snprintf(buffer, size, "connection closed with %d %s", connection_close->reply_code,
                 bytes_text(connection_close->reply_text));
    else
        snprintf(buffer, size, "unexpected method 0x%08X", reply.reply.id);
}

static void check_rpc_reply(amqp_rpc_reply_t reply, const char *method) {
    char reason[512];

    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return;
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
        describe_close(reply, reason, sizeof reason);
        fail("%s: %s", method, reason);
    }
    fail("%s: %s", method, amqp_error_string2(reply.library_error));
}

void check_reply(amqp_connection_state_t connection, const char *method) {
    check_rpc_reply(amqp_get_rpc_reply(connection), method);
}

void check_channel_closed(amqp_connection_state_t connection, int reply_code,
                          const char *text_contains) {
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
    const amqp_channel_close_t *close = reply.reply.decoded;
    amqp_channel_close_ok_t close_ok = {0};

    check(reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION, "no exception, %d was expected",
          reply_code);
    check(reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD, "method 0x%08X instead of channel.close",
          reply.reply.id);
    check(close->reply_code == reply_code, "reply code %d instead of %d", close->reply_code,
          reply_code);
    check(strstr(bytes_text(close->reply_text), text_contains) != NULL,
          "reply text \"%s\" lacks \"%s\"", bytes_text(close->reply_text), text_contains);
    amqp_send_method(connection, 1, AMQP_CHANNEL_CLOSE_OK_METHOD, &close_ok);
}

/* The library itself does not ask for basic.cancel; a broker sends it only to clients that do. */
static amqp_table_entry_t capability = {
    .key = {.len = 22, .bytes = "consumer_cancel_notify"},
    .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
static amqp_table_entry_t capabilities = {
    .key = {.len = 12, .bytes = "capabilities"},
    .value = {.kind = AMQP_FIELD_KIND_TABLE,
              .value.table = {.num_entries = 1, .entries = &capability}}};
static const amqp_table_t client_properties = {.num_entries = 1, .entries = &capabilities};

bool uses_tls(void) {
    return strncmp(getenv("AMQP_URL"), "amqps:", 6) == 0;
}

amqp_socket_t *new_socket(amqp_connection_state_t connection) {
    amqp_socket_t *socket;

    if (!uses_tls())
        return amqp_tcp_socket_new(connection);
    socket = amqp_ssl_socket_new(connection);
    check(amqp_ssl_socket_set_cacert(socket, getenv("AMQP_CA")) == AMQP_STATUS_OK, "bad AMQP_CA");
    return socket;
}

amqp_connection_state_t connect_with(int frame_max, int heartbeat_seconds) {
    struct timeval deadline = {.tv_sec = WAIT_SECONDS};
    struct amqp_connection_info broker;
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = new_socket(connection);
    char *url = strdup(getenv("AMQP_URL"));
    int status;

    amqp_default_connection_info(&broker);
    check(amqp_parse_url(url, &broker) == AMQP_STATUS_OK, "bad AMQP_URL");
    check(amqp_set_rpc_timeout(connection, &deadline) == AMQP_STATUS_OK, "no RPC timeout");
    status = amqp_socket_open_noblock(socket, broker.host, broker.port, &deadline);
    check(status == AMQP_STATUS_OK, "cannot connect: %s", amqp_error_string2(status));
    check_rpc_reply(amqp_login_with_properties(
                        connection, broker.vhost, 0, frame_max, heartbeat_seconds,
                        &client_properties, AMQP_SASL_METHOD_PLAIN, broker.user, broker.password),
                    "login");
    free(url);
    open_channel(connection, 1);
    return connection;
}

amqp_connection_state_t connect_broker(void) {
    return connect_with(DEFAULT_FRAME_MAX, 0);
}

void open_channel(amqp_connection_state_t connection, amqp_channel_t channel) {
    amqp_channel_open(connection, channel);
    check_reply(connection, "channel.open");
}

void disconnect(amqp_connection_state_t connection) {
    check_rpc_reply(amqp_connection_close(connection, AMQP_REPLY_SUCCESS), "connection.close");
    amqp_destroy_connection(connection);
}

void drop(amqp_connection_state_t connection) {
    shutdown(amqp_get_sockfd(connection), SHUT_RDWR);
    amqp_destroy_connection(connection);
}

/* Entities */

const char *declare_queue(amqp_connection_state_t connection, const char *name,
                          enum queue_kind kind) {
    amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(connection, 1, amqp_cstring_bytes(name), 0, kind == QUEUE_DURABLE,
                           kind == QUEUE_EXCLUSIVE, kind == QUEUE_AUTO_DELETE, amqp_empty_table);

    check_reply(connection, "queue.declare");
    return bytes_text(ok->queue);
}

unsigned ready_messages(amqp_connection_state_t connection, const char *queue) {
    amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(connection, 1, amqp_cstring_bytes(queue), 1, 0, 0, 0, amqp_empty_table);

    check_reply(connection, "queue.declare (passive)");
    return ok->message_count;
}

unsigned delete_queue(amqp_connection_state_t connection, const char *queue) {
    amqp_queue_delete_ok_t *ok = amqp_queue_delete(connection, 1, amqp_cstring_bytes(queue), 0, 0);

    check_reply(connection, "queue.delete");
    return ok->message_count;
}

void declare_exchange(amqp_connection_state_t connection, const char *name, const char *type,
                      amqp_table_t arguments) {
    amqp_exchange_declare(connection, 1, amqp_cstring_bytes(name), amqp_cstring_bytes(type), 0, 0,
                          0, 0, arguments);
    check_reply(connection, "exchange.declare");
}

void delete_exchange(amqp_connection_state_t connection, const char *name) {
    amqp_exchange_delete(connection, 1, amqp_cstring_bytes(name), 0);
    check_reply(connection, "exchange.delete");
}

void bind_queue(amqp_connection_state_t connection, const char *queue, const char *exchange,
                const char *key) {
    amqp_queue_bind(connection, 1, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange),
                    amqp_cstring_bytes(key), amqp_empty_table);
    check_reply(connection, "queue.bind");
}

/* Messages */

static void publish_flagged(amqp_connection_state_t connection, const char *exchange,
                            const char *key, bool mandatory,
                            const amqp_basic_properties_t *properties, const char *text) {
    int status =
        amqp_basic_publish(connection, 1, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key),
                           mandatory, 0, properties, amqp_cstring_bytes(text));

    check(status == AMQP_STATUS_OK, "basic.publish: %s", amqp_error_string2(status));
}

void publish(amqp_connection_state_t connection, const char *exchange, const char *key,
             const amqp_basic_properties_t *properties, const char *text) {
    publish_flagged(connection, exchange, key, false, properties, text);
}

void publish_mandatory(amqp_connection_state_t connection, const char *exchange, const char *key,
                       const char *text) {
    publish_flagged(connection, exchange, key, true, NULL, text);
}

void consume(amqp_connection_state_t connection, const char *queue, bool no_ack) {
    amqp_basic_consume(connection, 1, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, no_ack, 0,
                       amqp_empty_table);
    check_reply(connection, "basic.consume");
}

amqp_envelope_t next_delivery(amqp_connection_state_t connection) {
    struct timeval deadline = {.tv_sec = WAIT_SECONDS};
    amqp_envelope_t envelope;

    check_rpc_reply(amqp_consume_message(connection, &envelope, &deadline, 0), "next delivery");
    return envelope;
}

uint64_t expect_delivery(amqp_connection_state_t connection, const char *text) {
    amqp_envelope_t envelope = next_delivery(connection);
    uint64_t delivery_tag = envelope.delivery_tag;

    check(bytes_equal(envelope.message.body, text), "delivered \"%s\" instead of \"%s\"",
          bytes_text(envelope.message.body), text);
    amqp_destroy_envelope(&envelope);
    return delivery_tag;
}

void acknowledge(amqp_connection_state_t connection, uint64_t delivery_tag, bool multiple) {
    check(amqp_basic_ack(connection, 1, delivery_tag, multiple) == AMQP_STATUS_OK, "basic.ack");
}

void *expect_method(amqp_connection_state_t connection, amqp_method_number_t id, const char *name) {
    struct timeval deadline = {.tv_sec = WAIT_SECONDS};
    amqp_frame_t frame;
    int status = amqp_simple_wait_frame_noblock(connection, &frame, &deadline);

    check(status == AMQP_STATUS_OK, "waiting for %s: %s", name, amqp_error_string2(status));
    check(frame.frame_type == AMQP_FRAME_METHOD && frame.channel == 1,
          "frame type %d on channel %d instead of %s", frame.frame_type, frame.channel, name);
    check(frame.payload.method.id == id, "method 0x%08X instead of %s", frame.payload.method.id,
          name);
    return frame.payload.method.decoded;
}
