/* SPDX-License-Identifier: Apache-2.0 */
/* Time to live, expiring queues, length limits, priorities and the single active consumer. */
#include "tests/support/arguments.h"
#include "tests/support/peer.h"

static struct peer *connect_with(void **state, struct slice arguments) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue_with(p, "q", arguments);
    return p;
}

/* -- Time to live ------------------------------------------------------------------------------ */

/* rows: 313 */
static void queue_ttl_ends_messages_at_the_head(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-message-ttl", 1000)));

    peer_publish(p, "", "q", "1");
    fixture_advance(*state, 600);
    peer_publish(p, "", "q", "2");
    fixture_advance(*state, 399);
    peer_expect_counts(p, "q", 2, 0);
    fixture_advance(*state, 1);
    peer_expect_counts(p, "q", 1, 0);
    peer_expect_get(p, "q", "2");
    peer_publish(p, "", "q", "3");
    fixture_advance(*state, 1000);
    peer_expect_get_empty(p, "q");
}

/* rows: 314 */
static void expiration_ends_a_message_at_the_head(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("unknown", 1)));

    peer_publish_with(p, "", "q", "1", .expiration = SLICE("50"));
    peer_publish_with(p, "", "q", "2", .expiration = SLICE("+0100"));
    peer_publish(p, "", "q", "3");
    fixture_advance(*state, 49);
    peer_expect_counts(p, "q", 3, 0);
    fixture_advance(*state, 1);
    peer_expect_counts(p, "q", 2, 0);
    fixture_advance(*state, 100000);
    peer_expect_counts(p, "q", 1, 0);
    peer_expect_get(p, "q", "3");
}

/* rows: 315 */
static void smaller_of_both_times_counts(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-message-ttl", 100)));

    peer_publish_with(p, "", "q", "shorter", .expiration = SLICE("30"));
    fixture_advance(*state, 30);
    peer_expect_counts(p, "q", 0, 0);
    peer_publish_with(p, "", "q", "longer", .expiration = SLICE("30000"));
    fixture_advance(*state, 99);
    peer_expect_counts(p, "q", 1, 0);
    fixture_advance(*state, 1);
    peer_expect_counts(p, "q", 0, 0);
}

/* rows: 316 */
static void expired_behind_a_live_head_still_counts(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("unknown", 1)));

    peer_publish(p, "", "q", "lives");
    peer_publish_with(p, "", "q", "expired", .expiration = SLICE("10"));
    peer_publish(p, "", "q", "last");
    fixture_advance(*state, 1000);
    peer_expect_counts(p, "q", 3, 0);
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_expect(p, basic_get_ok, .delivery_tag = 1, .routing_key = SLICE("q"), .message_count = 1);
    peer_expect_content(p, "lives");
    peer_expect_get(p, "q", "last");
}

/* rows: 317 */
static void ttl_0_needs_a_consumer_that_is_ready(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-message-ttl", 0)));

    peer_publish(p, "", "q", "nobody is there");
    peer_expect_get_empty(p, "q");
    peer_set_prefetch(p, 1, false);
    peer_consume(p, "q", "c");
    peer_publish(p, "", "q", "taken");
    peer_expect_delivery(p, "c", 1, "taken");
    peer_publish(p, "", "q", "nobody has credit");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(p);
    peer_expect_counts(p, "q", 0, 1);
}

static void delivered_message_of_ttl_0_expires_when_it_comes_back(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-message-ttl", 0)));

    peer_consume(p, "q", "c");
    peer_publish(p, "", "q", "taken");
    peer_expect_delivery(p, "c", 1, "taken");
    fixture_advance(*state, 1);
    peer_send(p, basic_reject, .delivery_tag = 1, .requeue = true);
    peer_expect_nothing(p);
}

/* rows: 347 */
static void delivery_keeps_its_expiration(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("unknown", 1)));
    const struct amqp_properties *properties;

    peer_consume_no_ack(p, "q", "c");
    peer_publish_with(p, "", "q", "body", .expiration = SLICE("0"));
    peer_skip(p, basic_deliver);
    properties = peer_expect_content(p, "body");
    assert_true(slice_equal(properties->expiration, SLICE("0")));
}

