/* SPDX-License-Identifier: Apache-2.0 */
/* How messages reach who asks for them: consume, priorities, cancel, get. */
#include "tests/support/numbers.h"

#include <string.h>

/* -- Consume ------------------------------------------------------------------------------------ */

/* rows: 263 */
static void consume_ok_comes_before_the_first_delivery(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);
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
    struct peer *p = peer_connect_with_queue(*state);

    peer_consume(p, "q", "c");
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"));
    peer_expect_connection_exception(p, 530, "attempt to reuse consumer tag 'c'", basic_consume);
}

/* rows: 266 */
static void same_tag_on_two_channels_is_fine(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);
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
    struct peer *p = peer_connect_with_queue(*state);

    peer_consume(p, "q", "c");
    peer_send(p, basic_consume, .queue = SLICE("q"), .exclusive = true);
    peer_expect_channel_exception(p, 403, "queue 'q' in vhost '/' in exclusive use", basic_consume);
}

/* rows: 270 */
static void no_local_has_no_effect(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"), .no_local = true);
    peer_expect(p, basic_consume_ok, .consumer_tag = SLICE("c"));
    peer_publish(p, "", "q", "my own");
    peer_expect_delivery(p, "c", 1, "my own");
}

/* rows: 271 */
static void x_priority_that_is_no_integer_is_406(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

    consume_with_priority(p, "low", -1);
    peer_consume(p, "q", "middle");
    consume_with_priority(p, "high", 1);
    publish_numbers(p, 1, 3);
    expect_number_deliveries(p, "high", 1, 1, 3);
}

/* rows: 273 */
static void equal_priorities_take_turns(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

    peer_set_prefetch(p, 1, false);
    consume_with_priority(p, "high", 5);
    peer_set_prefetch(p, 0, false);
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
    struct peer *p = peer_connect_with_queue(*state);

    peer_consume(p, "q", "c");
    peer_cancel(p, "c");
    publish_numbers(p, 1, 1);
    peer_expect_nothing(p);
    peer_expect_counts(p, "q", 1, 0);
}

static void cancel_without_wait_is_silent(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);
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
    struct peer *p = peer_connect_with_queue(*state);
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
    struct peer *p = peer_connect_with_queue(*state);

    publish_numbers(p, 1, 1);
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"), .no_wait = true);
    peer_expect_delivery(p, "c", 1, "1");
}

static void consume_from_the_last_declared_queue(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    publish_numbers(p, 1, 1);
    peer_consume(p, "", "c");
    peer_expect_delivery(p, "c", 1, "1");
}

static void large_body_is_delivered_to_every_frame_max(void **state) {
    static const uint16_t sizes[] = {4000, 4050, 4080, 4087, 4088, 4089, 4096, 8176, 9000};
    struct peer *p = peer_connect_with_queue(*state);
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
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_expect(p, basic_get_empty, .cluster_id = SLICE(""));
}

/* rows: 282 283 */
static void get_without_ack_uses_up_a_tag(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

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
    };

    return cmocka_run_group_tests_name("consume, get, acknowledge", tests, NULL, NULL);
}
