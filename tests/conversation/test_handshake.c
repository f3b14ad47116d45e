/* SPDX-License-Identifier: Apache-2.0 */
/* From the protocol header to connection.open-ok, and every way not to get there. */
#include "tests/support/peer.h"

#include <stdio.h>
#include <string.h>

#include "broker/protocol/connection.h"

#define HEADER SLICE("AMQP\0\0\x09\x01")

static bool table_has_text(struct slice table, const char *name, const char *text) {
    struct amqp_value value;

    return amqp_table_find(table, slice_from_text(name), &value) && value.tag == 'S' &&
           (text == NULL ? value.bytes.len > 0 : slice_equal(value.bytes, slice_from_text(text)));
}

static bool has_word(struct slice words, const char *word) {
    char text[256], padded[64];

    snprintf(text, sizeof text, " %.*s ", (int)words.len, (const char *)words.data);
    snprintf(padded, sizeof padded, " %s ", word);
    return strstr(text, padded) != NULL;
}

/* RabbitMQ's way of saying no before a connection is open: 3 s of nothing, then TCP closes. */
static void expect_silent_close(struct peer *p) {
    fixture_advance(p->fixture, CONNECTION_SILENT_CLOSE_MS - 1);
    peer_expect_nothing(p);
    peer_expect_open(p);
    fixture_advance(p->fixture, 1);
    peer_expect_closed(p);
}

/* rows: 1 5 */
static void header_is_answered_with_start(void **state) {
    struct peer *p = peer_accept(*state);
    const struct amqp_connection_start *start;

    peer_expect_nothing(p);
    peer_send_octets(p, SLICE("AMQP\0\0\x09"));
    peer_expect_nothing(p);
    peer_send_octets(p, SLICE("\x01"));
    start = peer_receive(p, connection_start);
    assert_int_equal(start->version_major, 0);
    assert_int_equal(start->version_minor, 9);
    assert_true(slice_equal(start->locales, SLICE("en_US")));
}

static void expect_refusal(void **state, struct slice header) {
    struct peer *p = peer_accept(*state);

    peer_send_octets(p, header);
    peer_expect_octets(p, HEADER);
    peer_expect_closed(p);
}

/* rows: 2 */
static void garbage_is_answered_with_the_header(void **state) {
    expect_refusal(state, SLICE("GET / HT"));
    expect_refusal(state, SLICE("\x16\x03\x01\x02\x00\x01\x00\x01"));
    expect_refusal(state, SLICE("\0\0\0\0\0\0\0\0"));
    expect_refusal(state, SLICE("amqp\0\0\x09\x01"));
}

/* rows: 3 */
static void header_of_another_version_is_answered_with_ours(void **state) {
    expect_refusal(state, SLICE("AMQP\0\0\x0a\0"));
    expect_refusal(state, SLICE("AMQP\0\x01\0\0"));
    expect_refusal(state, SLICE("AMQP\x03\x01\0\0"));
    expect_refusal(state, SLICE("AMQP\x01\x01\x08\0"));
}

/* rows: 4 */
static void old_header_continues_as_0_9_1(void **state) {
    struct peer *p = peer_accept(*state);

    peer_send_octets(p, SLICE("AMQP\x01\x01\0\x09"));
    assert_int_equal(peer_receive(p, connection_start)->version_minor, 9);
    peer_authenticate(p, "guest", "guest");
    peer_tune(p, 0);
    peer_open(p);
}

/* rows: 6 */
static void unfinished_handshake_ends_after_ten_seconds(void **state) {
    struct fixture *fixture = *state;
    struct peer *silent = peer_accept(fixture);
    struct peer *halfway = peer_accept(fixture);

    peer_expect_start(halfway);
    fixture_advance(fixture, 9999);
    peer_expect_open(silent);
    peer_expect_open(halfway);
    fixture_advance(fixture, 1);
    peer_expect_closed(silent);
    peer_expect_closed(halfway);
}

static void without_a_deadline_a_handshake_may_take_for_ever(void **state) {
    struct fixture *fixture = *state;
    fixture->broker->settings.handshake_timeout_ms = 0;
    struct peer *silent = peer_accept(fixture);

    fixture_advance(fixture, 3600000);
    peer_expect_open(silent);
}

static void open_connection_outlives_the_handshake_deadline(void **state) {
    struct peer *p = peer_connect(*state);

    fixture_advance(*state, 60000);
    peer_expect_open(p);
    peer_expect_nothing(p);
}

