/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of deliveries: ack, nack, reject, recover, and channels that end. */
#include "tests/support/numbers.h"

/* -- Acknowledge -------------------------------------------------------------------------------- */

/* rows: 284 */
static void ack_settles_one_or_all_up_to_one(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    publish_numbers(p, 1, 6);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 6);
    peer_send(p, basic_ack, .delivery_tag = 2);
    peer_send(p, basic_ack, .delivery_tag = 4, .multiple = true);
    peer_close_channel(p);
    peer_reopen(p);
    expect_numbers(p, 5, 6);
}

/* rows: 285 */
static void ack_0_multiple_settles_everything(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_send(p, basic_ack, .delivery_tag = 0, .multiple = true);
    publish_numbers(p, 1, 3);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 3);
    peer_send(p, basic_ack, .delivery_tag = 0, .multiple = true);
    peer_send(p, basic_ack, .delivery_tag = 0, .multiple = true);
    peer_expect_nothing(p);
    peer_close_channel(p);
    peer_reopen(p);
    peer_expect_get_empty(p, "q");
}

/* rows: 286 */
static void ack_0_single_is_406(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    publish_numbers(p, 1, 1);
    get_one(p, "1");
    peer_send(p, basic_ack, .delivery_tag = 0);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 0", basic_ack);
}

/* rows: 287 */
static void unknown_tag_is_406_for_ack_nack_and_reject(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

    publish_numbers(p, 1, 1);
    peer_consume_no_ack(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 1", basic_ack);
}

/* rows: 290 */
static void multiple_up_to_an_unknown_tag_acks_nothing(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

    publish_numbers(p, 1, 2);
    get_one(p, "1");
    peer_send(p, basic_reject, .delivery_tag = 1);
    expect_numbers(p, 2, 2);
}

/* rows: 292 294 */
static void nack_multiple_puts_all_back(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

    publish_numbers(p, 1, 3);
    get_one(p, "1");
    get_one(p, "2");
    peer_send(p, basic_nack, .delivery_tag = 0, .multiple = true, .requeue = false);
    expect_numbers(p, 3, 3);
}

/* rows: 293 */
static void what_is_put_back_finds_its_old_place(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

    publish_numbers(p, 1, 2);
    peer_set_prefetch(p, 1, false);
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_nack, .delivery_tag = 1, .requeue = true);
    peer_expect_redelivery(p, "c", 2, "1");
    peer_send(p, basic_ack, .delivery_tag = 2);
    peer_expect_delivery(p, "c", 3, "2");
}

/* rows: 296 */
static void closed_channel_puts_back_in_order(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    publish_numbers(p, 1, 20);
    peer_open_channel(p, 2);
    peer_set_prefetch(p, 0, false);
    peer_consume(p, "q", "c");
    expect_number_deliveries(p, "c", 1, 1, 20);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_close_channel(p);
    peer_reopen(p);
    expect_numbers(p, 2, 20);
}

/* rows: 297 */
static void lost_connection_puts_back_in_order(void **state) {
    struct peer *p = peer_connect_with_queue(*state);
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
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

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
    struct peer *p = peer_connect_with_queue(*state);

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

int main(void) {
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests_name("consume, get, acknowledge", tests, NULL, NULL);
}
