/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries and what becomes of them: consume, get, cancel, qos, ack, nack, reject, recover. */
#include "tests/support/peer.h"

#include <stdio.h>
#include <string.h>

#include "broker/protocol/connection.h"

static struct peer *connect_with_queue(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    return p;
}

/* "1", "2", ... */
static void publish_numbers(struct peer *p, int from, int to) {
    char body[16];

    for (int i = from; i <= to; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_publish(p, "", "q", body);
    }
}

static void expect_numbers(struct peer *p, int from, int to) {
    char body[16];

    for (int i = from; i <= to; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_expect_get(p, "q", body);
    }
    peer_expect_get_empty(p, "q");
}

static void expect_number_deliveries(struct peer *p, const char *tag, uint64_t first, int from,
                                     int to) {
    char body[16];

    for (int i = from; i <= to; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_expect_delivery(p, tag, first + (uint64_t)(i - from), body);
    }
    peer_expect_nothing(p);
}

static void get_one(struct peer *p, const char *body) {
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, body);
}

static void set_prefetch(struct peer *p, uint16_t count, bool global) {
    peer_send(p, basic_qos, .prefetch_count = count, .global = global);
    peer_expect(p, basic_qos_ok);
}

static void close_channel(struct peer *p) {
    peer_send(p, channel_close, .reply_code = 200);
    peer_expect(p, channel_close_ok);
}

/* -- Consume ------------------------------------------------------------------------------------ */

/* rows: 263 */
static void consume_ok_comes_before_the_first_delivery(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 2);
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"));
    peer_expect(p, basic_consume_ok, .consumer_tag = SLICE("c"));
    peer_expect(p, basic_deliver, .consumer_tag = SLICE("c"), .delivery_tag = 1,
                .routing_key = SLICE("q"));
    peer_expect_content(p, "1");
    peer_expect_delivery(p, "c", 2, "2");
}

/* rows: 264 */
static void server_given_tag_is_amq_ctag_and_22_characters(void **state) {
    struct peer *p = connect_with_queue(state);
    char first[31];
    struct slice tag;

    peer_send(p, basic_consume, .queue = SLICE("q"));
    tag = peer_receive(p, basic_consume_ok)->consumer_tag;
    assert_int_equal(tag.len, 9 + 22);
    assert_memory_equal(tag.data, "amq.ctag-", 9);
    memcpy(first, tag.data, sizeof first);
    peer_send(p, basic_consume, .queue = SLICE("q"));
    assert_memory_not_equal(peer_receive(p, basic_consume_ok)->consumer_tag.data, first,
                            sizeof first);
}

/* rows: 265 */
static void tag_twice_on_a_channel_is_530(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_consume(p, "q", "c");
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"));
    peer_expect_connection_exception(p, 530, "attempt to reuse consumer tag 'c'", basic_consume);
}

/* rows: 266 */
static void same_tag_on_two_channels_is_fine(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_open_channel(p, 2);
    peer_consume_on(p, 1, "q", "c");
    peer_consume_on(p, 2, "q", "c");
    publish_numbers(p, 1, 2);
    peer_expect_delivery_on(p, 1, "c", 1, "1");
    peer_expect_delivery_on(p, 2, "c", 1, "2");
}

/* rows: 267 */
static void consume_from_a_missing_queue_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_consume, .queue = SLICE("q"));
    peer_expect_channel_exception(p, 404, "no queue 'q' in vhost '/'", basic_consume);
    peer_reopen(p);
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_expect_channel_exception(p, 404, "no queue 'q' in vhost '/'", basic_get);
}

/* rows: 268 */
static void exclusive_consumer_keeps_the_others_out(void **state) {
    struct peer *p = connect_with_queue(state);
    struct peer *other = peer_connect(*state);

    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"), .exclusive = true);
    peer_expect(p, basic_consume_ok, .consumer_tag = SLICE("c"));
    peer_send(other, basic_consume, .queue = SLICE("q"));
    peer_expect_channel_exception(other, 403, "queue 'q' in vhost '/' in exclusive use",
                                  basic_consume);
    peer_cancel(p, "c");
    peer_reopen(other);
    peer_consume(other, "q", "now");
}

/* rows: 269 */
static void exclusive_where_others_consume_is_403(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_consume(p, "q", "c");
    peer_send(p, basic_consume, .queue = SLICE("q"), .exclusive = true);
    peer_expect_channel_exception(p, 403, "queue 'q' in vhost '/' in exclusive use", basic_consume);
}

