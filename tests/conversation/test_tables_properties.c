/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables and properties: what is read, and that it comes out as it went in. */
#include "tests/support/peer.h"

/* Publishes with these headers, gets the message back and returns the headers that came. */
static struct slice headers_after_a_trip(struct peer *p, struct slice headers) {
    peer_publish_with(p, "", "q", "body", .headers = headers);
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    return peer_expect_content(p, "body")->headers;
}

/* A headers exchange sees what a tag was read as: only equal numbers match. */
static bool matches_integer(struct peer *p, struct slice headers, char tag, int64_t number) {
    struct amqp_table_builder builder;
    bool is_match;

    amqp_table_builder_init(&builder);
    amqp_table_put_int(&builder, SLICE("n"), tag, number);
    peer_bind_queue_with(p, "q", "amq.headers", "", amqp_table_builder_finish(&builder));
    peer_publish_with(p, "amq.headers", "", "body", .headers = headers);
    peer_send(p, queue_purge, .queue = SLICE("q"));
    is_match = peer_receive(p, queue_purge_ok)->message_count == 1;
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("amq.headers"),
              .arguments = amqp_table_builder_finish(&builder));
    peer_expect(p, queue_unbind_ok);
    amqp_table_builder_clear(&builder);
    return is_match;
}

/* rows: 62 */
static void s_is_a_signed_16_bit_integer(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(matches_integer(p, SLICE("\x01ns\xff\xfe"), 'l', -2));
    assert_false(matches_integer(p, SLICE("\x01ns\xff\xfe"), 'l', 65534));
    assert_true(matches_integer(p, SLICE("\x01nu\xff\xfe"), 'l', 65534));
}

/* rows: 63 68 */
static void every_tag_survives_the_trip(void **state) {
    struct peer *p = peer_connect_with_queue(*state);
    struct amqp_table_builder builder;
    struct slice table;

    amqp_table_builder_init(&builder);
    amqp_table_put_bool(&builder, SLICE("t"), true);
    amqp_table_put_int(&builder, SLICE("b"), 'b', -128);
    amqp_table_put_int(&builder, SLICE("B"), 'B', 255);
    amqp_table_put_int(&builder, SLICE("s"), 's', -32768);
    amqp_table_put_int(&builder, SLICE("u"), 'u', 65535);
    amqp_table_put_int(&builder, SLICE("I"), 'I', INT32_MIN);
    amqp_table_put_int(&builder, SLICE("i"), 'i', UINT32_MAX);
    amqp_table_put_int(&builder, SLICE("l"), 'l', INT64_MIN);
    amqp_table_put_double(&builder, SLICE("d"), 1.5);
    amqp_table_put_text(&builder, SLICE("S"), SLICE("not \xff utf-8 \0"));
    amqp_table_put_binary(&builder, SLICE("x"), SLICE("\0\1\2"));
    amqp_table_put_timestamp(&builder, SLICE("T"), 1700000000);
    amqp_table_put_void(&builder, SLICE("V"));
    amqp_table_begin_array(&builder, SLICE("A"));
    amqp_table_put_void(&builder, AMQP_NO_NAME);
    amqp_table_begin_table(&builder, AMQP_NO_NAME);
    amqp_table_put_text(&builder, SLICE("deep"), SLICE("down"));
    amqp_table_begin_array(&builder, SLICE("empty"));
    amqp_table_end(&builder);
    amqp_table_end(&builder);
    amqp_table_end(&builder);
    table = amqp_table_builder_finish(&builder);
    assert_true(slice_equal(headers_after_a_trip(p, table), table));
    /* tags that the builder does not write */
    table = SLICE("\x01"
                  "ff\x3f\x80\0\0"
                  "\x01"
                  "DD\x02\0\0\x01\x3a"
                  "\x01LL\0\0\0\0\0\0\0\x07");
    assert_true(slice_equal(headers_after_a_trip(p, table), table));
    amqp_table_builder_clear(&builder);
}

/* rows: 64 */
static void upper_case_l_is_a_signed_64_bit_integer(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(matches_integer(p, SLICE("\x01nL\xff\xff\xff\xff\xff\xff\xff\xf9"), 'l', -7));
}

/* rows: 65 */
static void unknown_tag_in_arguments_closes_the_connection(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .arguments = SLICE("\x01nZ\0"));
    assert_int_equal(peer_receive(p, connection_close)->reply_code, 502);
}

/* rows: 65 */
static void unknown_tag_in_headers_closes_the_connection(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_publish_with(p, "", "q", "body", .headers = SLICE("\x01nZ\0"));
    peer_expect(p, connection_close, .reply_code = 541, .reply_text = SLICE("INTERNAL_ERROR"));
}

