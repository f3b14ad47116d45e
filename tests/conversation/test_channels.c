/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing channels, and what stays inside one when it fails. */
#include "tests/support/peer.h"

/* rows: 72 */
static void first_method_must_be_open(void **state) {
    struct peer *p = peer_login(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"));
    peer_expect_connection_exception(p, 504, "expected 'channel.open'", queue_declare);
}

/* rows: 73 */
static void second_channel_open_is_504(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, channel_open);
    peer_expect_connection_exception(p, 504, "second 'channel.open' seen", channel_open);
}

static struct peer *login_with_channel_max(struct fixture *fixture, uint16_t channel_max) {
    struct peer *p = peer_accept(fixture);

    peer_expect_start(p);
    peer_authenticate(p, "guest", "guest");
    p->channel_max = channel_max;
    peer_tune(p, 0);
    peer_open(p);
    return p;
}

/* rows: 74 */
static void more_channels_than_agreed_are_530(void **state) {
    struct peer *p = login_with_channel_max(*state, 2);

    peer_open_channel(p, 1);
    peer_open_channel(p, 2);
    peer_send_on(p, 3, channel_open);
    peer_expect_connection_exception(
        p, 530, "number of channels opened (2) has reached the negotiated channel_max (2)",
        nothing);
}

/* rows: 75 */
static void number_above_channel_max_is_fine_while_the_count_fits(void **state) {
    struct peer *p = login_with_channel_max(*state, 2);

    peer_open_channel(p, 900);
    peer_open_channel(p, 65535);
    peer_send_on(p, 900, channel_close, .reply_code = 200);
    peer_expect_on(p, 900, channel_close_ok);
    peer_open_channel(p, 7);
}

/* rows: 76 */
static void number_can_be_reopened_right_after_close_ok(void **state) {
    struct peer *p = peer_connect(*state);

    for (int i = 0; i < 3; i++) {
        peer_cork(p);
        peer_send(p, channel_close, .reply_code = 200);
        peer_send(p, channel_open);
        peer_uncork(p);
        peer_expect(p, channel_close_ok);
        peer_expect(p, channel_open_ok);
    }
    peer_declare_queue(p, "q");
}

/* rows: 77 */
static void frames_after_a_channel_exception_are_ignored(void **state) {
    struct peer *p = peer_connect(*state);

    peer_cork(p);
    peer_send(p, queue_declare, .queue = SLICE("nope"), .passive = true);
    peer_send(p, queue_declare, .queue = SLICE("made-too-late"));
    peer_publish(p, "", "q", "ignored");
    peer_uncork(p);
    peer_expect_channel_exception(p, 404, "no queue 'nope' in vhost '/'", queue_declare);
    peer_expect_nothing(p);
    peer_reopen(p);
    peer_send(p, queue_declare, .queue = SLICE("made-too-late"), .passive = true);
    peer_expect_channel_exception(p, 404, "no queue 'made-too-late' in vhost '/'", queue_declare);
}

/* rows: 78 */
static void close_that_crosses_the_servers_close_is_answered(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("nope"), .passive = true);
    peer_send(p, channel_close, .reply_code = 200);
    assert_int_equal(peer_receive(p, channel_close)->reply_code, 404);
    peer_expect(p, channel_close_ok);
    peer_send(p, channel_close_ok);
    peer_expect_nothing(p);
    peer_reopen(p);
}

/* rows: 79 */
static void close_ok_out_of_the_blue_is_503(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, channel_close_ok);
    peer_expect_connection_exception(p, 503, "unimplemented method", channel_close_ok);
}

/* rows: 80 */
static void channel_exception_requeues_what_was_unacked(void **state) {
    struct peer *p = peer_connect(*state);

    peer_open_channel(p, 2);
    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "a");
    peer_publish(p, "", "q", "b");
    peer_send_on(p, 2, basic_get, .queue = SLICE("q"));
    assert_false(peer_receive_on(p, 2, basic_get_ok)->redelivered);
    peer_expect_content_on(p, 2, "a");
    peer_send_on(p, 2, queue_declare, .queue = SLICE("nope"), .passive = true);
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    assert_true(peer_receive(p, basic_get_ok)->redelivered);
    peer_expect_content(p, "a");
    peer_expect_channel_exception_on(p, 2, 404, "no queue 'nope' in vhost '/'", queue_declare);
}