/* rows: 270 */
static void no_local_has_no_effect(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"), .no_local = true);
    peer_expect(p, basic_consume_ok, .consumer_tag = SLICE("c"));
    peer_publish(p, "", "q", "my own");
    peer_expect_delivery(p, "c", 1, "my own");
}

/* rows: 271 */
static void x_priority_that_is_no_integer_is_406(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_send(p, basic_consume, .queue = SLICE("q"),
              .arguments = SLICE("\x0ax-priorityS\0\0\0\x01"
                                 "5"));
    peer_expect_channel_exception(p, 406,
                                  "invalid arg 'x-priority' for queue 'q' in vhost '/': "
                                  "\"expected integer, got longstr\"",
                                  basic_consume);
}

static void consume_with_priority(struct peer *p, const char *tag, char priority) {
    char arguments[] = "\x0ax-priorityb?";

    arguments[sizeof arguments - 2] = priority;
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = slice_from_text(tag),
              .arguments = slice_of(arguments, sizeof arguments - 1));
    peer_expect(p, basic_consume_ok, .consumer_tag = slice_from_text(tag));
}

/* rows: 272 */
static void higher_priority_is_served_first(void **state) {
    struct peer *p = connect_with_queue(state);

    consume_with_priority(p, "low", -1);
    peer_consume(p, "q", "middle");
    consume_with_priority(p, "high", 1);
    publish_numbers(p, 1, 3);
    expect_number_deliveries(p, "high", 1, 1, 3);
}

/* rows: 273 */
static void equal_priorities_take_turns(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_consume(p, "q", "a");
    peer_consume(p, "q", "b");
    peer_consume(p, "q", "c");
    publish_numbers(p, 1, 7);
    peer_expect_delivery(p, "a", 1, "1");
    peer_expect_delivery(p, "b", 2, "2");
    peer_expect_delivery(p, "c", 3, "3");
    peer_expect_delivery(p, "a", 4, "4");
    peer_expect_delivery(p, "b", 5, "5");
    peer_expect_delivery(p, "c", 6, "6");
    peer_expect_delivery(p, "a", 7, "7");
}

/* rows: 274 */
static void lower_priority_is_served_when_the_higher_is_full(void **state) {
    struct peer *p = connect_with_queue(state);

    set_prefetch(p, 1, false);
    consume_with_priority(p, "high", 5);
    set_prefetch(p, 0, false);
    peer_consume(p, "q", "low");
    publish_numbers(p, 1, 3);
    peer_expect_delivery(p, "high", 1, "1");
    peer_expect_delivery(p, "low", 2, "2");
    peer_expect_delivery(p, "low", 3, "3");
    peer_send(p, basic_ack, .delivery_tag = 1);
    publish_numbers(p, 4, 4);
    peer_expect_delivery(p, "high", 4, "4");
}

/* rows: 275 */
static void nothing_is_delivered_after_cancel_ok(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_consume(p, "q", "c");
    peer_cancel(p, "c");
    publish_numbers(p, 1, 1);
    peer_expect_nothing(p);
    peer_expect_counts(p, "q", 1, 0);
}

static void cancel_without_wait_is_silent(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_consume(p, "q", "c");
    peer_send(p, basic_cancel, .consumer_tag = SLICE("c"), .no_wait = true);
    peer_expect_nothing(p);
    peer_expect_counts(p, "q", 0, 0);
}

/* rows: 276 */
static void cancel_of_an_unknown_tag_succeeds(void **state) {
    struct peer *p = peer_connect(*state);

    peer_cancel(p, "nobody");
    peer_send(p, basic_cancel, .consumer_tag = SLICE("nobody"), .no_wait = true);
    peer_expect_nothing(p);
}

/* rows: 277 */
static void unacked_messages_survive_the_cancel(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 2);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 2);
    peer_cancel(p, "c");
    peer_expect_counts(p, "q", 0, 0);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_send(p, basic_reject, .delivery_tag = 2, .requeue = true);
    expect_numbers(p, 2, 2);
}

