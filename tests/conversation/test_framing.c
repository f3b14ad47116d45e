/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, contents, heartbeats and the ways a connection ends once it is open. */
#include "tests/support/peer.h"

#include <stdlib.h>
#include <string.h>

#include "broker/protocol/connection.h"

/* An octet string of `len` letters, freed by the caller. */
static char *letters(size_t len) {
    char *text = malloc(len + 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + i % 26);
    text[len] = '\0';
    return text;
}

/* After an error in the framing nothing more is understood: not even close-ok; TCP ends after 3 s. */
#define expect_framing_error(p, code, text)                                              \
    do {                                                                                 \
        peer_expect(p, connection_close, .reply_code = code, .reply_text = SLICE(text)); \
        peer_send(p, connection_close_ok);                                               \
        fixture_advance((p)->fixture, CONNECTION_SILENT_CLOSE_MS - 1);                   \
        peer_expect_open(p);                                                             \
        fixture_advance((p)->fixture, 1);                                                \
        peer_expect_closed(p);                                                           \
    } while (0)

/* rows: 33 */
static void second_open_is_504(void **state) {
    struct peer *p = peer_login(*state);

    peer_send(p, connection_open, .virtual_host = SLICE("/"));
    peer_expect_connection_exception(p, 504, "unexpected method in connection state running",
                                     connection_open);
}

/* rows: 34 */
static void channel_methods_on_channel_0_are_504(void **state) {
    struct peer *p = peer_login(*state);
    struct peer *q = peer_login(*state);

    peer_send_on(p, 0, channel_open);
    peer_expect_connection_exception(p, 504, "unexpected method in connection state running",
                                     channel_open);
    peer_send_on(q, 0, queue_declare, .queue = SLICE("q"));
    peer_expect_connection_exception(q, 504, "unexpected method in connection state running",
                                     queue_declare);
}

/* rows: 35 */
static void connection_methods_on_channel_1_are_503(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_on(p, 1, connection_close, .reply_code = 200);
    peer_expect_connection_exception(p, 503, "unimplemented method", connection_close);
}

/* rows: 36 */
static void frame_above_frame_max_is_501(void **state) {
    struct peer *p = peer_connect(*state);
    uint8_t head[AMQP_FRAME_HEAD_SIZE];

    frame_write_head(head, AMQP_FRAME_BODY, 1, 200000);
    peer_send_octets(p, slice_of(head, sizeof head));
    expect_framing_error(
        p, 501, "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,200000,131064}");
}

/* rows: 37 */
static void payload_of_frame_max_octets_is_tolerated(void **state) {
    struct peer *p = peer_connect(*state);
    char *body = letters(131072);
    struct amqp_content_header header = {.class_id = 60, .body_size = 131072};

    peer_declare_queue(p, "q");
    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, 1, &header);
    peer_send_frame(p, AMQP_FRAME_BODY, 1, slice_from_text(body));
    peer_expect_get(p, "q", body);
    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    header.body_size = 131073;
    peer_send_header_frame(p, 1, &header);
    peer_send_octets(p, SLICE("\x03\0\x01\0\x02\0\x01"));
    peer_expect(p, connection_close, .reply_code = 501,
                .reply_text = SLICE("FRAME_ERROR - type 3, all octets = <<>>: "
                                    "{frame_too_large,131073,131064}"));
    free(body);
}

/* rows: 38 */
static void wrong_end_octet_is_501(void **state) {
    struct peer *p = peer_login(*state);

    peer_send_octets(p, SLICE("\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xcd"));
    expect_framing_error(p, 501,
                         "FRAME_ERROR - type 1, all octets = <<0,20,0,10,0>>: "
                         "{invalid_frame_end_marker,205}");
}

/* rows: 38 */
static void wrong_end_octet_shows_the_first_sixteen_octets(void **state) {
    struct peer *p = peer_login(*state);

    peer_send_octets(p, SLICE("\x01\0\x01\0\0\0\x12"
                              "abcdefghijklmnopqr\0"));
    expect_framing_error(p, 501,
                         "FRAME_ERROR - type 1, first 16 octets = <<\"abcdefghijklmnop\">>: "
                         "{invalid_frame_end_marker,0}");
}

/* rows: 39 */
static void unknown_frame_type_is_501(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_frame(p, 7, 1, SLICE("abc"));
    peer_expect_connection_exception(p, 501, "type 7, all octets = <<\"abc\">>: unknown_frame",
                                     nothing);
}