/* rows: 7 */
static void server_properties_are_complete(void **state) {
    struct peer *p = peer_accept(*state);
    struct slice table;
    struct amqp_value value;

    peer_send_octets(p, HEADER);
    table = peer_receive(p, connection_start)->server_properties;
    assert_true(table_has_text(table, "product", "RabbitMQ"));
    assert_true(table_has_text(table, "version", "4.3.5"));
    assert_true(table_has_text(table, "platform", NULL));
    assert_true(table_has_text(table, "copyright", NULL));
    assert_true(table_has_text(table, "information", NULL));
    assert_true(table_has_text(table, "cluster_name", NULL));
    assert_true(amqp_table_find(table, SLICE("capabilities"), &value));
    assert_int_equal(value.tag, 'F');
}

/* rows: 8 */
static void nine_capabilities_are_true(void **state) {
    static const char *const names[] = {
        "publisher_confirms",           "exchange_exchange_bindings", "basic.nack",
        "consumer_cancel_notify",       "connection.blocked",         "consumer_priorities",
        "authentication_failure_close", "per_consumer_qos",           "direct_reply_to"};
    struct peer *p = peer_accept(*state);
    struct amqp_value capabilities, value;

    peer_send_octets(p, HEADER);
    assert_true(amqp_table_find(peer_receive(p, connection_start)->server_properties,
                                SLICE("capabilities"), &capabilities));
    assert_int_equal(amqp_table_count(capabilities.bytes), 9);
    for (size_t i = 0; i < 9; i++) {
        assert_true(amqp_table_find(capabilities.bytes, slice_from_text(names[i]), &value));
        assert_int_equal(value.tag, 't');
        assert_true(value.boolean);
    }
}

/* rows: 9 */
static void mechanisms_have_plain_and_amqplain(void **state) {
    struct peer *p = peer_accept(*state);
    struct slice mechanisms;

    peer_send_octets(p, HEADER);
    mechanisms = peer_receive(p, connection_start)->mechanisms;
    assert_true(has_word(mechanisms, "PLAIN"));
    assert_true(has_word(mechanisms, "AMQPLAIN"));
    assert_true(has_word(mechanisms, "ANONYMOUS"));
    assert_false(has_word(mechanisms, "EXTERNAL"));
}

static struct peer *start_ok(void **state, const char *mechanism, struct slice response) {
    struct peer *p = peer_accept(*state);

    peer_expect_start(p);
    peer_send_start_ok(p, mechanism, response);
    return p;
}

static void finish_handshake(struct peer *p) {
    struct amqp_connection_tune tune = *peer_receive(p, connection_tune);

    peer_send(p, connection_tune_ok, .channel_max = tune.channel_max, .frame_max = tune.frame_max);
    peer_open(p);
}

/* rows: 11 */
static void plain_logs_in(void **state) {
    finish_handshake(start_ok(state, "PLAIN", SLICE("\0guest\0guest")));
}

/* rows: 12 */
static void plain_with_an_authorization_id_is_a_silent_close(void **state) {
    expect_silent_close(start_ok(state, "PLAIN", SLICE("guest\0guest\0guest")));
}

/* rows: 13 */
static void malformed_plain_is_a_silent_close(void **state) {
    expect_silent_close(start_ok(state, "PLAIN", SLICE("")));
    expect_silent_close(start_ok(state, "PLAIN", SLICE("guest")));
    expect_silent_close(start_ok(state, "PLAIN", SLICE("\0guest")));
    expect_silent_close(start_ok(state, "PLAIN", SLICE("\0guest\0guest\0")));
}

static void input_after_a_silent_refusal_is_ignored(void **state) {
    struct peer *p = start_ok(state, "PLAIN", SLICE("guest"));

    peer_send(p, connection_open, .virtual_host = SLICE("/"));
    peer_send_octets(p, SLICE("neither is this a frame"));
    expect_silent_close(p);
}

/* rows: 14 */
static void amqplain_logs_in(void **state) {
    struct amqp_table_builder builder;

    amqp_table_builder_init(&builder);
    amqp_table_put_text(&builder, SLICE("LOGIN"), SLICE("guest"));
    amqp_table_put_text(&builder, SLICE("PASSWORD"), SLICE("guest"));
    finish_handshake(start_ok(state, "AMQPLAIN", amqp_table_builder_finish(&builder)));
    amqp_table_builder_clear(&builder);
}

static void amqplain_without_a_password_is_a_silent_close(void **state) {
    struct amqp_table_builder builder;

    amqp_table_builder_init(&builder);
    amqp_table_put_text(&builder, SLICE("LOGIN"), SLICE("guest"));
    expect_silent_close(start_ok(state, "AMQPLAIN", amqp_table_builder_finish(&builder)));
    expect_silent_close(start_ok(state, "AMQPLAIN", SLICE("\x05LOGIN")));
    amqp_table_builder_clear(&builder);
}