/* rows: 278 */
static void deleted_queue_tells_consumers_that_understand_it(void **state) {
    struct peer *p = connect_with_queue(state);
    struct peer *other = peer_connect(*state);

    peer_consume(p, "q", "c");
    peer_send(other, queue_delete, .queue = SLICE("q"));
    peer_expect(other, queue_delete_ok);
    peer_expect(p, basic_cancel, .consumer_tag = SLICE("c"), .no_wait = true);
    peer_send(p, basic_cancel_ok, .consumer_tag = SLICE("c"));
    peer_expect_nothing(p);
}

/* rows: 279 */
static void deleted_queue_tells_the_others_nothing(void **state) {
    static const char *const capabilities[] = {"basic.nack", NULL};
    struct peer *p = connect_with_queue(state);
    struct peer *simple = peer_accept(*state);

    peer_expect_start(simple);
    peer_send(simple, connection_start_ok,
              .client_properties = peer_client_properties(capabilities),
              .mechanism = SLICE("PLAIN"), .response = SLICE("\0guest\0guest"));
    peer_skip(simple, connection_tune);
    peer_send(simple, connection_tune_ok, .channel_max = 10, .frame_max = 131072);
    peer_open(simple);
    peer_open_channel(simple, 1);
    peer_consume(simple, "q", "c");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
    peer_expect_nothing(simple);
}

static void consume_without_wait_starts_delivering(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 1);
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"), .no_wait = true);
    peer_expect_delivery(p, "c", 1, "1");
}

static void consume_from_the_last_declared_queue(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 1);
    peer_consume(p, "", "c");
    peer_expect_delivery(p, "c", 1, "1");
}

static void large_body_is_delivered_to_every_frame_max(void **state) {
    static const uint16_t sizes[] = {4000, 4050, 4080, 4087, 4088, 4089, 4096, 8176, 9000};
    struct peer *p = connect_with_queue(state);
    struct peer *small = peer_accept(*state);
    char body[9001];

    peer_expect_start(small);
    peer_authenticate(small, "guest", "guest");
    small->frame_max = 4096;
    peer_tune(small, 0);
    peer_open(small);
    peer_open_channel(small, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(body, 'x', sizes[i]);
        body[sizes[i]] = '\0';
        peer_publish(p, "", "q", body);
        peer_expect_get(small, "q", body);
        assert_int_equal(small->body_frames, (sizes[i] + 4087) / 4088);
    }
}

/* -- Get ---------------------------------------------------------------------------------------- */

/* rows: 280 */
static void get_ok_counts_what_is_left(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 3);
    for (uint32_t left = 3; left-- > 0;) {
        peer_send(p, basic_get, .queue = SLICE("q"));
        peer_expect(p, basic_get_ok, .delivery_tag = 3 - left, .routing_key = SLICE("q"),
                    .message_count = left);
        peer_expect_content(p, NULL);
    }
}

/* rows: 281 */
static void get_from_an_empty_queue_is_get_empty(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_expect(p, basic_get_empty, .cluster_id = SLICE(""));
}

/* rows: 282 283 */
static void get_without_ack_uses_up_a_tag(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 3);
    for (uint64_t tag = 1; tag <= 3; tag++) {
        peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = tag == 2);
        assert_int_equal(peer_receive(p, basic_get_ok)->delivery_tag, tag);
        peer_expect_content(p, NULL);
    }
    peer_send(p, basic_ack, .delivery_tag = 3);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(p);
}

/* rows: 283 */
static void delivery_tags_count_up_per_channel(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_open_channel(p, 2);
    publish_numbers(p, 1, 2);
    peer_consume_on(p, 2, "q", "c");
    peer_expect_delivery_on(p, 2, "c", 1, "1");
    peer_expect_delivery_on(p, 2, "c", 2, "2");
    peer_send_on(p, 2, basic_ack, .delivery_tag = 2, .multiple = true);
    publish_numbers(p, 3, 3);
    peer_expect_delivery_on(p, 2, "c", 3, "3");
    peer_send_on(p, 2, basic_reject, .delivery_tag = 3, .requeue = true);
    peer_take_delivery(PEER_AT(p), 2, "c", 4, true, "3");
    peer_send_on(p, 2, basic_cancel, .consumer_tag = SLICE("c"));
    peer_skip_on(p, 2, basic_cancel_ok);
    publish_numbers(p, 4, 4);
    peer_send(p, basic_get, .queue = SLICE("q"));
    assert_int_equal(peer_receive(p, basic_get_ok)->delivery_tag, 1);
    peer_expect_content(p, "4");
}

/* -- Acknowledge -------------------------------------------------------------------------------- */

