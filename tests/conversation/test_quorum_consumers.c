/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumers of queues of type quorum: the single active one, and how long one may keep a message.
 * "q" is the quorum queue unless a test says otherwise.
 */
#include "broker/base/text.h"
#include "broker/entities/policy.h"
#include "broker/entities/vhost.h"
#include "tests/support/quorum_queue.h"

static void set_policy(struct fixture *fixture, struct slice definition) {
    struct policy_settings settings = {
        .name = SLICE("p"), .pattern = SLICE(""), .definition = definition};
    struct refusal refusal = {0};

    if (!policy_set(broker_find_vhost(fixture->broker, SLICE("/")), POLICY_ORDINARY, &settings,
                    &refusal))
        fail_msg("%s", refusal.text);
    fixture_run(fixture);
}

/* -- The single active consumer ---------------------------------------------------------------- */

static struct peer *connect_single_active(void **state) {
    return connect_with(state, ARGUMENTS(QUORUM, BOOL("x-single-active-consumer", true)));
}

/* rows: 311 */
static void get_is_405_with_a_single_active_consumer(void **state) {
    struct peer *p = connect_single_active(state);

    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_expect_channel_exception(
        p, 405,
        "cannot obtain access to locked queue 'q' in vhost '/'. basic.get operations are not "
        "supported by quorum queues with single active consumer",
        basic_get);
}

static void single_active_consumer_is_followed_by_the_next(void **state) {
    struct peer *p = connect_single_active(state);

    peer_consume(p, "q", "first");
    peer_consume(p, "q", "second");
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "first", 1, "1");
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "first", 2, "2");
    peer_send(p, basic_cancel, .consumer_tag = SLICE("first"));
    peer_skip(p, basic_cancel_ok);
    peer_publish(p, "", "q", "3");
    peer_expect_delivery(p, "second", 3, "3");
}

static void consumer_of_higher_priority_takes_over(void **state) {
    struct peer *p = connect_single_active(state);

    peer_consume_with(p, "q", "first", ARGUMENTS(INT("x-priority", 0)));
    peer_consume_with(p, "q", "second", ARGUMENTS(INT("x-priority", 5)));
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "second", 1, "1");
    peer_consume_with(p, "q", "third", ARGUMENTS(INT("x-priority", 5)));
    peer_consume_with(p, "q", "fourth", ARGUMENTS(INT("x-priority", 4)));
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "second", 2, "2");
}

static void active_consumer_yields_when_its_messages_are_settled(void **state) {
    struct peer *p = connect_single_active(state);
    struct peer *other = peer_connect(*state);

    peer_consume_with(p, "q", "first", ARGUMENTS(INT("x-priority", 0)));
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "first", 1, "1");
    peer_expect_delivery(p, "first", 2, "2");
    peer_consume_with(other, "q", "second", ARGUMENTS(INT("x-priority", 1)));
    peer_publish(p, "", "q", "3");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(p);
    peer_expect_nothing(other);
    peer_send(p, basic_ack, .delivery_tag = 2);
    peer_expect_delivery(other, "second", 1, "3");
}

static void what_comes_back_goes_to_the_one_that_took_over(void **state) {
    struct peer *p = connect_single_active(state);

    peer_consume_with(p, "q", "first", ARGUMENTS(INT("x-priority", 0)));
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "first", 1, "1");
    peer_consume_with(p, "q", "second", ARGUMENTS(INT("x-priority", 1)));
    peer_send(p, basic_nack, .delivery_tag = 1, .requeue = true);
    peer_expect_redelivery(p, "second", 2, "1");
}

static void consumer_goes_on_when_the_higher_one_leaves_before(void **state) {
    struct peer *p = connect_single_active(state);

    peer_consume_with(p, "q", "first", ARGUMENTS(INT("x-priority", 0)));
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "first", 1, "1");
    peer_consume_with(p, "q", "second", ARGUMENTS(INT("x-priority", 1)));
    peer_publish(p, "", "q", "2");
    peer_expect_nothing(p);
    peer_cancel(p, "second");
    peer_expect_delivery(p, "first", 2, "2");
}

