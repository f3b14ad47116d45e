/* SPDX-License-Identifier: Apache-2.0 */
/* How many deliveries may wait for their acknowledgement: basic.qos. */
#include "broker/protocol/connection.h"
#include "tests/support/numbers.h"

/* -- Prefetch ----------------------------------------------------------------------------------- */

/* rows: 301 */
static void prefetch_size_is_540(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_qos, .prefetch_size = 5);
    peer_expect_connection_exception(p, 540, "prefetch_size!=0 (5)", basic_qos);
}

/* rows: 302 */
static void qos_counts_for_consumers_that_start_later(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_declare_queue(p, "q2");
    peer_consume(p, "q", "unlimited");
    peer_set_prefetch(p, 2, false);
    peer_consume(p, "q2", "two");
    publish_numbers(p, 1, 5);
    expect_number_deliveries(p, "unlimited", 1, 1, 5);
    for (int i = 0; i < 5; i++)
        peer_publish(p, "", "q2", "body");
    peer_expect_delivery(p, "two", 6, "body");
    peer_expect_delivery(p, "two", 7, "body");
    peer_expect_nothing(p);
    peer_set_prefetch(p, 100, false);
    peer_expect_nothing(p);
    peer_send(p, basic_ack, .delivery_tag = 6);
    peer_expect_delivery(p, "two", 8, "body");
    peer_expect_nothing(p);
}

/* rows: 302 */
static void each_consumer_has_its_own_window(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_set_prefetch(p, 1, false);
    peer_consume(p, "q", "a");
    peer_consume(p, "q", "b");
    publish_numbers(p, 1, 3);
    peer_expect_delivery(p, "a", 1, "1");
    peer_expect_delivery(p, "b", 2, "2");
    peer_expect_nothing(p);
}

/* rows: 303 */
static void prefetch_of_0_is_no_limit(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_set_prefetch(p, 1, false);
    peer_set_prefetch(p, 0, false);
    peer_consume(p, "q", "c");
    publish_numbers(p, 1, 50);
    expect_number_deliveries(p, "c", 1, 1, 50);
}

/* rows: 304 */
static void global_qos_is_one_window_for_the_channel(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_set_prefetch(p, 2, true);
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
    struct peer *p = peer_connect_with_queue(*state);

    peer_set_prefetch(p, 1, false);
    peer_set_prefetch(p, 3, true);
    peer_consume(p, "q", "a");
    publish_numbers(p, 1, 2);
    peer_expect_delivery(p, "a", 1, "1");
    peer_expect_nothing(p);
    peer_set_prefetch(p, 10, false); /* which also lifts the shared window */
    peer_set_prefetch(p, 3, true);
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
    struct peer *p = peer_connect_with_queue(*state);

    peer_set_prefetch(p, 1, true);
    peer_consume(p, "q", "a");
    peer_consume(p, "q", "b");
    publish_numbers(p, 1, 3);
    peer_expect_delivery(p, "a", 1, "1");
    peer_expect_delivery(p, "b", 2, "2");
    peer_expect_nothing(p);
}

/* rows: 305 */
static void automatic_acks_know_no_prefetch(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_set_prefetch(p, 1, false);
    peer_consume_no_ack(p, "q", "c");
    publish_numbers(p, 1, 20);
    expect_number_deliveries(p, "c", 1, 1, 20);
}

/* rows: 306 */
static void nack_and_reject_make_room(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_set_prefetch(p, 1, false);
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
    struct peer *p = peer_connect_with_queue(*state);

    peer_set_prefetch(p, 1, false);
    peer_consume(p, "q", "c");
    publish_numbers(p, 1, 3);
    peer_expect_delivery(p, "c", 1, "1");
    get_one(p, "2");
    get_one(p, "3");
}

/* A client that does not read gets no more than its output limit holds. */
static void consumer_that_does_not_read_is_left_alone(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect_with_queue(*state);
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