/* rows: 284 */
static void ack_settles_one_or_all_up_to_one(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 6);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 6);
    peer_send(p, basic_ack, .delivery_tag = 2);
    peer_send(p, basic_ack, .delivery_tag = 4, .multiple = true);
    close_channel(p);
    peer_reopen(p);
    expect_numbers(p, 5, 6);
}

/* rows: 285 */
static void ack_0_multiple_settles_everything(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_send(p, basic_ack, .delivery_tag = 0, .multiple = true);
    publish_numbers(p, 1, 3);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 3);
    peer_send(p, basic_ack, .delivery_tag = 0, .multiple = true);
    peer_send(p, basic_ack, .delivery_tag = 0, .multiple = true);
    peer_expect_nothing(p);
    close_channel(p);
    peer_reopen(p);
    peer_expect_get_empty(p, "q");
}

/* rows: 286 */
static void ack_0_single_is_406(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 1);
    get_one(p, "1");
    peer_send(p, basic_ack, .delivery_tag = 0);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 0", basic_ack);
}

/* rows: 287 */
static void unknown_tag_is_406_for_ack_nack_and_reject(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_send(p, basic_ack, .delivery_tag = 42);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 42", basic_ack);
    peer_reopen(p);
    peer_send(p, basic_nack, .delivery_tag = 43, .requeue = true);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 43", basic_nack);
    peer_reopen(p);
    peer_send(p, basic_reject, .delivery_tag = UINT64_MAX);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 18446744073709551615",
                                  basic_reject);
}

static void tag_of_another_channel_is_406(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_open_channel(p, 2);
    publish_numbers(p, 1, 1);
    get_one(p, "1");
    peer_send_on(p, 2, basic_ack, .delivery_tag = 1);
    peer_expect_channel_exception_on(p, 2, 406, "unknown delivery tag 1", basic_ack);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(p);
}

/* rows: 288 */
static void second_ack_is_406(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 2);
    get_one(p, "1");
    get_one(p, "2");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(p);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 1", basic_ack);
}

/* rows: 289 */
static void ack_of_an_automatic_delivery_is_406(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 1);
    peer_consume_no_ack(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 1", basic_ack);
}

/* rows: 290 */
static void multiple_up_to_an_unknown_tag_acks_nothing(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 3);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 3);
    peer_send(p, basic_ack, .delivery_tag = 4, .multiple = true);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 4", basic_ack);
    peer_reopen(p);
    expect_numbers(p, 1, 3);
}

/* rows: 290 */
static void multiple_up_to_a_settled_tag_acks_nothing(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 3);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 3);
    peer_send(p, basic_ack, .delivery_tag = 2);
    peer_send(p, basic_ack, .delivery_tag = 2, .multiple = true);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 2", basic_ack);
    peer_reopen(p);
    peer_expect_get(p, "q", "1");
    peer_expect_get(p, "q", "3");
    peer_expect_get_empty(p, "q");
}

/* rows: 291 294 295 */
static void reject_with_requeue_puts_back(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 1);
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_expect(p, basic_get_ok, .delivery_tag = 1, .redelivered = false,
                .routing_key = SLICE("q"));
    peer_expect_content(p, "1");
    peer_send(p, basic_reject, .delivery_tag = 1, .requeue = true);
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_expect(p, basic_get_ok, .delivery_tag = 2, .redelivered = true, .routing_key = SLICE("q"));
    peer_expect_content(p, "1");
}

static void reject_without_requeue_discards(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 2);
    get_one(p, "1");
    peer_send(p, basic_reject, .delivery_tag = 1);
    expect_numbers(p, 2, 2);
}

/* rows: 292 294 */
static void nack_multiple_puts_all_back(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 4);
    for (int i = 0; i < 3; i++)
        get_one(p, NULL);
    peer_send(p, basic_nack, .delivery_tag = 3, .multiple = true, .requeue = true);
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    assert_true(peer_receive(p, basic_get_ok)->redelivered);
    peer_expect_content(p, "1");
    expect_numbers(p, 2, 4);
}

static void nack_0_multiple_settles_everything(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 3);
    get_one(p, "1");
    get_one(p, "2");
    peer_send(p, basic_nack, .delivery_tag = 0, .multiple = true, .requeue = false);
    expect_numbers(p, 3, 3);
}

