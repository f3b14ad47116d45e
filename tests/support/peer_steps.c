/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer says again and again, each with the answer to it: the handshake and common steps. */
#include "tests/support/peer.h"

#include <stdio.h>

/* -- The handshake ----------------------------------------------------------------------------- */

struct slice peer_client_properties(const char *const capabilities[]) {
    static struct amqp_table_builder builder; /* keeps the octets until the next call */

    amqp_table_builder_clear(&builder);
    amqp_table_put_text(&builder, SLICE("product"), SLICE("peer"));
    amqp_table_begin_table(&builder, SLICE("capabilities"));
    for (size_t i = 0; capabilities[i] != NULL; i++)
        amqp_table_put_bool(&builder, slice_from_text(capabilities[i]), true);
    amqp_table_end(&builder);
    return amqp_table_builder_finish(&builder);
}

void peer_expect_start(struct peer *peer) {
    peer_send_octets(peer, SLICE(AMQP_PROTOCOL_HEADER));
    peer_receive_method(peer, 0, AMQP_CONNECTION_START);
}

void peer_send_start_ok(struct peer *peer, const char *mechanism, struct slice response) {
    const char *const capabilities[] = {"authentication_failure_close", "basic.nack",
                                        "connection.blocked",           "consumer_cancel_notify",
                                        "publisher_confirms",           NULL};

    peer_send_method(peer, 0,
                     PEER_METHOD(connection_start_ok,
                                 .client_properties = peer_client_properties(capabilities),
                                 .mechanism = slice_from_text(mechanism), .response = response,
                                 .locale = SLICE("en_US")));
}

void peer_authenticate(struct peer *peer, const char *user, const char *password) {
    char response[256];
    int len = snprintf(response, sizeof response, "%c%s%c%s", 0, user, 0, password);
    struct amqp_connection_tune tune;

    peer_send_start_ok(peer, "PLAIN", slice_of(response, (size_t)len));
    tune = peer_receive_method(peer, 0, AMQP_CONNECTION_TUNE)->connection_tune;
    peer->channel_max = tune.channel_max;
    peer->frame_max = tune.frame_max;
}

void peer_tune(struct peer *peer, uint16_t heartbeat_s) {
    peer_send_method(peer, 0,
                     PEER_METHOD(connection_tune_ok, .channel_max = peer->channel_max,
                                 .frame_max = peer->frame_max, .heartbeat = heartbeat_s));
}

void peer_open(struct peer *peer) {
    peer_send_method(peer, 0, PEER_METHOD(connection_open, .virtual_host = SLICE("/")));
    peer_expect_method(peer, 0, PEER_METHOD(connection_open_ok, .known_hosts = SLICE("")));
}

struct peer *peer_login_as(struct fixture *fixture, const char *user, const char *password) {
    struct peer *peer = peer_accept(fixture);

    peer_expect_start(peer);
    peer_authenticate(peer, user, password);
    peer_tune(peer, 0);
    peer_open(peer);
    return peer;
}

struct peer *peer_login(struct fixture *fixture) {
    return peer_login_as(fixture, "guest", "guest");
}

struct peer *peer_connect(struct fixture *fixture) {
    struct peer *peer = peer_login(fixture);

    peer_open_channel(peer, 1);
    return peer;
}

struct peer *peer_connect_with_queue(struct fixture *fixture) {
    struct peer *peer = peer_connect(fixture);

    peer_declare_queue(peer, "q");
    return peer;
}

void peer_open_channel(struct peer *peer, uint16_t channel) {
    peer_send_method(peer, channel, PEER_METHOD(channel_open, ));
    peer_expect_method(peer, channel, PEER_METHOD(channel_open_ok, ));
}

/* -- Common steps ------------------------------------------------------------------------------ */

void peer_make_queue(struct peer *peer, const char *name, bool durable, struct slice arguments) {
    peer_send_method(peer, 1,
                     PEER_METHOD(queue_declare, .queue = slice_from_text(name), .durable = durable,
                                 .arguments = arguments));
    if (durable && peer->fixture->disk != NULL)
        fixture_write_all(peer->fixture);
    peer_expect_method(peer, 1, PEER_METHOD(queue_declare_ok, .queue = slice_from_text(name)));
}

void peer_make_exchange(struct peer *peer, const char *name, const char *type) {
    peer_send_method(peer, 1,
                     PEER_METHOD(exchange_declare, .exchange = slice_from_text(name),
                                 .type = slice_from_text(type)));
    peer_expect_method(peer, 1, PEER_METHOD(exchange_declare_ok, ));
}

void peer_make_binding(struct peer *peer, const char *queue, const char *exchange, const char *key,
                       struct slice arguments) {
    peer_send_method(peer, 1,
                     PEER_METHOD(queue_bind, .queue = slice_from_text(queue),
                                 .exchange = slice_from_text(exchange),
                                 .routing_key = slice_from_text(key), .arguments = arguments));
    peer_expect_method(peer, 1, PEER_METHOD(queue_bind_ok, ));
}

void peer_make_exchange_binding(struct peer *peer, const char *destination, const char *source,
                                const char *key) {
    peer_send_method(peer, 1,
                     PEER_METHOD(exchange_bind, .destination = slice_from_text(destination),
                                 .source = slice_from_text(source),
                                 .routing_key = slice_from_text(key)));
    peer_expect_method(peer, 1, PEER_METHOD(exchange_bind_ok, ));
}

void peer_make_consumer(struct peer *peer, uint16_t channel, const char *queue, const char *tag,
                        bool no_ack, struct slice arguments) {
    peer_send_method(peer, channel,
                     PEER_METHOD(basic_consume, .queue = slice_from_text(queue),
                                 .consumer_tag = slice_from_text(tag), .no_ack = no_ack,
                                 .arguments = arguments));
    peer_expect_method(peer, channel,
                       PEER_METHOD(basic_consume_ok, .consumer_tag = slice_from_text(tag)));
}

void peer_end_consumer(struct peer *peer, const char *tag) {
    peer_send_method(peer, 1, PEER_METHOD(basic_cancel, .consumer_tag = slice_from_text(tag)));
    peer_expect_method(peer, 1, PEER_METHOD(basic_cancel_ok, .consumer_tag = slice_from_text(tag)));
}

void peer_limit_deliveries(struct peer *peer, uint16_t count, bool global) {
    peer_send_method(peer, 1, PEER_METHOD(basic_qos, .prefetch_count = count, .global = global));
    peer_expect_method(peer, 1, PEER_METHOD(basic_qos_ok, ));
}

void peer_end_channel(struct peer *peer) {
    peer_send_method(peer, 1, PEER_METHOD(channel_close, .reply_code = 200));
    peer_expect_method(peer, 1, PEER_METHOD(channel_close_ok, ));
}

void peer_begin_confirms(struct peer *peer) {
    peer_send_method(peer, 1, PEER_METHOD(confirm_select, ));
    peer_expect_method(peer, 1, PEER_METHOD(confirm_select_ok, ));
}