static void one_that_yielded_comes_before_younger_ones_of_its_priority(void **state) {
    struct peer *p = connect_single_active(state);

    peer_consume_with(p, "q", "old", ARGUMENTS(INT("x-priority", 0)));
    peer_consume_with(p, "q", "high", ARGUMENTS(INT("x-priority", 1)));
    peer_consume_with(p, "q", "young", ARGUMENTS(INT("x-priority", 0)));
    peer_cancel(p, "high");
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "old", 1, "1");
    peer_consume_with(p, "q", "high", ARGUMENTS(INT("x-priority", 1)));
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "high", 2, "2");
    peer_cancel(p, "high");
    peer_publish(p, "", "q", "3");
    peer_expect_delivery(p, "old", 3, "3");
}

static void messages_of_a_cancelled_one_do_not_keep_the_next_active(void **state) {
    struct peer *p = connect_single_active(state);

    peer_consume_with(p, "q", "first", ARGUMENTS(INT("x-priority", 0)));
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "first", 1, "1");
    peer_consume_with(p, "q", "second", ARGUMENTS(INT("x-priority", 0)));
    peer_cancel(p, "first");
    peer_consume_with(p, "q", "third", ARGUMENTS(INT("x-priority", 1)));
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "third", 2, "2");
}

static void one_without_acknowledgements_yields_at_once(void **state) {
    struct peer *p = connect_single_active(state);

    peer_consume_no_ack(p, "q", "first");
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "first", 1, "1");
    peer_consume_with(p, "q", "second", ARGUMENTS(INT("x-priority", 1)));
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "second", 2, "2");
}

/* -- Consumers that keep a message too long ---------------------------------------------------- */

/* What it has not had for too long stays with it for its own time. */
static void consumer_that_keeps_a_message_is_cancelled(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-consumer-timeout", 1000)));

    peer_publish(p, "", "q", "1");
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    fixture_advance(*state, 999);
    peer_expect_nothing(p);
    peer_publish(p, "", "q", "2");
    peer_publish(p, "", "q", "3");
    peer_expect_delivery(p, "c", 2, "2");
    peer_expect_delivery(p, "c", 3, "3");
    fixture_advance(*state, 1);
    peer_expect(p, basic_cancel, .consumer_tag = SLICE("c"), .no_wait = true);
    peer_expect_counts(p, "q", 1, 0);
    peer_send(p, basic_ack, .delivery_tag = 2, .multiple = true); /* too late for the first */
    get_counted(p, "1", "1", NULL);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 999);
    get_counted(p, "3", "1", NULL);
    peer_send(p, basic_ack, .delivery_tag = 3); /* too late, and no error */
    peer_expect_open(p);
}

static void acknowledging_in_time_puts_the_timeout_off(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-consumer-timeout", 1000)));

    peer_consume(p, "q", "c");
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "c", 1, "1");
    fixture_advance(*state, 600);
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "c", 2, "2");
    peer_send(p, basic_ack, .delivery_tag = 1);
    fixture_advance(*state, 999);
    peer_expect_nothing(p);
    peer_send(p, basic_ack, .delivery_tag = 2);
    fixture_advance(*state, 10000);
    peer_expect_counts(p, "q", 0, 1);
}

