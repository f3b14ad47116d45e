/* SPDX-License-Identifier: Apache-2.0 */
/* What rabbitmq-c users do beyond the patterns: frame sizes, large bodies, heartbeats, tables, tx.
 */
#include "support.h"

#include <amqp_tcp_socket.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGE_BODY        ((size_t)1024 * 1024)
#define HEARTBEAT_SECONDS 1

/* Bodies */

/* Position-dependent octets: a lost, repeated or swapped piece shows. */
static amqp_bytes_t make_body(size_t size) {
    amqp_bytes_t body = amqp_bytes_malloc(size);
    unsigned char *octets = body.bytes;

    check(size == 0 || octets != NULL, "out of memory");
    for (size_t i = 0; i < size; i++)
        octets[i] = (unsigned char)(i * 7 + i / 251);
    return body;
}

static void send_and_get_back(amqp_connection_state_t connection, size_t size) {
    const char *queue = declare_queue(connection, "", QUEUE_EXCLUSIVE);
    amqp_bytes_t body = make_body(size);
    amqp_envelope_t delivery;
    int status;

    consume(connection, queue, true);
    status = amqp_basic_publish(connection, 1, amqp_empty_bytes, amqp_cstring_bytes(queue), 0, 0,
                                NULL, body);
    check(status == AMQP_STATUS_OK, "publish of %zu octets: %s", size, amqp_error_string2(status));
    delivery = next_delivery(connection);
    check(delivery.message.body.len == size, "%zu octets came instead of %zu",
          delivery.message.body.len, size);
    check(memcmp(delivery.message.body.bytes, body.bytes, size) == 0, "body of %zu octets changed",
          size);
    amqp_destroy_envelope(&delivery);
    amqp_bytes_free(body);
}

static void small_frames(void) {
    amqp_connection_state_t connection = connect_with(4096, 0);
    static const size_t sizes[] = {0, 1, 4087, 4088, 4089, 8176, 100000};

    check(amqp_get_frame_max(connection) == 4096, "frame-max %d", amqp_get_frame_max(connection));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        send_and_get_back(connection, sizes[i]);
    disconnect(connection);
}

static void odd_frames(void) {
    amqp_connection_state_t connection = connect_with(20000, 0);

    check(amqp_get_frame_max(connection) == 20000, "frame-max %d", amqp_get_frame_max(connection));
    send_and_get_back(connection, LARGE_BODY);
    disconnect(connection);
}

static void offered_frames(void) {
    amqp_connection_state_t connection = connect_with(1 << 20, 0);

    check(amqp_get_frame_max(connection) == DEFAULT_FRAME_MAX,
          "frame-max %d, the broker offers 131072", amqp_get_frame_max(connection));
    send_and_get_back(connection, LARGE_BODY);
    disconnect(connection);
}

/* Heartbeats */

static void heartbeats_keep_connection(void) {
    amqp_connection_state_t connection = connect_with(DEFAULT_FRAME_MAX, HEARTBEAT_SECONDS);
    struct timeval idle = {.tv_sec = 3 * HEARTBEAT_SECONDS};
    amqp_frame_t frame;
    int status;

    check(amqp_get_heartbeat(connection) == HEARTBEAT_SECONDS, "heartbeat %d",
          amqp_get_heartbeat(connection));
    /* The library gives up after two silent intervals, so only heartbeats let it wait for three. */
    status = amqp_simple_wait_frame_noblock(connection, &frame, &idle);
    check(status == AMQP_STATUS_TIMEOUT, "while idle: %s", amqp_error_string2(status));
    send_and_get_back(connection, 10);
    disconnect(connection);
}

static void silent_peer_is_dropped(void) {
    amqp_connection_state_t connection = connect_with(DEFAULT_FRAME_MAX, HEARTBEAT_SECONDS);
    struct pollfd socket = {.fd = amqp_get_sockfd(connection), .events = POLLIN};
    unsigned char octets[256];
    ssize_t got;

    do {
        check(poll(&socket, 1, WAIT_SECONDS * 1000) == 1, "neither heartbeat nor end of stream");
        got = read(socket.fd, octets, sizeof octets);
        check(got <= 0 || uses_tls() || octets[0] == AMQP_FRAME_HEARTBEAT, "frame type %d",
              octets[0]);
    } while (got > 0);
    check(got == 0 || errno == ECONNRESET, "read: %s", strerror(errno));
    amqp_destroy_connection(connection);
}