/* rows: 39 */
static void frame_too_short_for_its_type_is_501(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_frame(p, AMQP_FRAME_HEADER, 1, SLICE("\0\x3c\0\0"));
    peer_expect_connection_exception(p, 501, "type 2, all octets = <<0,60,0,0>>: unknown_frame",
                                     nothing);
    p = peer_connect(*state);
    peer_send_frame(p, AMQP_FRAME_METHOD, 1, SLICE("\0\x32"));
    peer_expect_connection_exception(p, 501, "type 1, all octets = <<0,50>>: unknown_frame",
                                     nothing);
}

/* A client that is known but has not opened a vhost is told, unlike one before tune-ok. */
static void method_before_open_is_504(void **state) {
    struct peer *p = peer_accept(*state);

    peer_expect_start(p);
    peer_authenticate(p, "guest", "guest");
    peer_tune(p, 0);
    peer_send(p, connection_update_secret, .reason = SLICE("early"));
    peer_expect_connection_exception(p, 504, "unexpected method in connection state opening",
                                     connection_update_secret);
}

static void channel_before_open_is_505(void **state) {
    struct peer *p = peer_accept(*state);

    peer_expect_start(p);
    peer_authenticate(p, "guest", "guest");
    peer_tune(p, 0);
    peer_send(p, channel_open);
    peer_expect_connection_exception(p, 505, "type 1, all octets = <<0,20,0,10,0>>", nothing);
}

/* rows: 40 */
static void heartbeat_on_channel_1_is_505(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_frame(p, AMQP_FRAME_HEARTBEAT, 1, SLICE(""));
    peer_expect(p, connection_close, .reply_code = 505,
                .reply_text = SLICE("UNEXPECTED_FRAME - type 8, all octets = <<>>"));
}

static void heartbeat_with_a_payload_is_501(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_frame(p, AMQP_FRAME_HEARTBEAT, 0, SLICE("x"));
    peer_expect(p, connection_close, .reply_code = 501,
                .reply_text = SLICE("FRAME_ERROR - type 8, all octets = <<\"x\">>: unknown_frame"));
}

/* rows: 41 */
static void content_on_channel_0_is_505(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_frame(p, AMQP_FRAME_HEADER, 0, SLICE("\0\x3c\0\0\0\0\0\0\0\0\0\1\0\0"));
    peer_expect_connection_exception(
        p, 505, "type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,1,0,0>>", nothing);
}

/* rows: 42 */
static void content_without_a_method_is_505(void **state) {
    struct amqp_content_header header = {.class_id = 60, .body_size = 1};
    struct peer *p = peer_connect(*state);
    struct peer *q = peer_connect(*state);

    peer_send_frame(p, AMQP_FRAME_BODY, 1, SLICE("x"));
    peer_expect_connection_exception(p, 505, "expected method frame, got non method frame instead",
                                     nothing);
    peer_send_header_frame(q, 1, &header);
    peer_expect_connection_exception(q, 505, "expected method frame, got non method frame instead",
                                     nothing);
}

#define NO_HEADER "expected content header for class 60, got non content header frame instead"
#define NO_BODY   "expected content body, got non content body frame instead"

/* rows: 43 */
static void method_instead_of_a_header_is_505(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send(p, queue_declare, .queue = SLICE("q"));
    peer_expect_connection_exception(p, 505, NO_HEADER, basic_publish);
}

/* rows: 43 */
static void body_instead_of_a_header_is_505(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_frame(p, AMQP_FRAME_BODY, 1, SLICE("x"));
    peer_expect_connection_exception(p, 505, NO_HEADER, basic_publish);
}

static void method_instead_of_a_body_is_505(void **state) {
    struct amqp_content_header header = {.class_id = 60, .body_size = 1};
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, 1, &header);
    peer_send(p, queue_declare, .queue = SLICE("q"));
    peer_expect_connection_exception(p, 505, NO_BODY, basic_publish);
}

static void header_instead_of_a_body_is_505(void **state) {
    struct amqp_content_header header = {.class_id = 60, .body_size = 1};
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, 1, &header);
    peer_send_header_frame(p, 1, &header);
    peer_expect_connection_exception(p, 505, NO_BODY, basic_publish);
}

/* rows: 44 */
static void header_of_another_class_is_505(void **state) {
    struct amqp_content_header header = {.class_id = 50, .body_size = 1};
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, 1, &header);
    peer_expect_connection_exception(
        p, 505, "expected content header for class 60, got one for class 50 instead",
        basic_publish);
}