static void requeued_message_keeps_its_deadline(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-message-ttl", 100)));

    peer_publish(p, "", "q", "body");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_expect(p, basic_get_ok, .delivery_tag = 1, .routing_key = SLICE("q"));
    peer_expect_content(p, "body");
    fixture_advance(*state, 90);
    peer_send(p, basic_reject, .delivery_tag = 1, .requeue = true);
    peer_expect_counts(p, "q", 1, 0);
    fixture_advance(*state, 10);
    peer_expect_counts(p, "q", 0, 0);
}

/* An unacked message does not expire. */
static void held_message_outlives_its_deadline(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-message-ttl", 100)));

    peer_consume(p, "q", "c");
    peer_publish(p, "", "q", "body");
    peer_expect_delivery(p, "c", 1, "body");
    fixture_advance(*state, 1000);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(p);
    peer_expect_open(p);
}

static void purged_queue_starts_over(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-message-ttl", 100)));

    peer_publish(p, "", "q", "1");
    fixture_advance(*state, 50);
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect(p, queue_purge_ok, .message_count = 1);
    peer_publish(p, "", "q", "2");
    fixture_advance(*state, 99);
    peer_expect_counts(p, "q", 1, 0);
    fixture_advance(*state, 1);
    peer_expect_counts(p, "q", 0, 0);
}

/* -- Queues that expire ------------------------------------------------------------------------ */

static void expect_queue_gone(struct peer *p) {
    peer_send(p, queue_declare, .queue = SLICE("q"), .passive = true);
    peer_expect_channel_exception(p, 404, "no queue 'q' in vhost '/'", queue_declare);
    peer_reopen(p);
}

/* rows: 318 */
static void unused_queue_is_deleted(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-expires", 1000)));

    peer_publish(p, "", "q", "publishing is no use");
    fixture_advance(*state, 900);
    peer_publish(p, "", "q", "publishing is no use");
    fixture_advance(*state, 99);
    peer_bind_queue(p, "q", "amq.direct", "still there");
    fixture_advance(*state, 1);
    expect_queue_gone(p);
}

static void consumer_keeps_a_queue_from_expiring(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-expires", 1000)));

    fixture_advance(*state, 900);
    peer_consume(p, "q", "c");
    fixture_advance(*state, 5000);
    peer_send(p, basic_cancel, .consumer_tag = SLICE("c"));
    peer_expect(p, basic_cancel_ok, .consumer_tag = SLICE("c"));
    fixture_advance(*state, 999);
    peer_bind_queue(p, "q", "amq.direct", "still there");
    fixture_advance(*state, 1);
    expect_queue_gone(p);
}

/* rows: 319 */
static void get_and_declare_put_the_end_off(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-expires", 1000)));

    fixture_advance(*state, 900);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 900);
    peer_expect_counts(p, "q", 0, 0);
    fixture_advance(*state, 900);
    peer_declare_queue_with(p, "q", ARGUMENTS(INT("x-expires", 1000)));
    fixture_advance(*state, 900);
    peer_send(p, queue_declare, .queue = SLICE("q"), .no_wait = true,
              .arguments = ARGUMENTS(INT("x-expires", 1000)));
    fixture_advance(*state, 100);
    expect_queue_gone(p);
}

/* -- Length ------------------------------------------------------------------------------------ */

/* rows: 320 250 */
static void max_length_drops_the_oldest_and_acks(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-length", 2)));

    peer_select_confirms(p);
    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_publish(p, "", "q", "2");
    peer_expect(p, basic_ack, .delivery_tag = 2);
    peer_publish(p, "", "q", "3");
    peer_expect(p, basic_ack, .delivery_tag = 3);
    peer_expect_get(p, "q", "2");
    peer_expect_get(p, "q", "3");
    peer_expect_get_empty(p, "q");
}

