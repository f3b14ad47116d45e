/* SPDX-License-Identifier: Apache-2.0 */
/* basic.publish: returns, limits, checked properties, order. */
#include "broker/protocol/connection.h"
#include "tests/support/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* rows: 229 */
static void immediate_is_540(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_cork(p);
    peer_send(p, basic_publish, .routing_key = SLICE("q"), .immediate = true);
    peer_send_content(p, "body", .flags = 0);
    peer_uncork(p);
    peer_expect_connection_exception(p, 540, "immediate=true", basic_publish);
}

/* rows: 230 */
static void mandatory_without_a_route_comes_back_with_its_content(void **state) {
    struct peer *p = peer_connect(*state);
    const struct amqp_properties *back;

    peer_send(p, basic_publish, .exchange = SLICE("amq.direct"), .routing_key = SLICE("nowhere"),
              .mandatory = true);
    peer_send_content(p, "body", .content_type = SLICE("text/plain"), .headers = SLICE("\x01nV"),
                      .priority = 3);
    peer_expect(p, basic_return, .reply_code = 312, .reply_text = SLICE("NO_ROUTE"),
                .exchange = SLICE("amq.direct"), .routing_key = SLICE("nowhere"));
    back = peer_expect_content(p, "body");
    assert_int_equal(back->flags, AMQP_CONTENT_TYPE | AMQP_HEADERS | AMQP_PRIORITY);
    assert_true(slice_equal(back->content_type, SLICE("text/plain")));
    assert_true(slice_equal(back->headers, SLICE("\x01nV")));
    assert_int_equal(back->priority, 3);
}

static void mandatory_with_a_route_does_not_come_back(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_send(p, basic_publish, .routing_key = SLICE("q"), .mandatory = true);
    peer_send_content(p, "body", .flags = 0);
    peer_expect_nothing(p);
    peer_expect_get(p, "q", "body");
}

/* rows: 231 */
static void unroutable_without_mandatory_is_dropped_in_silence(void **state) {
    struct peer *p = peer_connect(*state);

    peer_publish(p, "amq.direct", "nowhere", "body");
    peer_publish(p, "", "nowhere", "body");
    peer_expect_nothing(p);
    peer_declare_queue(p, "nowhere");
    peer_expect_get_empty(p, "nowhere");
}

/* rows: 232 */
static void return_precedes_the_confirm(void **state) {
    struct peer *p = peer_connect(*state);

    peer_select_confirms(p);
    peer_send(p, basic_publish, .routing_key = SLICE("nowhere"), .mandatory = true);
    peer_send_content(p, "body", .flags = 0);
    peer_expect(p, basic_return, .reply_code = 312, .reply_text = SLICE("NO_ROUTE"),
                .routing_key = SLICE("nowhere"));
    peer_expect_content(p, "body");
    peer_expect(p, basic_ack, .delivery_tag = 1);
}

static void expect_bad_expiration(void **state, const char *expiration, const char *reason) {
    struct peer *p = peer_connect(*state);
    char text[200];

    peer_declare_queue(p, "q");
    peer_publish_with(p, "", "q", "body", .expiration = slice_from_text(expiration),
                      .flags = AMQP_EXPIRATION);
    snprintf(text, sizeof text, "invalid expiration '%s': %s", expiration, reason);
    peer_expect_channel_exception(p, 406, text, basic_publish);
}

/* rows: 233 */
static void expiration_that_is_no_number_is_406(void **state) {
    expect_bad_expiration(state, "abc", "no_integer");
    expect_bad_expiration(state, "", "no_integer");
    expect_bad_expiration(state, " 1", "no_integer");
}

/* rows: 234 */
static void expiration_with_a_tail_is_406(void **state) {
    expect_bad_expiration(state, "10x", "{leftover_string,\"x\"}");
    expect_bad_expiration(state, "1.5", "{leftover_string,\".5\"}");
}

/* rows: 235 */
static void expiration_out_of_range_is_406(void **state) {
    expect_bad_expiration(state, "-1", "{value_negative,-1}");
    expect_bad_expiration(state, "315360000001", "{value_too_large,315360000001}");
}

/* rows: 235 */
static void expiration_with_a_sign_or_at_the_limit_is_fine(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_publish_with(p, "", "q", "plus", .expiration = SLICE("+5000"));
    peer_publish_with(p, "", "q", "limit", .expiration = SLICE("315360000000"));
    peer_expect_get(p, "q", "plus");
    peer_expect_get(p, "q", "limit");
}