/* rows: 45 */
static void header_with_a_weight_is_505(void **state) {
    struct amqp_content_header header = {.class_id = 60, .weight = 1, .body_size = 1};
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, 1, &header);
    peer_expect_connection_exception(p, 505, NO_HEADER, basic_publish);
}

/* rows: 46 */
static void body_size_above_512_mib_is_501(void **state) {
    struct amqp_content_header header = {.class_id = 60, .body_size = 536870913};
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, 1, &header);
    peer_expect_connection_exception(
        p, 501, "content body size 536870913 exceeds maximum allowed size 536870912",
        basic_publish);
}

/* rows: 47 */
static void more_body_than_announced_is_501(void **state) {
    struct amqp_content_header header = {.class_id = 60, .body_size = 3};
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, 1, &header);
    peer_send_frame(p, AMQP_FRAME_BODY, 1, SLICE("ab"));
    peer_send_frame(p, AMQP_FRAME_BODY, 1, SLICE("cd"));
    peer_expect_connection_exception(p, 501, "content body frame exceeds remaining content size",
                                     basic_publish);
}

/* rows: 48 */
static void method_arguments_too_short_are_501(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_frame(p, AMQP_FRAME_METHOD, 1, SLICE("\0\x32\0\x0a\0\0"));
    peer_expect_connection_exception(p, 501, "cannot decode <<0,0>>", queue_declare);
}

/* rows: 48 */
static void method_arguments_too_long_are_501(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_frame(p, AMQP_FRAME_METHOD, 1, SLICE("\0\x5a\0\x0a\x07"));
    peer_expect_connection_exception(p, 501, "cannot decode <<7>>", tx_select);
}

/* rows: 49 */
static void short_string_that_is_not_utf8_is_501(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q\xff"));
    peer_expect_connection_exception(p, 501, "Malformed UTF-8 in shortstr", nothing);
}

/* rows: 50 */
static void empty_body_is_no_body_frame(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "");
    peer_expect_get(p, "q", "");
    assert_int_equal(p->body_frames, 0);
    peer_expect_nothing(p);
}

/* rows: 51 */
static void body_is_delivered_in_frames_of_frame_max_less_eight(void **state) {
    struct peer *p = peer_accept(*state);
    char *body = letters(2 * (4096 - 8) + 1);

    peer_expect_start(p);
    peer_authenticate(p, "guest", "guest");
    p->frame_max = 4096;
    peer_tune(p, 0);
    peer_open(p);
    peer_open_channel(p, 1);
    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", body);
    peer_expect_get(p, "q", body);
    assert_int_equal(p->body_frames, 3);
    assert_int_equal(p->frame.len, 1);
    free(body);
}

/* rows: 52 */
static void contents_of_two_channels_interleave(void **state) {
    struct amqp_content_header header = {.class_id = 60, .body_size = 4};
    struct peer *p = peer_connect(*state);

    peer_open_channel(p, 2);
    peer_declare_queue(p, "q");
    peer_send_on(p, 1, basic_publish, .routing_key = SLICE("q"));
    peer_send_on(p, 2, basic_publish, .routing_key = SLICE("q"));
    peer_send_header_frame(p, 2, &header);
    peer_send_header_frame(p, 1, &header);
    peer_send_frame(p, AMQP_FRAME_BODY, 2, SLICE("tw"));
    peer_send_frame(p, AMQP_FRAME_BODY, 1, SLICE("on"));
    peer_send_frame(p, AMQP_FRAME_BODY, 2, SLICE("o!"));
    peer_send_frame(p, AMQP_FRAME_BODY, 1, SLICE("e!"));
    peer_expect_get(p, "q", "two!");
    peer_expect_get(p, "q", "one!");
}

/* rows: 53 */
static void heartbeat_between_content_frames_is_allowed(void **state) {
    struct amqp_content_header header = {.class_id = 60, .body_size = 4};
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_send(p, basic_publish, .routing_key = SLICE("q"));
    peer_send_frame(p, AMQP_FRAME_HEARTBEAT, 0, SLICE(""));
    peer_send_header_frame(p, 1, &header);
    peer_send_frame(p, AMQP_FRAME_HEARTBEAT, 0, SLICE(""));
    peer_send_frame(p, AMQP_FRAME_BODY, 1, SLICE("bo"));
    peer_send_frame(p, AMQP_FRAME_HEARTBEAT, 0, SLICE(""));
    peer_send_frame(p, AMQP_FRAME_BODY, 1, SLICE("dy"));
    peer_expect_get(p, "q", "body");
}