/* rows: 321 */
static void max_length_bytes_counts_ready_bodies(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-length-bytes", 10)));

    peer_publish(p, "", "q", "1234");
    peer_publish(p, "", "q", "56");
    peer_publish_with(p, "", "q", "789a", .content_type = SLICE("only bodies count"));
    peer_expect_counts(p, "q", 3, 0);
    peer_publish(p, "", "q", "b");
    peer_expect_counts(p, "q", 3, 0);
    peer_expect_get(p, "q", "56");
    peer_publish(p, "", "q", "12345678901");
    peer_expect_get_empty(p, "q");
}

/* rows: 322 */
static void unacked_messages_are_not_in_the_length(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-length", 1)));

    peer_publish(p, "", "q", "1");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_expect(p, basic_get_ok, .delivery_tag = 1, .routing_key = SLICE("q"));
    peer_expect_content(p, "1");
    peer_publish(p, "", "q", "2");
    peer_expect_counts(p, "q", 1, 0);
    peer_send(p, basic_reject, .delivery_tag = 1, .requeue = true);
    peer_expect_counts(p, "q", 1, 0);
    peer_expect_get(p, "q", "2");
}

/* What a waiting consumer takes was never in the queue. */
static void consumers_are_served_before_the_length_counts(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-length", 1)));

    peer_set_prefetch(p, 2, false);
    peer_consume(p, "q", "c");
    peer_cork(p);
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_publish(p, "", "q", "3");
    peer_publish(p, "", "q", "4");
    peer_uncork(p);
    peer_expect_delivery(p, "c", 1, "1");
    peer_expect_delivery(p, "c", 2, "2");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_delivery(p, "c", 3, "4");
}

/* rows: 325 */
static void max_length_0_keeps_nothing_and_acks(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-length", 0)));

    peer_select_confirms(p);
    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_expect_get_empty(p, "q");
    peer_consume_no_ack(p, "q", "c");
    peer_publish(p, "", "q", "taken at once");
    peer_expect_delivery(p, "c", 1, "taken at once");
    peer_expect(p, basic_ack, .delivery_tag = 2);
}

/* rows: 249 323 */
static void reject_publish_nacks_the_newest(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(INT("x-max-length", 1), TEXT("x-overflow", "reject-publish")));

    peer_select_confirms(p);
    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_publish(p, "", "q", "2");
    peer_expect(p, basic_nack, .delivery_tag = 2, .requeue = true);
    peer_expect_get(p, "q", "1");
    peer_publish(p, "", "q", "3");
    peer_expect(p, basic_ack, .delivery_tag = 3);
    peer_expect_get(p, "q", "3");
}

static void reject_publish_looks_at_bytes_too(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(INT("x-max-length-bytes", 5), TEXT("x-overflow", "reject-publish")));

    peer_select_confirms(p);
    peer_publish(p, "", "q", "123456");
    peer_expect(p, basic_nack, .delivery_tag = 1, .requeue = true);
    peer_publish(p, "", "q", "12345");
    peer_expect(p, basic_ack, .delivery_tag = 2);
    peer_publish(p, "", "q", "");
    peer_expect(p, basic_ack, .delivery_tag = 3);
}

/* The queue is asked before anybody is served, even with a consumer. */
static void reject_publish_at_0_rejects_with_a_consumer(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(INT("x-max-length", 0), TEXT("x-overflow", "reject-publish")));

    peer_select_confirms(p);
    peer_consume_no_ack(p, "q", "c");
    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_nack, .delivery_tag = 1, .requeue = true);
    peer_expect_nothing(p);
}

static void reject_publish_counts_only_what_consumers_leave(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(INT("x-max-length", 1), TEXT("x-overflow", "reject-publish")));

    peer_consume_no_ack(p, "q", "c");
    peer_cork(p);
    for (int i = 0; i < 5; i++)
        peer_publish(p, "", "q", "body");
    peer_uncork(p);
    for (uint64_t tag = 1; tag <= 5; tag++)
        peer_expect_delivery(p, "c", tag, "body");
}