/* Errors */

static void channel_errors(void) {
    amqp_connection_state_t connection = connect_broker();
    const char *queue = unique("errors");

    amqp_queue_declare(connection, 1, amqp_cstring_bytes("interop.missing"), 1, 0, 0, 0,
                       amqp_empty_table);
    check_channel_closed(connection, 404, "NOT_FOUND - no queue 'interop.missing' in vhost '/'");
    open_channel(connection, 1);
    amqp_exchange_declare(connection, 1, amqp_cstring_bytes("amq.interop"),
                          amqp_cstring_bytes("direct"), 0, 0, 0, 0, amqp_empty_table);
    check_channel_closed(connection, 403, "ACCESS_REFUSED - exchange name 'amq.interop' contains");
    open_channel(connection, 1);
    declare_queue(connection, queue, QUEUE_DURABLE);
    amqp_queue_declare(connection, 1, amqp_cstring_bytes(queue), 0, 0, 0, 0, amqp_empty_table);
    check_channel_closed(connection, 406, "PRECONDITION_FAILED - inequivalent arg 'durable'");
    open_channel(connection, 1);
    delete_queue(connection, queue);
    disconnect(connection);
}

static void bad_password(void) {
    struct amqp_connection_info broker;
    char *url = strdup(getenv("AMQP_URL"));
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_rpc_reply_t reply;

    amqp_default_connection_info(&broker);
    check(amqp_parse_url(url, &broker) == AMQP_STATUS_OK, "bad AMQP_URL");
    check(amqp_socket_open(new_socket(connection), broker.host, broker.port) == AMQP_STATUS_OK,
          "cannot connect");
    reply = amqp_login(connection, broker.vhost, 0, DEFAULT_FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN,
                       broker.user, "wrong");
    check(reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
              reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD,
          "no connection.close");
    const amqp_connection_close_t *close = reply.reply.decoded;
    check(close->reply_code == 403, "reply code %d", close->reply_code);
    amqp_destroy_connection(connection);
    free(url);
}

/* Tables and properties */

static amqp_field_value_t utf8(const char *text) {
    return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8,
                                .value.bytes = amqp_cstring_bytes(text)};
}

static amqp_field_value_t find_header(const amqp_table_t *headers, amqp_bytes_t name) {
    for (int i = 0; i < headers->num_entries; i++) {
        amqp_bytes_t key = headers->entries[i].key;

        if (key.len == name.len && memcmp(key.bytes, name.bytes, key.len) == 0)
            return headers->entries[i].value;
    }
    fail("header %s is missing", bytes_text(name));
}