static void client_that_knows_no_cancel_loses_its_channel(void **state) {
    static const char *const no_capabilities[] = {"basic.nack", NULL};
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));
    struct peer *old = peer_accept(*state);

    peer_expect_start(old);
    peer_send(
        old, connection_start_ok, .client_properties = peer_client_properties(no_capabilities),
        .mechanism = SLICE("PLAIN"), .response = SLICE("\0guest\0guest"), .locale = SLICE("en_US"));

    peer_skip(old, connection_tune);
    peer_send(old, connection_tune_ok, .channel_max = 10, .frame_max = 131072);
    peer_open(old);
    peer_open_channel(old, 1);
    peer_publish(p, "", "q", "1");
    peer_send(old, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"),
              .arguments = ARGUMENTS(INT("x-consumer-timeout", 50)));
    peer_expect(old, basic_consume_ok, .consumer_tag = SLICE("c"));
    peer_expect_delivery(old, "c", 1, "1");
    fixture_advance(*state, 50);
    peer_expect_channel_exception(
        old, 406,
        "delivery acknowledgement on channel 1 timed out. Timeout value used: 50 ms. This timeout "
        "value can be configured, see consumers doc guide to learn more",
        nothing);
    get_counted(p, "1", "1", NULL);
}

static void node_gives_half_an_hour(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_declare_queue(p, "classic");
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "classic", "2");
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_consume(p, "classic", "d");
    peer_expect_delivery(p, "d", 2, "2");
    fixture_advance(*state, 1799999);
    peer_expect_nothing(p);
    fixture_advance(*state, 1);
    peer_expect(p, basic_cancel, .consumer_tag = SLICE("c"), .no_wait = true);
    fixture_advance(*state, 10000000);
    peer_expect_counts(p, "classic", 0, 1);
}

static void timeout_of_zero_is_none(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-consumer-timeout", 0)));

    peer_publish(p, "", "q", "1");
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    fixture_advance(*state, 100000000);
    peer_expect_counts(p, "q", 0, 1);
}

static void longest_timeout_is_not_over_at_once(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_publish(p, "", "q", "1");
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"),
              .arguments = ARGUMENTS(INT_OF(AMQP_TAG_INT64, "x-consumer-timeout", INT64_MAX)));
    peer_expect(p, basic_consume_ok, .consumer_tag = SLICE("c"));
    peer_expect_delivery(p, "c", 1, "1");
    fixture_advance(*state, 100000000);
    peer_expect_counts(p, "q", 0, 1);
}

static void cancelled_consumer_still_loses_what_it_keeps(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-consumer-timeout", 1000)));

    peer_publish(p, "", "q", "1");
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_cancel, .consumer_tag = SLICE("c"));
    peer_skip(p, basic_cancel_ok);
    fixture_advance(*state, 1000);
    get_counted(p, "1", "1", NULL);
    peer_send(p, basic_ack, .delivery_tag = 1);
}

static void shorter_of_argument_and_policy_is_the_timeout(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-consumer-timeout", 1000)));

    set_policy(*state, ARGUMENTS(INT("consumer-timeout", 400)));
    peer_consume(p, "q", "c");
    peer_publish(p, "", "q", "1");
    peer_expect_delivery(p, "c", 1, "1");
    fixture_advance(*state, 400);
    peer_expect(p, basic_cancel, .consumer_tag = SLICE("c"), .no_wait = true);
    set_policy(*state, ARGUMENTS(INT("consumer-timeout", 4000)));
    peer_consume(p, "q", "d");
    peer_expect_redelivery(p, "d", 2, "1");
    fixture_advance(*state, 1000);
    peer_expect(p, basic_cancel, .consumer_tag = SLICE("d"), .no_wait = true);
}

/* Nobody could be cancelled: the channel ends, as RabbitMQ's does. */
static void message_of_a_get_is_kept_too_long(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-consumer-timeout", 1000)));

    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_send(p, basic_ack, .delivery_tag = get_counted(p, "1", NULL, NULL));
    fixture_advance(*state, 500);
    get_counted(p, "2", NULL, NULL);
    fixture_advance(*state, 999);
    peer_expect_nothing(p);
    fixture_advance(*state, 1);
    peer_expect_channel_exception(
        p, 406,
        "delivery acknowledgement on channel 1 timed out. Timeout value used: 1000 ms. This "
        "timeout value can be configured, see consumers doc guide to learn more",
        nothing);
    peer_reopen(p);
    get_counted(p, "2", "1", NULL);
}