static void rejected_without_confirms_is_silent(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(INT("x-max-length", 1), TEXT("x-overflow", "reject-publish")));

    peer_publish(p, "", "q", "1");
    peer_send(p, basic_publish, .routing_key = SLICE("q"), .mandatory = true);
    peer_send_content(p, "2", .flags = 0);
    peer_expect_nothing(p);
    peer_expect_counts(p, "q", 1, 0);
}

static void answers_of_one_read_do_not_cover_each_other(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(INT("x-max-length", 2), TEXT("x-overflow", "reject-publish")));
    const char *keys[] = {"q", "q", "q", "q", "nowhere", "nowhere", "q"};

    peer_select_confirms(p);
    peer_cork(p);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        peer_publish(p, "", keys[i], "body");
    peer_uncork(p);
    /* 1 and 2 acked, 3 and 4 nacked, 5 and 6 acked, 7 nacked: together or one by one */
    bool is_acked[8] = {false}, is_nacked[8] = {false};
    uint64_t settled = 0;
    while (settled < 7) {
        bool is_ack = p->received.data[AMQP_FRAME_HEAD_SIZE + 3] == 80;
        uint64_t tag = is_ack ? peer_receive(p, basic_ack)->delivery_tag
                              : peer_receive(p, basic_nack)->delivery_tag;
        while (settled < tag)
            (is_ack ? is_acked : is_nacked)[++settled] = true;
    }
    assert_memory_equal(is_acked, ((bool[]){0, 1, 1, 0, 0, 1, 1, 0}), sizeof is_acked);
    assert_memory_equal(is_nacked, ((bool[]){0, 0, 0, 1, 1, 0, 0, 1}), sizeof is_nacked);
}

/* rows: 252 */
static void one_rejecting_queue_of_several_is_a_nack(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(INT("x-max-length", 0), TEXT("x-overflow", "reject-publish")));

    peer_declare_queue(p, "open");
    peer_bind_queue(p, "q", "amq.fanout", "");
    peer_bind_queue(p, "open", "amq.fanout", "");
    peer_select_confirms(p);
    peer_publish(p, "amq.fanout", "", "body");
    peer_expect(p, basic_nack, .delivery_tag = 1, .requeue = true);
    peer_expect_get(p, "open", "body");
}

/* rows: 262 */
static void rejected_publish_makes_the_commit_partial(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(INT("x-max-length", 1), TEXT("x-overflow", "reject-publish")));

    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_send(p, tx_commit);
    peer_expect_channel_exception(p, 406, "partial tx completion", tx_commit);
    peer_reopen(p);
    peer_expect_get(p, "q", "1");
    peer_expect_get_empty(p, "q");
}

/* -- Priorities -------------------------------------------------------------------------------- */

static void publish_priority(struct peer *p, uint8_t priority, const char *text) {
    peer_publish_with(p, "", "q", text, .priority = priority);
}

/* rows: 344 345 346 */
static void priorities_come_first_and_then_order(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-priority", 5)));
    const char *order[] = {"5", "200", "3", "1a", "1b", "none", "0"};

    peer_publish(p, "", "q", "none");
    publish_priority(p, 1, "1a");
    publish_priority(p, 5, "5");
    publish_priority(p, 1, "1b");
    peer_publish_with(p, "", "q", "0", .flags = AMQP_PRIORITY);
    publish_priority(p, 200, "200");
    publish_priority(p, 3, "3");
    peer_expect_counts(p, "q", 7, 0);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        peer_expect_get(p, "q", order[i]);
    peer_expect_get_empty(p, "q");
}

static void consumer_gets_the_highest_first(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-priority", 10)));

    publish_priority(p, 1, "1");
    publish_priority(p, 9, "9");
    publish_priority(p, 2, "2");
    peer_set_prefetch(p, 1, false);
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "9");
    publish_priority(p, 3, "3");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_delivery(p, "c", 2, "3");
}