/* rows: 15 */
static void anonymous_logs_in(void **state) {
    finish_handshake(start_ok(state, "ANONYMOUS", SLICE("whoever")));
}

/* rows: 16 */
static void unknown_mechanism_is_a_silent_close(void **state) {
    expect_silent_close(start_ok(state, "KERBEROS", SLICE("")));
    expect_silent_close(start_ok(state, "EXTERNAL", SLICE("")));
    expect_silent_close(start_ok(state, "plain", SLICE("\0guest\0guest")));
}

static void expect_login_refused(struct peer *p) {
    peer_expect_connection_exception(p, 403,
                                     "Login was refused using authentication mechanism PLAIN. "
                                     "For details see the broker logfile.",
                                     nothing);
}

/* rows: 17 */
static void wrong_password_is_403_with_the_capability(void **state) {
    expect_login_refused(start_ok(state, "PLAIN", SLICE("\0guest\0wrong")));
}

static void refused_login_that_is_not_acknowledged_ends_after_three_seconds(void **state) {
    struct peer *p = start_ok(state, "PLAIN", SLICE("\0guest\0wrong"));

    assert_int_equal(peer_receive(p, connection_close)->reply_code, 403);
    peer_send(p, connection_open, .virtual_host = SLICE("/"));
    fixture_advance(*state, 2999);
    peer_expect_open(p);
    peer_expect_nothing(p);
    fixture_advance(*state, 1);
    peer_expect_closed(p);
}

/* rows: 18 */
static void wrong_password_is_a_silent_close_without_the_capability(void **state) {
    static const char *const capabilities[] = {"basic.nack", NULL};
    struct peer *p = peer_accept(*state);

    peer_expect_start(p);
    peer_send(p, connection_start_ok, .client_properties = peer_client_properties(capabilities),
              .mechanism = SLICE("PLAIN"), .response = SLICE("\0guest\0wrong"));
    expect_silent_close(p);
}

/* rows: 19 */
static void empty_password_is_refused(void **state) {
    expect_login_refused(start_ok(state, "PLAIN", SLICE("\0guest\0")));
}

/* rows: 20 */
static void unknown_user_is_refused_like_a_wrong_password(void **state) {
    expect_login_refused(start_ok(state, "PLAIN", SLICE("\0nobody\0guest")));
}

/* rows: 21 */
static void guest_from_afar_is_refused(void **state) {
    struct peer *guest = peer_accept_from_afar(*state);
    struct peer *bob = peer_accept_from_afar(*state);

    peer_expect_start(guest);
    peer_send_start_ok(guest, "PLAIN", SLICE("\0guest\0guest"));
    expect_login_refused(guest);
    peer_expect_start(bob);
    peer_authenticate(bob, "bob", "builder");
}

/* rows: 22 */
static void capabilities_that_are_no_table_count_as_none(void **state) {
    struct peer *p = peer_accept(*state);
    struct amqp_table_builder builder;

    amqp_table_builder_init(&builder);
    amqp_table_put_bool(&builder, SLICE("capabilities"), true);
    peer_expect_start(p);
    peer_send(p, connection_start_ok, .client_properties = amqp_table_builder_finish(&builder),
              .mechanism = SLICE("PLAIN"), .response = SLICE("\0guest\0wrong"));
    amqp_table_builder_clear(&builder);
    expect_silent_close(p);
}

/* rows: 22 */
static void capability_that_is_not_the_boolean_true_is_none(void **state) {
    struct peer *p = peer_accept(*state);
    struct amqp_table_builder builder;

    amqp_table_builder_init(&builder);
    amqp_table_begin_table(&builder, SLICE("capabilities"));
    amqp_table_put_int(&builder, SLICE("authentication_failure_close"), 'I', 1);
    amqp_table_end(&builder);
    peer_expect_start(p);
    peer_send(p, connection_start_ok, .client_properties = amqp_table_builder_finish(&builder),
              .mechanism = SLICE("PLAIN"), .response = SLICE("\0guest\0wrong"));
    amqp_table_builder_clear(&builder);
    expect_silent_close(p);
}

/* rows: 23 */
static void tune_offers_the_defaults(void **state) {
    struct peer *p = start_ok(state, "PLAIN", SLICE("\0guest\0guest"));

    peer_expect(p, connection_tune, .channel_max = 2047, .frame_max = 131072, .heartbeat = 60);
}

static struct peer *tune_ok(void **state, uint16_t channel_max, uint32_t frame_max) {
    struct peer *p = start_ok(state, "PLAIN", SLICE("\0guest\0guest"));

    peer_skip(p, connection_tune);
    peer_send(p, connection_tune_ok, .channel_max = channel_max, .frame_max = frame_max);
    return p;
}