static void gets_of_several_queues_have_the_timeouts_of_these(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_declare_durable_queue(p, "short", ARGUMENTS(QUORUM, INT("x-consumer-timeout", 10)));
    peer_declare_queue(p, "classic");
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "classic", "2");
    peer_publish(p, "", "short", "3");
    get_counted(p, "1", NULL, NULL);
    peer_expect_get(p, "classic", "2");
    peer_send(p, basic_get, .queue = SLICE("short"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "3");
    fixture_advance(*state, 10);
    peer_expect_channel_exception(
        p, 406,
        "delivery acknowledgement on channel 1 timed out. Timeout value used: 10 ms. This timeout "
        "value can be configured, see consumers doc guide to learn more",
        nothing);
    peer_reopen(p);
    get_counted(p, "1", "1", "1"); /* the end of its channel counts as a failure */
}

static void get_without_acknowledgement_is_no_matter(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-consumer-timeout", 1000)));

    peer_publish(p, "", "q", "1");
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "1");
    fixture_advance(*state, 5000);
    peer_expect_open(p);
}

static void timeout_of_a_consumer_is_a_count_and_for_quorum_queues(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_send(p, basic_consume, .queue = SLICE("q"),
              .arguments = ARGUMENTS(TEXT("x-consumer-timeout", "1")));
    peer_expect_channel_exception(p, 406,
                                  "invalid arg 'x-consumer-timeout' for queue 'q' in vhost '/': "
                                  "\"expected integer, got longstr\"",
                                  basic_consume);
    peer_reopen(p);
    peer_send(p, basic_consume, .queue = SLICE("q"),
              .arguments = ARGUMENTS(INT("x-consumer-timeout", -1)));
    peer_expect_channel_exception(
        p, 406, "invalid arg 'x-consumer-timeout' for queue 'q' in vhost '/': {value_negative,-1}",
        basic_consume);
    peer_reopen(p);
    peer_declare_queue(p, "classic");
    peer_send(p, basic_consume, .queue = SLICE("classic"),
              .arguments = ARGUMENTS(INT("x-consumer-timeout", 1)));
    peer_expect_channel_exception(p, 406,
                                  "invalid arg 'x-consumer-timeout' for queue 'classic' in vhost "
                                  "'/' of queue type rabbit_classic_queue",
                                  basic_consume);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(get_is_405_with_a_single_active_consumer),
        CONVERSATION(single_active_consumer_is_followed_by_the_next),
        CONVERSATION(consumer_of_higher_priority_takes_over),
        CONVERSATION(active_consumer_yields_when_its_messages_are_settled),
        CONVERSATION(what_comes_back_goes_to_the_one_that_took_over),
        CONVERSATION(consumer_goes_on_when_the_higher_one_leaves_before),
        CONVERSATION(one_that_yielded_comes_before_younger_ones_of_its_priority),
        CONVERSATION(messages_of_a_cancelled_one_do_not_keep_the_next_active),
        CONVERSATION(one_without_acknowledgements_yields_at_once),
        CONVERSATION(consumer_that_keeps_a_message_is_cancelled),
        CONVERSATION(acknowledging_in_time_puts_the_timeout_off),
        CONVERSATION(client_that_knows_no_cancel_loses_its_channel),
        CONVERSATION(node_gives_half_an_hour),
        CONVERSATION(timeout_of_zero_is_none),
        CONVERSATION(longest_timeout_is_not_over_at_once),
        CONVERSATION(cancelled_consumer_still_loses_what_it_keeps),
        CONVERSATION(shorter_of_argument_and_policy_is_the_timeout),
        CONVERSATION(message_of_a_get_is_kept_too_long),
        CONVERSATION(gets_of_several_queues_have_the_timeouts_of_these),
        CONVERSATION(get_without_acknowledgement_is_no_matter),
        CONVERSATION(timeout_of_a_consumer_is_a_count_and_for_quorum_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