/* rows: 293 */
static void what_is_put_back_finds_its_old_place(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 5);
    for (int i = 0; i < 4; i++)
        get_one(p, NULL);
    peer_send(p, basic_reject, .delivery_tag = 3, .requeue = true);
    peer_send(p, basic_reject, .delivery_tag = 1, .requeue = true);
    peer_send(p, basic_reject, .delivery_tag = 4, .requeue = true);
    publish_numbers(p, 6, 6);
    peer_send(p, basic_nack, .delivery_tag = 2, .requeue = true);
    expect_numbers(p, 1, 6);
}

/* rows: 294 295 */
static void redelivered_tells_old_from_new(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 2);
    set_prefetch(p, 1, false);
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_nack, .delivery_tag = 1, .requeue = true);
    peer_expect_redelivery(p, "c", 2, "1");
    peer_send(p, basic_ack, .delivery_tag = 2);
    peer_expect_delivery(p, "c", 3, "2");
}

/* rows: 296 */
static void closed_channel_puts_back_in_order(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 20);
    peer_open_channel(p, 2);
    set_prefetch(p, 0, false);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 20);
    peer_send(p, basic_ack, .delivery_tag = 1);
    close_channel(p);
    peer_reopen(p);
    expect_numbers(p, 2, 20);
}

/* rows: 297 */
static void lost_connection_puts_back_in_order(void **state) {
    struct peer *p = connect_with_queue(state);
    struct peer *lost = peer_connect(*state);

    publish_numbers(p, 1, 20);
    peer_consume(lost, "q", "c");
    expect_number_deliveries(lost, "c", 1, 1, 20);
    peer_drop(lost);
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    assert_true(peer_receive(p, basic_get_ok)->redelivered);
    peer_expect_content(p, "1");
    expect_numbers(p, 2, 20);
}

static void ack_after_the_queue_is_deleted_is_nothing(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 3);
    for (int i = 0; i < 3; i++)
        get_one(p, NULL);
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_send(p, basic_reject, .delivery_tag = 2, .requeue = true);
    peer_expect_nothing(p);
    peer_send(p, basic_ack, .delivery_tag = 2);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 2", basic_ack);
}

/* -- Recover ------------------------------------------------------------------------------------ */

/* rows: 298 */
static void recover_redelivers_and_answers(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 2);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 2);
    peer_send(p, basic_recover, .requeue = true);
    peer_expect(p, basic_recover_ok);
    peer_expect_redelivery(p, "c", 3, "1");
    peer_expect_redelivery(p, "c", 4, "2");
}

/* rows: 299 */
static void recover_async_redelivers_without_an_answer(void **state) {
    struct peer *p = connect_with_queue(state);

    publish_numbers(p, 1, 1);
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_recover_async, .requeue = true);
    peer_expect_redelivery(p, "c", 2, "1");
    peer_expect_nothing(p);
}

/* rows: 300 */
static void recover_without_requeue_is_540(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *q = peer_connect(*state);

    peer_send(p, basic_recover, .requeue = false);
    peer_expect_connection_exception(p, 540, "requeue=false", basic_recover);
    peer_send(q, basic_recover_async, .requeue = false);
    peer_expect_connection_exception(q, 540, "requeue=false", basic_recover_async);
}

/* -- Prefetch ----------------------------------------------------------------------------------- */

/* rows: 301 */
static void prefetch_size_is_540(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_qos, .prefetch_size = 5);
    peer_expect_connection_exception(p, 540, "prefetch_size!=0 (5)", basic_qos);
}

/* rows: 302 */
static void qos_counts_for_consumers_that_start_later(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_declare_queue(p, "q2");
    peer_consume(p, "q", "unlimited");
    set_prefetch(p, 2, false);
    peer_consume(p, "q2", "two");
    publish_numbers(p, 1, 5);
    expect_number_deliveries(p, "unlimited", 1, 1, 5);
    for (int i = 0; i < 5; i++)
        peer_publish(p, "", "q2", "body");
    peer_expect_delivery(p, "two", 6, "body");
    peer_expect_delivery(p, "two", 7, "body");
    peer_expect_nothing(p);
    set_prefetch(p, 100, false);
    peer_expect_nothing(p);
    peer_send(p, basic_ack, .delivery_tag = 6);
    peer_expect_delivery(p, "two", 8, "body");
    peer_expect_nothing(p);
}