static void large_body_arrives_whole(void **state) {
    struct peer *p = peer_connect(*state);
    char *body = letters(1000000);

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", body);
    peer_expect_get(p, "q", body);
    assert_int_equal(p->body_frames, 8);
    free(body);
}

static struct peer *login_with_heartbeat(struct fixture *fixture, uint16_t heartbeat_s) {
    struct peer *p = peer_accept(fixture);

    peer_expect_start(p);
    peer_authenticate(p, "guest", "guest");
    peer_tune(p, heartbeat_s);
    peer_open(p);
    return p;
}

/* rows: 54 27 */
static void idle_server_sends_a_heartbeat_every_half_interval(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = login_with_heartbeat(fixture, 10);

    for (int i = 0; i < 6; i++) {
        peer_send_frame(p, AMQP_FRAME_HEARTBEAT, 0, SLICE(""));
        fixture_advance(fixture, 5000);
        peer_expect_heartbeat(p);
        peer_expect_nothing(p);
    }
}

/* rows: 27 */
static void heartbeat_of_zero_is_none(void **state) {
    struct peer *p = login_with_heartbeat(*state, 0);

    fixture_advance(*state, 1000000);
    peer_expect_nothing(p);
    peer_expect_open(p);
}

static void drain_heartbeats(struct peer *p) {
    while (p->received.len >= AMQP_FRAME_OVERHEAD && p->received.data[0] == AMQP_FRAME_HEARTBEAT)
        peer_expect_heartbeat(p);
}

/* rows: 55 */
static void silent_client_is_dropped_without_a_close(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = login_with_heartbeat(fixture, 10);

    fixture_advance(fixture, 19999);
    peer_expect_open(p);
    fixture_advance(fixture, 10001);
    drain_heartbeats(p);
    peer_expect_closed(p);
}

/* rows: 56 */
static void any_octet_keeps_the_connection(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = login_with_heartbeat(fixture, 10);

    /* an endless method frame, octet by octet */
    peer_send_octets(p, SLICE("\x01\0\x01\0\0\x10\0"));
    for (int i = 0; i < 20; i++) {
        fixture_advance(fixture, 9000);
        peer_send_octets(p, SLICE("x"));
        peer_expect_open(p);
    }
    drain_heartbeats(p);
}

/* rows: 57 */
static void close_ok_follows_the_exclusive_queues(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("mine"), .exclusive = true);
    peer_expect(p, queue_declare_ok, .queue = SLICE("mine"));
    peer_send(p, connection_close, .reply_code = 200);
    peer_expect(p, connection_close_ok);
    peer_send(other, queue_declare, .queue = SLICE("mine"), .passive = true);
    peer_expect_channel_exception(other, 404, "no queue 'mine' in vhost '/'", queue_declare);
}

/* rows: 58 */
static void server_waits_for_the_client_to_close_after_close_ok(void **state) {
    struct peer *p = peer_login(*state);
    struct peer *leaving = peer_login(*state);

    peer_send(p, connection_close, .reply_code = 200);
    peer_expect(p, connection_close_ok);
    fixture_advance(*state, 29999);
    peer_expect_open(p);
    fixture_advance(*state, 1);
    peer_expect_closed(p);
    peer_send(leaving, connection_close, .reply_code = 200);
    peer_expect(leaving, connection_close_ok);
    peer_drop(leaving);
}

/* rows: 58 */
static void short_heartbeat_shortens_the_wait_after_close_ok(void **state) {
    struct peer *p = login_with_heartbeat(*state, 10);

    peer_send(p, connection_close, .reply_code = 200);
    peer_expect(p, connection_close_ok);
    fixture_advance(*state, 10000);
    drain_heartbeats(p);
    peer_expect_closed(p);
}

/* rows: 59 */
static void after_an_exception_only_close_and_close_ok_count(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_on(p, 1, channel_open);
    assert_int_equal(peer_receive(p, connection_close)->reply_code, 504);
    peer_send(p, queue_declare, .queue = SLICE("q"));
    peer_send_on(p, 2, channel_open);
    peer_expect_nothing(p);
    peer_send(p, connection_close, .reply_code = 200);
    peer_expect(p, connection_close_ok);
}

/* rows: 59 */
static void exception_that_is_not_acknowledged_ends_after_thirty_seconds(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send_on(p, 1, channel_open);
    peer_skip(p, connection_close);
    fixture_advance(*state, 29999);
    peer_expect_open(p);
    fixture_advance(*state, 1);
    peer_expect_closed(p);
}