/* rows: 236 */
static void user_id_of_another_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_publish_with(p, "", "q", "mine", .user_id = SLICE("guest"));
    peer_expect_get(p, "q", "mine");
    peer_publish_with(p, "", "q", "forged", .user_id = SLICE("bob"));
    peer_expect_channel_exception(
        p, 406, "user_id property set to 'bob' but authenticated user was 'guest'", basic_publish);
}

static int setup_with_small_messages(void **state) {
    struct broker_settings settings;

    broker_settings_init(&settings);
    assert_int_equal(settings.max_message_size, 16777216);
    settings.max_message_size = 10;
    *state = fixture_create_with(&settings);
    return 0;
}

/* rows: 238 */
static void body_above_max_message_size_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "ten octets");
    peer_expect_get(p, "q", "ten octets");
    peer_publish(p, "", "q", "eleven octe");
    peer_expect_channel_exception(p, 406, "message size 11 is larger than configured max size 10",
                                  basic_publish);
    peer_reopen(p);
    peer_expect_get_empty(p, "q");
}

/* rows: 242 */
static void one_channel_to_one_queue_keeps_its_order(void **state) {
    struct peer *p = peer_connect(*state);
    char body[16];

    peer_declare_queue(p, "q");
    for (int i = 0; i < 1000; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_publish(p, "", "q", body);
    }
    peer_consume_no_ack(p, "q", "c");
    for (int i = 0; i < 1000; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_expect_delivery(p, "c", (uint64_t)i + 1, body);
    }
}

/* The same key again and again takes a short cut that must notice what changed in between. */
static void routes_follow_every_change_of_bindings(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q1");
    peer_declare_queue(p, "q2");
    peer_publish(p, "amq.direct", "k", "nowhere");
    peer_bind_queue(p, "q1", "amq.direct", "k");
    peer_publish(p, "amq.direct", "k", "q1");
    peer_bind_queue(p, "q2", "amq.direct", "k");
    peer_publish(p, "amq.direct", "k", "both");
    peer_send(p, queue_delete, .queue = SLICE("q1"));
    peer_expect(p, queue_delete_ok, .message_count = 2);
    peer_publish(p, "amq.direct", "k", "q2");
    peer_expect_get(p, "q2", "both");
    peer_expect_get(p, "q2", "q2");
    peer_declare_queue(p, "q1");
    peer_publish(p, "", "q1", "anew");
    peer_expect_get(p, "q1", "anew");
}

static void publish_without_content_is_nothing_yet(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_open_channel(p, 2);
    peer_send_on(p, 2, basic_publish, .routing_key = SLICE("q"));
    peer_expect_get_empty(p, "q");
    peer_drop(p);
}

/* One frame may ask for much work; the connection does its share of it and lets others have a turn. */
static void publishing_to_many_queues_yields(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);
    char name[16];

    fixture->read_size = SIZE_MAX;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "q%d", i);
        peer_declare_queue(p, name);
        peer_bind_queue(p, name, "amq.fanout", "");
    }
    peer_publish(p, "amq.fanout", "", "x");
    assert_false(p->connection->endpoint.yielded);
    peer_cork(p);
    for (int i = 0; i < 200; i++)
        peer_publish(p, "amq.fanout", "", "x");
    peer_uncork(p);
    assert_true(p->connection->endpoint.yielded);
    peer_expect_counts(p, "q0", 201, 0);
    peer_expect_counts(p, "q199", 201, 0);
}

/* --- bodies that are not complete --- */

#define HALF 32768u /* of a body: below the largest message, above a frame of the peer */

/* Begins a body of twice the octets it sends. */
static void send_half(struct peer *p, uint16_t channel) {
    static uint8_t octets[HALF];
    static const uint8_t properties[1];
    struct amqp_content_header header = {
        .class_id = AMQP_CLASS_BASIC, .body_size = 2 * HALF, .properties = slice_of(properties, 0)};
    size_t most = p->frame_max - AMQP_FRAME_OVERHEAD;

    peer_send_on(p, channel, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, channel, &header);
    for (size_t at = 0; at < HALF; at += most) {
        size_t len = HALF - at < most ? HALF - at : most;
        peer_send_frame(p, AMQP_FRAME_BODY, channel, slice_of(octets + at, len));
    }
}