/* rows: 81 */
static void channel_exception_leaves_other_channels_alone(void **state) {
    struct peer *p = peer_connect(*state);

    peer_open_channel(p, 2);
    peer_declare_queue(p, "q");
    peer_consume_on(p, 2, "q", "two");
    peer_send_on(p, 1, queue_declare, .queue = SLICE("nope"), .passive = true);
    peer_expect_channel_exception(p, 404, "no queue 'nope' in vhost '/'", queue_declare);
    peer_publish_on(p, 2, "", "q", "alive");
    peer_expect_delivery_on(p, 2, "two", 1, "alive");
}

/* rows: 82 */
static void flow_true_is_answered(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, channel_flow, .active = true);
    peer_expect(p, channel_flow_ok, .active = true);
}

/* rows: 83 */
static void flow_false_is_540(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, channel_flow, .active = false);
    peer_expect_connection_exception(p, 540, "active=false", channel_flow);
}

/* rows: 84 */
static void access_request_gets_ticket_1(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, access_request, .realm = SLICE("/data"), .active = true);
    peer_expect(p, access_request_ok, .ticket = 1);
}

/* rows: 85 */
static void methods_only_servers_send_are_503(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *q = peer_connect(*state);
    struct peer *r = peer_connect(*state);

    peer_send(p, basic_qos_ok);
    peer_expect_connection_exception(p, 503, "unimplemented method", basic_qos_ok);
    peer_send(q, queue_declare_ok, .queue = SLICE("q"));
    peer_expect_connection_exception(q, 503, "unimplemented method", queue_declare_ok);
    peer_send(r, channel_flow_ok, .active = true);
    peer_expect_connection_exception(r, 503, "unimplemented method", channel_flow_ok);
}

/* rows: 86 */
static void unknown_method_ends_the_connection(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *q = peer_connect(*state);

    peer_send_frame(p, AMQP_FRAME_METHOD, 1, SLICE("\0\x32\0\xc8"));
    assert_int_equal(peer_receive(p, connection_close)->reply_code, 503);
    peer_send_frame(q, AMQP_FRAME_METHOD, 1, SLICE("\0\x63\0\x0a"));
    assert_int_equal(peer_receive(q, connection_close)->reply_code, 503);
}

static void server_close_frees_the_number_after_close_ok(void **state) {
    struct peer *p = login_with_channel_max(*state, 1);

    for (int i = 0; i < 3; i++) {
        peer_open_channel(p, 1);
        peer_send(p, queue_declare, .queue = SLICE("nope"), .passive = true);
        peer_expect_channel_exception(p, 404, "no queue 'nope' in vhost '/'", queue_declare);
    }
}

static void channels_of_two_connections_are_strangers(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *q = peer_connect(*state);

    peer_close_channel(p);
    peer_declare_queue(q, "q");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(first_method_must_be_open),
        CONVERSATION(second_channel_open_is_504),
        CONVERSATION(more_channels_than_agreed_are_530),
        CONVERSATION(number_above_channel_max_is_fine_while_the_count_fits),
        CONVERSATION(number_can_be_reopened_right_after_close_ok),
        CONVERSATION(frames_after_a_channel_exception_are_ignored),
        CONVERSATION(close_that_crosses_the_servers_close_is_answered),
        CONVERSATION(close_ok_out_of_the_blue_is_503),
        CONVERSATION(channel_exception_requeues_what_was_unacked),
        CONVERSATION(channel_exception_leaves_other_channels_alone),
        CONVERSATION(flow_true_is_answered),
        CONVERSATION(flow_false_is_540),
        CONVERSATION(access_request_gets_ticket_1),
        CONVERSATION(methods_only_servers_send_are_503),
        CONVERSATION(unknown_method_ends_the_connection),
        CONVERSATION(server_close_frees_the_number_after_close_ok),
        CONVERSATION(channels_of_two_connections_are_strangers),
    };

    return cmocka_run_group_tests_name("channels", tests, NULL, NULL);
}