/* rows: 60 */
static void update_secret_is_accepted(void **state) {
    struct peer *p = peer_login(*state);

    peer_send(p, connection_update_secret, .new_secret = SLICE("token"), .reason = SLICE("new"));
    peer_expect(p, connection_update_secret_ok);
    peer_open_channel(p, 1);
}

static void abrupt_loss_deletes_what_the_connection_owned(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("mine"), .exclusive = true);
    peer_expect(p, queue_declare_ok, .queue = SLICE("mine"));
    peer_drop(p);
    peer_send(other, queue_declare, .queue = SLICE("mine"), .passive = true);
    peer_expect_channel_exception(other, 404, "no queue 'mine' in vhost '/'", queue_declare);
}

static void reply_text_is_cut_at_252_octets(void **state) {
    struct peer *p = peer_connect(*state);
    char *name = letters(255);
    const struct amqp_channel_close *close;

    peer_send(p, queue_declare, .queue = slice_from_text(name), .passive = true);
    close = peer_receive(p, channel_close);
    assert_int_equal(close->reply_text.len, 255);
    assert_memory_equal(close->reply_text.data, "NOT_FOUND - no queue 'abc", 25);
    assert_memory_equal(close->reply_text.data + 252, "...", 3);
    free(name);
}

static void broker_shutdown_closes_connections_with_320(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_login(fixture);

    connections_force_close_all(fixture->broker, AMQP_CONNECTION_FORCED,
                                "broker forced connection closure with reason 'shutdown'");
    fixture_run(fixture);
    peer_expect_connection_exception(
        p, 320, "broker forced connection closure with reason 'shutdown'", nothing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(second_open_is_504),
        CONVERSATION(channel_methods_on_channel_0_are_504),
        CONVERSATION(connection_methods_on_channel_1_are_503),
        CONVERSATION(frame_above_frame_max_is_501),
        CONVERSATION(payload_of_frame_max_octets_is_tolerated),
        CONVERSATION(wrong_end_octet_is_501),
        CONVERSATION(wrong_end_octet_shows_the_first_sixteen_octets),
        CONVERSATION(unknown_frame_type_is_501),
        CONVERSATION(frame_too_short_for_its_type_is_501),
        CONVERSATION(method_before_open_is_504),
        CONVERSATION(channel_before_open_is_505),
        CONVERSATION(heartbeat_on_channel_1_is_505),
        CONVERSATION(heartbeat_with_a_payload_is_501),
        CONVERSATION(content_on_channel_0_is_505),
        CONVERSATION(content_without_a_method_is_505),
        CONVERSATION(method_instead_of_a_header_is_505),
        CONVERSATION(body_instead_of_a_header_is_505),
        CONVERSATION(method_instead_of_a_body_is_505),
        CONVERSATION(header_instead_of_a_body_is_505),
        CONVERSATION(header_of_another_class_is_505),
        CONVERSATION(header_with_a_weight_is_505),
        CONVERSATION(body_size_above_512_mib_is_501),
        CONVERSATION(more_body_than_announced_is_501),
        CONVERSATION(method_arguments_too_short_are_501),
        CONVERSATION(method_arguments_too_long_are_501),
        CONVERSATION(short_string_that_is_not_utf8_is_501),
        CONVERSATION(empty_body_is_no_body_frame),
        CONVERSATION(body_is_delivered_in_frames_of_frame_max_less_eight),
        CONVERSATION(contents_of_two_channels_interleave),
        CONVERSATION(heartbeat_between_content_frames_is_allowed),
        CONVERSATION(large_body_arrives_whole),
        CONVERSATION(idle_server_sends_a_heartbeat_every_half_interval),
        CONVERSATION(heartbeat_of_zero_is_none),
        CONVERSATION(silent_client_is_dropped_without_a_close),
        CONVERSATION(any_octet_keeps_the_connection),
        CONVERSATION(close_ok_follows_the_exclusive_queues),
        CONVERSATION(server_waits_for_the_client_to_close_after_close_ok),
        CONVERSATION(short_heartbeat_shortens_the_wait_after_close_ok),
        CONVERSATION(after_an_exception_only_close_and_close_ok_count),
        CONVERSATION(exception_that_is_not_acknowledged_ends_after_thirty_seconds),
        CONVERSATION(update_secret_is_accepted),
        CONVERSATION(abrupt_loss_deletes_what_the_connection_owned),
        CONVERSATION(reply_text_is_cut_at_252_octets),
        CONVERSATION(broker_shutdown_closes_connections_with_320),
    };

    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
