/* SPDX-License-Identifier: Apache-2.0 */
/* Publisher confirms. */
#include "tests/support/peer.h"

static struct peer *connect_confirming(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_select_confirms(p);
    return p;
}

/* rows: 243 */
static void first_publish_after_select_is_1(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "before");
    peer_select_confirms(p);
    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_publish(p, "", "q", "2");
    peer_expect(p, basic_ack, .delivery_tag = 2);
}

/* rows: 244 */
static void select_again_goes_on_counting(void **state) {
    struct peer *p = connect_confirming(state);

    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_select_confirms(p);
    peer_publish(p, "", "q", "2");
    peer_expect(p, basic_ack, .delivery_tag = 2);
}

static void select_without_wait_is_silent(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, confirm_select, .no_wait = true);
    peer_expect_nothing(p);
    peer_publish(p, "", "nowhere", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
}

/* rows: 245 */
static void unroutable_is_acked(void **state) {
    struct peer *p = connect_confirming(state);

    peer_publish(p, "amq.direct", "nowhere", "dropped");
    peer_expect(p, basic_ack, .delivery_tag = 1);
}

/* rows: 246 */
static void ack_comes_when_the_transient_queue_has_the_message(void **state) {
    struct peer *p = connect_confirming(state);

    peer_publish(p, "", "q", "body");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_expect_counts(p, "q", 1, 0);
}

/* rows: 248 */
static void multiple_acks_cover_exactly_what_is_settled(void **state) {
    struct peer *p = connect_confirming(state);
    uint64_t acked = 0;

    peer_cork(p);
    for (int i = 0; i < 100; i++)
        peer_publish(p, "", i % 3 == 0 ? "nowhere" : "q", "body");
    peer_uncork(p);
    while (acked < 100) {
        struct amqp_basic_ack ack = *peer_receive(p, basic_ack);
        assert_true(ack.delivery_tag > acked && ack.delivery_tag <= 100);
        assert_true(ack.multiple || ack.delivery_tag == acked + 1);
        acked = ack.delivery_tag;
    }
    peer_expect_nothing(p);
}

static void returns_and_acks_of_one_read_keep_their_order(void **state) {
    struct peer *p = connect_confirming(state);

    peer_cork(p);
    peer_publish(p, "", "q", "1");
    peer_send(p, basic_publish, .routing_key = SLICE("nowhere"), .mandatory = true);
    peer_send_content(p, "2", .flags = 0);
    peer_publish(p, "", "q", "3");
    peer_uncork(p);
    while (p->received.len > 0 && p->received.data[AMQP_FRAME_HEAD_SIZE + 3] == 80)
        assert_true(peer_receive(p, basic_ack)->delivery_tag < 2);
    peer_skip(p, basic_return);
    peer_expect_content(p, "2");
    while (peer_receive(p, basic_ack)->delivery_tag < 3)
        continue;
}

/* rows: 251 */
static void deleted_queue_leaves_no_publish_unconfirmed(void **state) {
    struct peer *p = connect_confirming(state);

    peer_cork(p);
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_send(p, queue_delete, .queue = SLICE("q"), .no_wait = true);
    peer_uncork(p);
    while (peer_receive(p, basic_ack)->delivery_tag < 2)
        continue;
    peer_expect_nothing(p);
}

static void channels_number_their_publishes_apart(void **state) {
    struct peer *p = connect_confirming(state);

    peer_open_channel(p, 2);
    peer_send_on(p, 2, confirm_select);
    peer_expect_on(p, 2, confirm_select_ok);
    peer_publish(p, "", "q", "1");
    peer_publish_on(p, 2, "", "q", "1");
    peer_expect_on(p, 2, basic_ack, .delivery_tag = 1);
    peer_expect_on(p, 1, basic_ack, .delivery_tag = 1);
}

/* rows: 253 */
static void confirm_on_a_transactional_channel_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    peer_send(p, confirm_select);
    peer_expect_channel_exception(p, 406, "cannot switch from tx to confirm mode", confirm_select);
}

/* rows: 254 */
static void transaction_on_a_confirming_channel_is_406(void **state) {
    struct peer *p = connect_confirming(state);

    peer_send(p, tx_select);
    peer_expect_channel_exception(p, 406, "cannot switch from confirm to tx mode", tx_select);
}

static void refused_publish_is_not_confirmed(void **state) {
    struct peer *p = connect_confirming(state);

    peer_publish(p, "nope", "k", "body");
    peer_expect_channel_exception(p, 404, "no exchange 'nope' in vhost '/'", basic_publish);
    peer_expect_nothing(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(first_publish_after_select_is_1),
        CONVERSATION(select_again_goes_on_counting),
        CONVERSATION(select_without_wait_is_silent),
        CONVERSATION(unroutable_is_acked),
        CONVERSATION(ack_comes_when_the_transient_queue_has_the_message),
        CONVERSATION(multiple_acks_cover_exactly_what_is_settled),
        CONVERSATION(returns_and_acks_of_one_read_keep_their_order),
        CONVERSATION(deleted_queue_leaves_no_publish_unconfirmed),
        CONVERSATION(channels_number_their_publishes_apart),
        CONVERSATION(confirm_on_a_transactional_channel_is_406),
        CONVERSATION(transaction_on_a_confirming_channel_is_406),
        CONVERSATION(refused_publish_is_not_confirmed),
    };

    return cmocka_run_group_tests_name("confirms", tests, NULL, NULL);
}