static int setup_small_assemblies(void **state) {
    struct broker_settings settings;

    broker_settings_init(&settings);
    settings.max_message_size = 2 * HALF; /* so that four halves fit on a connection */
    *state = fixture_create_with(&settings);
    return 0;
}

static void unfinished_bodies_of_a_connection_are_limited(void **state) {
    struct fixture *f = *state;
    struct peer *p = peer_connect(f), *other;

    for (uint16_t channel = 2; channel <= 6; channel++)
        peer_open_channel(PEER_AT(p), channel);
    for (uint16_t channel = 2; channel <= 5; channel++)
        send_half(p, channel);
    assert_int_equal(f->broker->assembling_bytes, 4 * HALF);
    other = peer_connect(f);
    peer_declare_queue(other, "q");
    peer_cork(p);
    send_half(p, 6);
    peer_uncork(p);
    peer_expect_connection_exception(
        p, 506, "unfinished messages of more than 131072 octets on one connection", basic_publish);
    assert_int_equal(f->broker->assembling_bytes, 0);
    peer_expect_counts(other, "q", 0, 0);
}

static void unfinished_bodies_of_all_connections_are_limited(void **state) {
    struct fixture *f = *state;
    struct peer *small = peer_connect(f), *big = peer_connect(f);

    peer_open_channel(PEER_AT(small), 2);
    peer_open_channel(PEER_AT(big), 2);
    peer_open_channel(PEER_AT(big), 3);
    send_half(small, 1);
    for (uint16_t channel = 1; channel <= 3; channel++)
        send_half(big, channel);
    peer_expect_open(big);
    peer_cork(small);
    send_half(small, 2);
    peer_uncork(small);
    peer_expect_connection_exception(
        big, 506, "unfinished messages of more than 131072 octets in the broker, most of them here",
        basic_publish);
    peer_expect_open(small);
    assert_int_equal(f->broker->assembling_bytes, 2 * HALF);
    peer_drop(small);
    assert_int_equal(f->broker->assembling_bytes, 0);
}

static void a_part_of_the_memory_limit_is_for_all_connections(void **state) {
    struct fixture *f = *state;
    struct peer *peers[6];

    broker_set_memory_limit(f->broker, 20u * 6 * HALF);
    for (size_t i = 0; i < 6; i++) {
        peers[i] = peer_connect(f);
        send_half(peers[i], 1);
    }
    for (size_t i = 0; i < 6; i++)
        peer_expect_open(peers[i]);
}

static void finished_bodies_do_not_count(void **state) {
    static char text[2 * HALF];
    struct fixture *f = *state;
    struct peer *p = peer_connect(f);

    memset(text, 'x', sizeof text - 1);
    peer_declare_queue(p, "q");
    for (int i = 0; i < 10; i++)
        peer_publish(p, "", "q", text);
    assert_int_equal(f->broker->assembling_bytes, 0);
    peer_expect_counts(p, "q", 10, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(immediate_is_540),
        CONVERSATION(publishing_to_many_queues_yields),
        CONVERSATION(mandatory_without_a_route_comes_back_with_its_content),
        CONVERSATION(mandatory_with_a_route_does_not_come_back),
        CONVERSATION(unroutable_without_mandatory_is_dropped_in_silence),
        CONVERSATION(return_precedes_the_confirm),
        CONVERSATION(expiration_that_is_no_number_is_406),
        CONVERSATION(expiration_with_a_tail_is_406),
        CONVERSATION(expiration_out_of_range_is_406),
        CONVERSATION(expiration_with_a_sign_or_at_the_limit_is_fine),
        CONVERSATION(user_id_of_another_is_406),
        cmocka_unit_test_setup_teardown(body_above_max_message_size_is_406,
                                        setup_with_small_messages, fixture_teardown),
        CONVERSATION(one_channel_to_one_queue_keeps_its_order),
        CONVERSATION(routes_follow_every_change_of_bindings),
        CONVERSATION(publish_without_content_is_nothing_yet),
        cmocka_unit_test_setup_teardown(unfinished_bodies_of_a_connection_are_limited,
                                        setup_small_assemblies, fixture_teardown),
        cmocka_unit_test_setup_teardown(unfinished_bodies_of_all_connections_are_limited,
                                        setup_small_assemblies, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_part_of_the_memory_limit_is_for_all_connections,
                                        setup_small_assemblies, fixture_teardown),
        cmocka_unit_test_setup_teardown(finished_bodies_do_not_count, setup_small_assemblies,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