static void requeued_message_returns_to_its_level(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-priority", 10)));

    publish_priority(p, 1, "1a");
    publish_priority(p, 1, "1b");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "1a");
    publish_priority(p, 2, "2");
    peer_send(p, basic_reject, .delivery_tag = 1, .requeue = true);
    peer_expect_get(p, "q", "2");
    peer_expect_get(p, "q", "1a");
    peer_expect_get(p, "q", "1b");
}

static void maximum_0_is_one_level(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-priority", 0)));

    peer_publish(p, "", "q", "0");
    publish_priority(p, 1, "1");
    publish_priority(p, 9, "9");
    peer_expect_get(p, "q", "0");
    peer_expect_get(p, "q", "1");
    peer_expect_get(p, "q", "9");
}

/* RabbitMQ's head is the next one to be delivered. */
static void length_drops_the_highest_priority(void **state) {
    struct peer *p =
        connect_with(state, ARGUMENTS(INT("x-max-priority", 5), INT("x-max-length", 2)));

    publish_priority(p, 1, "1");
    publish_priority(p, 5, "5");
    publish_priority(p, 3, "3");
    peer_expect_get(p, "q", "3");
    peer_expect_get(p, "q", "1");
    peer_expect_get_empty(p, "q");
}

static void expired_below_a_live_level_stays(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-priority", 5)));

    publish_priority(p, 5, "5");
    peer_publish_with(p, "", "q", "1", .priority = 1, .expiration = SLICE("10"));
    fixture_advance(*state, 1000);
    peer_expect_counts(p, "q", 2, 0);
    peer_expect_get(p, "q", "5");
    peer_expect_counts(p, "q", 0, 0);
}

static void purge_empties_all_levels(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(INT("x-max-priority", 255)));

    publish_priority(p, 255, "255");
    publish_priority(p, 64, "64");
    publish_priority(p, 63, "63");
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect(p, queue_purge_ok, .message_count = 3);
    peer_expect_get_empty(p, "q");
}

/* -- Single active consumer -------------------------------------------------------------------- */

static struct peer *connect_single_active(void **state) {
    return connect_with(state, ARGUMENTS(BOOL("x-single-active-consumer", true)));
}

/* rows: 308 */
static void only_the_first_consumer_is_served(void **state) {
    struct peer *p = connect_single_active(state);

    peer_consume_with(p, "q", "first", ARGUMENTS(INT("x-priority", 0)));
    peer_consume_with(p, "q", "second", ARGUMENTS(INT("x-priority", 10)));
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "first", 1, "1");
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "first", 2, "2");
    peer_expect_counts(p, "q", 0, 2);
}

static void full_window_of_the_active_one_helps_nobody(void **state) {
    struct peer *p = connect_single_active(state);

    peer_set_prefetch(p, 1, false);
    peer_consume_with(p, "q", "first", ARGUMENTS(INT("x-priority", 0)));
    peer_consume_with(p, "q", "second", ARGUMENTS(INT("x-priority", 0)));
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "first", 1, "1");
    peer_expect_nothing(p);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_delivery(p, "first", 2, "2");
}

/* rows: 309 */
static void next_by_priority_and_age_takes_over(void **state) {
    struct peer *p = connect_single_active(state);
    struct peer *other = peer_connect(*state);

    peer_consume_with(other, "q", "first", ARGUMENTS(INT("x-priority", 0)));
    peer_consume_with(p, "q", "second", ARGUMENTS(INT("x-priority", 0)));
    peer_consume_with(p, "q", "third", ARGUMENTS(INT("x-priority", 5)));
    peer_consume_with(p, "q", "fourth", ARGUMENTS(INT("x-priority", 5)));
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(other, "first", 1, "1");
    peer_drop(other);
    peer_expect_redelivery(p, "third", 1, "1");
    peer_cancel(p, "third");
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "fourth", 2, "2");
    peer_cancel(p, "second");
    peer_cancel(p, "fourth");
    peer_publish(p, "", "q", "3");
    peer_expect_counts(p, "q", 1, 0);
    peer_consume_with(p, "q", "fifth", ARGUMENTS(INT("x-priority", 0)));
    peer_expect_delivery(p, "fifth", 3, "3");
}