/* rows: 24 */
static void frame_max_zero_or_above_the_offer_is_a_silent_close(void **state) {
    expect_silent_close(tune_ok(state, 2047, 0));
    expect_silent_close(tune_ok(state, 2047, 131073));
}

/* rows: 25 */
static void frame_max_below_the_minimum_is_a_silent_close(void **state) {
    expect_silent_close(tune_ok(state, 2047, 4095));
    peer_open(tune_ok(state, 2047, 4096));
}

/* rows: 26 */
static void unlimited_channels_are_a_silent_close(void **state) {
    expect_silent_close(tune_ok(state, 0, 131072));
    expect_silent_close(tune_ok(state, 2048, 131072));
    peer_open(tune_ok(state, 1, 131072));
}

/* rows: 28 */
static void unknown_vhost_is_530(void **state) {
    struct peer *p = tune_ok(state, 2047, 131072);

    peer_send(p, connection_open, .virtual_host = SLICE("/nope"));
    peer_expect_connection_exception(p, 530, "vhost /nope not found", connection_open);
}

/* rows: 32 */
static void open_ok_knows_no_hosts(void **state) {
    struct peer *p = tune_ok(state, 2047, 131072);

    peer_send(p, connection_open, .virtual_host = SLICE("/"));
    peer_expect(p, connection_open_ok, .known_hosts = SLICE(""));
}

static void wrong_method_in_the_handshake_is_a_silent_close(void **state) {
    struct peer *p = peer_accept(*state);

    peer_expect_start(p);
    peer_send(p, connection_open, .virtual_host = SLICE("/"));
    expect_silent_close(p);
}

static void handshake_on_another_channel_is_a_silent_close(void **state) {
    struct peer *p = peer_accept(*state);

    peer_expect_start(p);
    peer_send_on(p, 1, connection_start_ok, .mechanism = SLICE("PLAIN"),
                 .response = SLICE("\0guest\0guest"));
    expect_silent_close(p);
}

static void frame_too_large_for_the_handshake_is_a_silent_close(void **state) {
    struct peer *p = peer_accept(*state);
    static const uint8_t payload[9000];

    peer_expect_start(p);
    peer_send_frame(p, AMQP_FRAME_METHOD, 0, slice_of(payload, sizeof payload));
    expect_silent_close(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(header_is_answered_with_start),
        CONVERSATION(garbage_is_answered_with_the_header),
        CONVERSATION(header_of_another_version_is_answered_with_ours),
        CONVERSATION(old_header_continues_as_0_9_1),
        CONVERSATION(unfinished_handshake_ends_after_ten_seconds),
        CONVERSATION(without_a_deadline_a_handshake_may_take_for_ever),
        CONVERSATION(open_connection_outlives_the_handshake_deadline),
        CONVERSATION(server_properties_are_complete),
        CONVERSATION(nine_capabilities_are_true),
        CONVERSATION(mechanisms_have_plain_and_amqplain),
        CONVERSATION(plain_logs_in),
        CONVERSATION(plain_with_an_authorization_id_is_a_silent_close),
        CONVERSATION(malformed_plain_is_a_silent_close),
        CONVERSATION(input_after_a_silent_refusal_is_ignored),
        CONVERSATION(amqplain_logs_in),
        CONVERSATION(amqplain_without_a_password_is_a_silent_close),
        CONVERSATION(anonymous_logs_in),
        CONVERSATION(unknown_mechanism_is_a_silent_close),
        CONVERSATION(wrong_password_is_403_with_the_capability),
        CONVERSATION(refused_login_that_is_not_acknowledged_ends_after_three_seconds),
        CONVERSATION(wrong_password_is_a_silent_close_without_the_capability),
        CONVERSATION(empty_password_is_refused),
        CONVERSATION(unknown_user_is_refused_like_a_wrong_password),
        CONVERSATION(guest_from_afar_is_refused),
        CONVERSATION(capabilities_that_are_no_table_count_as_none),
        CONVERSATION(capability_that_is_not_the_boolean_true_is_none),
        CONVERSATION(tune_offers_the_defaults),
        CONVERSATION(frame_max_zero_or_above_the_offer_is_a_silent_close),
        CONVERSATION(frame_max_below_the_minimum_is_a_silent_close),
        CONVERSATION(unlimited_channels_are_a_silent_close),
        CONVERSATION(unknown_vhost_is_530),
        CONVERSATION(open_ok_knows_no_hosts),
        CONVERSATION(wrong_method_in_the_handshake_is_a_silent_close),
        CONVERSATION(handshake_on_another_channel_is_a_silent_close),
        CONVERSATION(frame_too_large_for_the_handshake_is_a_silent_close),
    };

    return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