/* rows: 302 */
static void each_consumer_has_its_own_window(void **state) {
    struct peer *p = connect_with_queue(state);

    set_prefetch(p, 1, false);
    peer_consume(p, "q", "a");
    peer_consume(p, "q", "b");
    publish_numbers(p, 1, 3);
    peer_expect_delivery(p, "a", 1, "1");
    peer_expect_delivery(p, "b", 2, "2");
    peer_expect_nothing(p);
}

/* rows: 303 */
static void prefetch_of_0_is_no_limit(void **state) {
    struct peer *p = connect_with_queue(state);

    set_prefetch(p, 1, false);
    set_prefetch(p, 0, false);
    peer_consume(p, "q", "c");
    publish_numbers(p, 1, 50);
    expect_number_deliveries(p, "c", 1, 1, 50);
}

/* rows: 304 */
static void global_qos_is_one_window_for_the_channel(void **state) {
    struct peer *p = connect_with_queue(state);

    set_prefetch(p, 2, true);
    peer_consume(p, "q", "a");
    peer_consume(p, "q", "b");
    publish_numbers(p, 1, 4);
    peer_expect_delivery(p, "a", 1, "1");
    peer_expect_delivery(p, "b", 2, "2");
    peer_expect_nothing(p);
    peer_send(p, basic_ack, .delivery_tag = 2, .multiple = true);
    peer_expect_delivery(p, "a", 3, "3");
    peer_expect_delivery(p, "b", 4, "4");
}

/* rows: 304 */
static void global_and_own_window_must_both_have_room(void **state) {
    struct peer *p = connect_with_queue(state);

    set_prefetch(p, 1, false);
    set_prefetch(p, 3, true);
    peer_consume(p, "q", "a");
    publish_numbers(p, 1, 2);
    peer_expect_delivery(p, "a", 1, "1");
    peer_expect_nothing(p);
    set_prefetch(p, 10, false); /* which also lifts the shared window */
    set_prefetch(p, 3, true);
    peer_consume(p, "q", "b");
    peer_expect_delivery(p, "b", 2, "2");
    publish_numbers(p, 3, 5);
    peer_expect_delivery(p, "b", 3, "3");
    peer_expect_nothing(p);
}

static int setup_without_global_qos(void **state) {
    struct broker_settings settings;

    broker_settings_init(&settings);
    settings.permit_global_qos = false;
    *state = fixture_create_with(&settings);
    return 0;
}

/* rows: 304 */
static void global_qos_switched_off_counts_per_consumer(void **state) {
    struct peer *p = connect_with_queue(state);

    set_prefetch(p, 1, true);
    peer_consume(p, "q", "a");
    peer_consume(p, "q", "b");
    publish_numbers(p, 1, 3);
    peer_expect_delivery(p, "a", 1, "1");
    peer_expect_delivery(p, "b", 2, "2");
    peer_expect_nothing(p);
}

/* rows: 305 */
static void automatic_acks_know_no_prefetch(void **state) {
    struct peer *p = connect_with_queue(state);

    set_prefetch(p, 1, false);
    peer_consume_no_ack(p, "q", "c");
    publish_numbers(p, 1, 20);
    expect_number_deliveries(p, "c", 1, 1, 20);
}

/* rows: 306 */
static void nack_and_reject_make_room(void **state) {
    struct peer *p = connect_with_queue(state);

    set_prefetch(p, 1, false);
    peer_consume(p, "q", "c");
    publish_numbers(p, 1, 3);
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_nack, .delivery_tag = 1);
    peer_expect_delivery(p, "c", 2, "2");
    peer_send(p, basic_reject, .delivery_tag = 2);
    peer_expect_delivery(p, "c", 3, "3");
}

/* rows: 307 */
static void get_does_not_look_at_the_window(void **state) {
    struct peer *p = connect_with_queue(state);

    set_prefetch(p, 1, false);
    peer_consume(p, "q", "c");
    publish_numbers(p, 1, 3);
    peer_expect_delivery(p, "c", 1, "1");
    get_one(p, "2");
    get_one(p, "3");
}