static void headers_round_trip(void) {
    amqp_connection_state_t connection = connect_broker();
    const char *queue = declare_queue(connection, "", QUEUE_EXCLUSIVE);
    amqp_field_value_t list[] = {utf8("a"), utf8("b")};
    amqp_table_entry_t inner[] = {{amqp_cstring_bytes("deep"), utf8("value")}};
    amqp_table_entry_t entries[] = {
        {amqp_cstring_bytes("text"), utf8("w\xC3\xB6rter")},
        {amqp_cstring_bytes("big"), {.kind = AMQP_FIELD_KIND_I64, .value.i64 = INT64_MIN}},
        {amqp_cstring_bytes("small"), {.kind = AMQP_FIELD_KIND_I8, .value.i8 = -1}},
        {amqp_cstring_bytes("float"), {.kind = AMQP_FIELD_KIND_F64, .value.f64 = 0.5}},
        {amqp_cstring_bytes("yes"), {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
        {amqp_cstring_bytes("nothing"), {.kind = AMQP_FIELD_KIND_VOID}},
        {amqp_cstring_bytes("time"), {.kind = AMQP_FIELD_KIND_TIMESTAMP, .value.u64 = 1700000000}},
        {amqp_cstring_bytes("list"),
         {.kind = AMQP_FIELD_KIND_ARRAY, .value.array = {.num_entries = 2, .entries = list}}},
        {amqp_cstring_bytes("table"),
         {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {.num_entries = 1, .entries = inner}}}};
    const int count = (int)(sizeof entries / sizeof entries[0]);
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG |
                  AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_APP_ID_FLAG,
        .headers = {.num_entries = count, .entries = entries},
        .content_type = amqp_cstring_bytes("text/plain"),
        .priority = 3,
        .timestamp = 1700000000,
        .app_id = amqp_cstring_bytes("interop")};
    amqp_envelope_t delivery;
    amqp_basic_properties_t *got;

    consume(connection, queue, true);
    publish(connection, "", queue, &properties, "with headers");
    delivery = next_delivery(connection);
    got = &delivery.message.properties;
    check(got->_flags == properties._flags, "property flags 0x%X", got->_flags);
    check(bytes_equal(got->content_type, "text/plain") && bytes_equal(got->app_id, "interop") &&
              got->priority == 3 && got->timestamp == 1700000000,
          "a property changed");
    check(got->headers.num_entries == count, "%d headers", got->headers.num_entries);
    for (int i = 0; i < count; i++) {
        amqp_field_value_t header = find_header(&got->headers, entries[i].key);

        check(header.kind == entries[i].value.kind, "header %s has type '%c'",
              bytes_text(entries[i].key), header.kind);
    }
    check(find_header(&got->headers, entries[1].key).value.i64 == INT64_MIN,
          "the 64-bit header changed");
    amqp_destroy_envelope(&delivery);
    disconnect(connection);
}

/* Transactions and get */

static bool get_is_empty(amqp_connection_state_t connection, const char *queue) {
    amqp_rpc_reply_t reply = amqp_basic_get(connection, 1, amqp_cstring_bytes(queue), 1);

    check(reply.reply_type == AMQP_RESPONSE_NORMAL, "basic.get failed");
    return reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD;
}

static void transactions(void) {
    amqp_connection_state_t connection = connect_broker();
    const char *queue = declare_queue(connection, "", QUEUE_EXCLUSIVE);
    amqp_message_t message;

    amqp_tx_select(connection, 1);
    check_reply(connection, "tx.select");
    publish(connection, "", queue, NULL, "forgotten");
    amqp_tx_rollback(connection, 1);
    check_reply(connection, "tx.rollback");
    publish(connection, "", queue, NULL, "kept");
    check(get_is_empty(connection, queue), "a message came before tx.commit");
    amqp_tx_commit(connection, 1);
    check_reply(connection, "tx.commit");

    check(!get_is_empty(connection, queue), "tx.commit published nothing");
    check(amqp_read_message(connection, 1, &message, 0).reply_type == AMQP_RESPONSE_NORMAL,
          "no content after basic.get-ok");
    check(bytes_equal(message.body, "kept"), "got \"%s\"", bytes_text(message.body));
    amqp_destroy_message(&message);
    check(get_is_empty(connection, queue), "the rolled back message was published");
    disconnect(connection);
}

static void consumer_cancelled(void) {
    amqp_connection_state_t consumer = connect_broker();
    amqp_connection_state_t other = connect_broker();
    const char *queue = unique("cancel");

    declare_queue(other, queue, QUEUE_AUTO_DELETE);
    consume(consumer, queue, true);
    delete_queue(other, queue);
    expect_method(consumer, AMQP_BASIC_CANCEL_METHOD, "basic.cancel");
    disconnect(consumer);
    disconnect(other);
}

const struct test library_tests[] = {
    {"frame-max 4096, bodies around its edges", small_frames},
    {"frame-max 20000, body of 1 MiB", odd_frames},
    {"frame-max as offered, body of 1 MiB", offered_frames},
    {"heartbeats keep an idle connection open", heartbeats_keep_connection},
    {"a silent peer is dropped", silent_peer_is_dropped},
    {"channel errors 404, 403 and 406; the channel number is usable again", channel_errors},
    {"a wrong password is refused with 403", bad_password},
    {"headers and properties come back unchanged", headers_round_trip},
    {"transactions: rollback and commit", transactions},
    {"a deleted queue cancels its consumer", consumer_cancelled},
};
const size_t library_test_count = sizeof library_tests / sizeof library_tests[0];