/* rows: 310 */
static void exclusive_consume_is_403(void **state) {
    struct peer *p = connect_single_active(state);

    peer_send(p, basic_consume, .queue = SLICE("q"), .exclusive = true);
    peer_expect_channel_exception(p, 403, "queue 'q' in vhost '/' in exclusive use", basic_consume);
}

static void get_is_allowed_beside_an_active_consumer(void **state) {
    struct peer *p = connect_single_active(state);

    peer_publish(p, "", "q", "1");
    peer_expect_get(p, "q", "1");
}

static void deleted_queue_cancels_all_its_consumers(void **state) {
    struct peer *p = connect_single_active(state);

    peer_consume_with(p, "q", "active", ARGUMENTS(INT("x-priority", 0)));
    peer_consume_with(p, "q", "inactive", ARGUMENTS(INT("x-priority", 0)));
    peer_send(p, queue_delete, .queue = SLICE("q"), .no_wait = true);
    peer_expect(p, basic_cancel, .consumer_tag = SLICE("active"), .no_wait = true);
    peer_expect(p, basic_cancel, .consumer_tag = SLICE("inactive"), .no_wait = true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(queue_ttl_ends_messages_at_the_head),
        CONVERSATION(expiration_ends_a_message_at_the_head),
        CONVERSATION(smaller_of_both_times_counts),
        CONVERSATION(expired_behind_a_live_head_still_counts),
        CONVERSATION(ttl_0_needs_a_consumer_that_is_ready),
        CONVERSATION(delivered_message_of_ttl_0_expires_when_it_comes_back),
        CONVERSATION(delivery_keeps_its_expiration),
        CONVERSATION(requeued_message_keeps_its_deadline),
        CONVERSATION(held_message_outlives_its_deadline),
        CONVERSATION(purged_queue_starts_over),
        CONVERSATION(unused_queue_is_deleted),
        CONVERSATION(consumer_keeps_a_queue_from_expiring),
        CONVERSATION(get_and_declare_put_the_end_off),
        CONVERSATION(max_length_drops_the_oldest_and_acks),
        CONVERSATION(max_length_bytes_counts_ready_bodies),
        CONVERSATION(unacked_messages_are_not_in_the_length),
        CONVERSATION(consumers_are_served_before_the_length_counts),
        CONVERSATION(max_length_0_keeps_nothing_and_acks),
        CONVERSATION(reject_publish_nacks_the_newest),
        CONVERSATION(reject_publish_looks_at_bytes_too),
        CONVERSATION(reject_publish_at_0_rejects_with_a_consumer),
        CONVERSATION(reject_publish_counts_only_what_consumers_leave),
        CONVERSATION(rejected_without_confirms_is_silent),
        CONVERSATION(answers_of_one_read_do_not_cover_each_other),
        CONVERSATION(one_rejecting_queue_of_several_is_a_nack),
        CONVERSATION(rejected_publish_makes_the_commit_partial),
        CONVERSATION(priorities_come_first_and_then_order),
        CONVERSATION(consumer_gets_the_highest_first),
        CONVERSATION(requeued_message_returns_to_its_level),
        CONVERSATION(maximum_0_is_one_level),
        CONVERSATION(length_drops_the_highest_priority),
        CONVERSATION(expired_below_a_live_level_stays),
        CONVERSATION(purge_empties_all_levels),
        CONVERSATION(only_the_first_consumer_is_served),
        CONVERSATION(full_window_of_the_active_one_helps_nobody),
        CONVERSATION(next_by_priority_and_age_takes_over),
        CONVERSATION(exclusive_consume_is_403),
        CONVERSATION(get_is_allowed_beside_an_active_consumer),
        CONVERSATION(deleted_queue_cancels_all_its_consumers),
    };

    return cmocka_run_group_tests_name("ttl, length, priority", tests, NULL, NULL);
}