/* A client that does not read gets no more than its output limit holds. */
static void consumer_that_does_not_read_is_left_alone(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_with_queue(state);
    struct peer *stuck = peer_connect(fixture);
    static char body[100001];
    size_t waiting;

    memset(body, 'x', sizeof body - 1);
    peer_consume_no_ack(stuck, "q", "c");
    stuck->is_not_reading = true;
    for (int i = 0; i < 40; i++)
        peer_publish(p, "", "q", body);
    waiting = outbuf_size(&stuck->connection->endpoint.output);
    assert_true(waiting > OUTPUT_HIGH_WATER / 2 && waiting < OUTPUT_HIGH_WATER + 200000);
    stuck->is_not_reading = false;
    fixture_run(fixture);
    for (uint64_t i = 1; i <= 40; i++)
        peer_expect_delivery(stuck, "c", i, body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(consume_ok_comes_before_the_first_delivery),
        CONVERSATION(server_given_tag_is_amq_ctag_and_22_characters),
        CONVERSATION(tag_twice_on_a_channel_is_530),
        CONVERSATION(same_tag_on_two_channels_is_fine),
        CONVERSATION(consume_from_a_missing_queue_is_404),
        CONVERSATION(exclusive_consumer_keeps_the_others_out),
        CONVERSATION(exclusive_where_others_consume_is_403),
        CONVERSATION(no_local_has_no_effect),
        CONVERSATION(x_priority_that_is_no_integer_is_406),
        CONVERSATION(higher_priority_is_served_first),
        CONVERSATION(equal_priorities_take_turns),
        CONVERSATION(lower_priority_is_served_when_the_higher_is_full),
        CONVERSATION(nothing_is_delivered_after_cancel_ok),
        CONVERSATION(cancel_without_wait_is_silent),
        CONVERSATION(cancel_of_an_unknown_tag_succeeds),
        CONVERSATION(unacked_messages_survive_the_cancel),
        CONVERSATION(deleted_queue_tells_consumers_that_understand_it),
        CONVERSATION(deleted_queue_tells_the_others_nothing),
        CONVERSATION(consume_without_wait_starts_delivering),
        CONVERSATION(consume_from_the_last_declared_queue),
        CONVERSATION(large_body_is_delivered_to_every_frame_max),
        CONVERSATION(get_ok_counts_what_is_left),
        CONVERSATION(get_from_an_empty_queue_is_get_empty),
        CONVERSATION(get_without_ack_uses_up_a_tag),
        CONVERSATION(delivery_tags_count_up_per_channel),
        CONVERSATION(ack_settles_one_or_all_up_to_one),
        CONVERSATION(ack_0_multiple_settles_everything),
        CONVERSATION(ack_0_single_is_406),
        CONVERSATION(unknown_tag_is_406_for_ack_nack_and_reject),
        CONVERSATION(tag_of_another_channel_is_406),
        CONVERSATION(second_ack_is_406),
        CONVERSATION(ack_of_an_automatic_delivery_is_406),
        CONVERSATION(multiple_up_to_an_unknown_tag_acks_nothing),
        CONVERSATION(multiple_up_to_a_settled_tag_acks_nothing),
        CONVERSATION(reject_with_requeue_puts_back),
        CONVERSATION(reject_without_requeue_discards),
        CONVERSATION(nack_multiple_puts_all_back),
        CONVERSATION(nack_0_multiple_settles_everything),
        CONVERSATION(what_is_put_back_finds_its_old_place),
        CONVERSATION(redelivered_tells_old_from_new),
        CONVERSATION(closed_channel_puts_back_in_order),
        CONVERSATION(lost_connection_puts_back_in_order),
        CONVERSATION(ack_after_the_queue_is_deleted_is_nothing),
        CONVERSATION(recover_redelivers_and_answers),
        CONVERSATION(recover_async_redelivers_without_an_answer),
        CONVERSATION(recover_without_requeue_is_540),
        CONVERSATION(prefetch_size_is_540),
        CONVERSATION(qos_counts_for_consumers_that_start_later),
        CONVERSATION(each_consumer_has_its_own_window),
        CONVERSATION(prefetch_of_0_is_no_limit),
        CONVERSATION(global_qos_is_one_window_for_the_channel),
        CONVERSATION(global_and_own_window_must_both_have_room),
        cmocka_unit_test_setup_teardown(global_qos_switched_off_counts_per_consumer,
                                        setup_without_global_qos, fixture_teardown),
        CONVERSATION(automatic_acks_know_no_prefetch),
        CONVERSATION(nack_and_reject_make_room),
        CONVERSATION(get_does_not_look_at_the_window),
        CONVERSATION(consumer_that_does_not_read_is_left_alone),
    };

    return cmocka_run_group_tests_name("consume, get, acknowledge", tests, NULL, NULL);
}