static void table_that_ends_too_early_closes_the_connection(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .arguments = SLICE("\x01nI\0\0"));
    assert_int_equal(peer_receive(p, connection_close)->reply_code, 502);
}

/* rows: 66 70 */
static void fourteen_properties_survive_the_trip(void **state) {
    struct peer *p = peer_connect_with_queue(*state);
    const struct amqp_properties *back;

    peer_publish_with(p, "", "q", "body", .content_type = SLICE("text/plain"),
                      .content_encoding = SLICE("utf-8"), .headers = SLICE("\x01nV"),
                      .delivery_mode = 2, .priority = 255, .correlation_id = SLICE("c-1"),
                      .reply_to = SLICE("answers"), .expiration = SLICE("60000"),
                      .message_id = SLICE("m-1"), .timestamp = UINT64_C(0x123456789abcdef0),
                      .type = SLICE("greeting"), .user_id = SLICE("guest"),
                      .app_id = SLICE("tests"), .cluster_id = SLICE("cluster"));
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    back = peer_expect_content(p, "body");
    assert_int_equal(back->flags, AMQP_PROPERTIES_ALL);
    assert_true(slice_equal(back->content_type, SLICE("text/plain")));
    assert_true(slice_equal(back->content_encoding, SLICE("utf-8")));
    assert_true(slice_equal(back->headers, SLICE("\x01nV")));
    assert_int_equal(back->delivery_mode, 2);
    assert_int_equal(back->priority, 255);
    assert_true(slice_equal(back->correlation_id, SLICE("c-1")));
    assert_true(slice_equal(back->reply_to, SLICE("answers")));
    assert_true(slice_equal(back->expiration, SLICE("60000")));
    assert_true(slice_equal(back->message_id, SLICE("m-1")));
    assert_true(back->timestamp == UINT64_C(0x123456789abcdef0));
    assert_true(slice_equal(back->type, SLICE("greeting")));
    assert_true(slice_equal(back->user_id, SLICE("guest")));
    assert_true(slice_equal(back->app_id, SLICE("tests")));
    assert_true(slice_equal(back->cluster_id, SLICE("cluster")));
}

static void absent_properties_stay_absent(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_publish(p, "", "q", "body");
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    assert_int_equal(peer_expect_content(p, "body")->flags, 0);
}

/* An empty value is a value: the flag stays. */
static void empty_properties_stay_there(void **state) {
    struct peer *p = peer_connect_with_queue(*state);
    const uint16_t flags = AMQP_HEADERS | AMQP_CORRELATION_ID | AMQP_DELIVERY_MODE;

    peer_publish_with(p, "", "q", "body", .flags = flags);
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    assert_int_equal(peer_expect_content(p, "body")->flags, flags);
}

/* rows: 67 */
static void any_delivery_mode_is_passed_through(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_publish_with(p, "", "q", "body", .delivery_mode = 7);
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    assert_int_equal(peer_expect_content(p, "body")->delivery_mode, 7);
}

static void send_raw_properties(struct peer *p, uint16_t flags, struct slice properties) {
    struct amqp_content_header header = {
        .class_id = 60, .body_size = 1, .flags = flags, .properties = properties};

    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, 1, &header);
}

/* rows: 69 */
static void continued_property_flags_are_541(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    send_raw_properties(p, AMQP_FLAGS_CONTINUED, SLICE("\0\0"));
    peer_expect_connection_exception(p, 541, NULL, nothing);
}

static void truncated_properties_are_541(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    send_raw_properties(p, AMQP_CONTENT_TYPE, SLICE("\x05text"));
    peer_expect_connection_exception(p, 541, NULL, nothing);
}

/* Headers are kept as they came: order and double names, too. */
static void order_and_double_names_survive(void **state) {
    struct peer *p = peer_connect_with_queue(*state);
    struct slice table = SLICE("\x01zV\x01"
                               "aV\x01zt\x01");

    assert_true(slice_equal(headers_after_a_trip(p, table), table));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(s_is_a_signed_16_bit_integer),
        CONVERSATION(every_tag_survives_the_trip),
        CONVERSATION(upper_case_l_is_a_signed_64_bit_integer),
        CONVERSATION(unknown_tag_in_arguments_closes_the_connection),
        CONVERSATION(unknown_tag_in_headers_closes_the_connection),
        CONVERSATION(table_that_ends_too_early_closes_the_connection),
        CONVERSATION(fourteen_properties_survive_the_trip),
        CONVERSATION(absent_properties_stay_absent),
        CONVERSATION(empty_properties_stay_there),
        CONVERSATION(any_delivery_mode_is_passed_through),
        CONVERSATION(continued_property_flags_are_541),
        CONVERSATION(truncated_properties_are_541),
        CONVERSATION(order_and_double_names_survive),
    };

    return cmocka_run_group_tests_name("tables and properties", tests, NULL, NULL);
}
