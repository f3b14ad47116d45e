/* SPDX-License-Identifier: Apache-2.0 */
/* Class tx. */
#include "broker/entities/broker.h"
#include "tests/support/peer.h"

static struct peer *connect_transactional(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    return p;
}

static void commit(struct peer *p) {
    peer_send(p, tx_commit);
    peer_expect(p, tx_commit_ok);
}

static void rollback(struct peer *p) {
    peer_send(p, tx_rollback);
    peer_expect(p, tx_rollback_ok);
}

/* rows: 255 */
static void publish_is_invisible_until_commit(void **state) {
    struct peer *p = connect_transactional(state);
    struct peer *other = peer_connect(*state);

    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_expect_get_empty(other, "q");
    commit(p);
    peer_expect_get(other, "q", "1");
    peer_expect_get(other, "q", "2");
    peer_expect_get_empty(other, "q");
}

/* rows: 256 */
static void rollback_drops_what_was_published(void **state) {
    struct peer *p = connect_transactional(state);

    peer_publish(p, "", "q", "dropped");
    rollback(p);
    commit(p);
    peer_expect_get_empty(p, "q");
    peer_publish(p, "", "q", "kept");
    commit(p);
    peer_expect_get(p, "q", "kept");
}

/* rows: 257 */
static void rollback_leaves_deliveries_unacked(void **state) {
    struct peer *p = connect_transactional(state);

    peer_publish(p, "", "q", "body");
    commit(p);
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "body");
    peer_send(p, basic_ack, .delivery_tag = 1);
    rollback(p);
    peer_expect_counts(p, "q", 0, 1);
    peer_send(p, basic_ack, .delivery_tag = 1);
    commit(p);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 1", basic_ack);
}

/* rows: 258 */
static void acks_count_at_commit(void **state) {
    struct peer *p = connect_transactional(state);

    peer_publish(p, "", "q", "body");
    commit(p);
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "body");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_close_channel(p);
    peer_reopen(p);
    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    peer_send(p, basic_get, .queue = SLICE("q"));
    assert_true(peer_receive(p, basic_get_ok)->redelivered);
    peer_expect_content(p, "body");
    peer_send(p, basic_ack, .delivery_tag = 1);
    commit(p);
    peer_close_channel(p);
    peer_reopen(p);
    peer_expect_get_empty(p, "q");
}

static void requeue_counts_at_commit(void **state) {
    struct peer *p = connect_transactional(state);

    peer_publish(p, "", "q", "body");
    commit(p);
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "body");
    peer_send(p, basic_reject, .delivery_tag = 1, .requeue = true);
    peer_expect_counts(p, "q", 0, 0);
    commit(p);
    peer_expect_counts(p, "q", 1, 0);
}

/* rows: 259 */
static void commit_or_rollback_without_select_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, tx_commit);
    peer_expect_channel_exception(p, 406, "channel is not transactional", tx_commit);
    peer_reopen(p);
    peer_send(p, tx_rollback);
    peer_expect_channel_exception(p, 406, "channel is not transactional", tx_rollback);
}

/* rows: 260 */
static void return_comes_before_commit_ok(void **state) {
    struct peer *p = connect_transactional(state);

    peer_send(p, basic_publish, .routing_key = SLICE("nowhere"), .mandatory = true);
    peer_send_content(p, "body", .flags = 0);
    peer_expect_nothing(p);
    peer_send(p, tx_commit);
    peer_expect(p, basic_return, .reply_code = 312, .reply_text = SLICE("NO_ROUTE"),
                .routing_key = SLICE("nowhere"));
    peer_expect_content(p, "body");
    peer_expect(p, tx_commit_ok);
}

/* rows: 261 */
static void select_twice_is_fine(void **state) {
    struct peer *p = connect_transactional(state);

    peer_publish(p, "", "q", "body");
    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    commit(p);
    peer_expect_get(p, "q", "body");
}

static void closed_channel_drops_its_transaction(void **state) {
    struct peer *p = connect_transactional(state);

    peer_publish(p, "", "q", "dropped");
    peer_close_channel(p);
    peer_reopen(p);
    peer_expect_get_empty(p, "q");
}

static void commit_reaches_several_queues(void **state) {
    struct peer *p = connect_transactional(state);

    peer_declare_queue(p, "q2");
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q2", "2");
    peer_bind_queue(p, "q", "amq.fanout", "");
    peer_bind_queue(p, "q2", "amq.fanout", "");
    peer_publish(p, "amq.fanout", "", "3");
    commit(p);
    peer_expect_counts(p, "q", 2, 0);
    peer_expect_counts(p, "q2", 2, 0);
}

static void queue_deleted_before_commit_gets_nothing(void **state) {
    struct peer *p = connect_transactional(state);

    peer_publish(p, "", "q", "body");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
    commit(p);
    peer_declare_queue(p, "q");
    peer_expect_get_empty(p, "q");
}

/* A held message knows its queues by name, as in RabbitMQ. */
static void queue_declared_again_before_commit_gets_the_message(void **state) {
    struct peer *p = connect_transactional(state);

    peer_publish(p, "", "q", "body");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
    peer_declare_queue(p, "q");
    commit(p);
    peer_expect_get(p, "q", "body");
}

/* Publishing is checked when it is received, not at commit. */
static void publish_to_a_missing_exchange_fails_at_once(void **state) {
    struct peer *p = connect_transactional(state);

    peer_publish(p, "nope", "k", "body");
    peer_expect_channel_exception(p, 404, "no exchange 'nope' in vhost '/'", basic_publish);
}

static void unknown_delivery_tag_fails_at_once(void **state) {
    struct peer *p = connect_transactional(state);

    peer_send(p, basic_ack, .delivery_tag = 7);
    peer_expect_channel_exception(p, 406, "unknown delivery tag 7", basic_ack);
}

static int small_transactions_only(void **state) {
    struct broker_settings settings;
    broker_settings_init(&settings);
    settings.transaction_copies_max = 4;
    *state = fixture_create_with(&settings);
    return 0;
}

/* A copy is a message in a queue; commit and rollback begin to count anew. */
static void transaction_of_too_many_copies_is_506(void **state) {
    struct peer *p = connect_transactional(state);

    peer_bind_queue(p, "q", "amq.fanout", "");
    peer_declare_queue(p, "r");
    peer_bind_queue(p, "r", "amq.fanout", "");
    for (int i = 0; i < 2; i++) {
        peer_publish(p, "amq.fanout", "", "two");
        peer_publish(p, "amq.fanout", "", "four");
        if (i == 0)
            commit(p);
        else
            rollback(p);
    }
    peer_expect_counts(p, "q", 2, 0);
    for (int i = 0; i < 4; i++)
        peer_publish(p, "", "q", "one");
    peer_expect_nothing(p);
    peer_publish(p, "", "q", "five");
    peer_expect_connection_exception(p, 506, "transaction of more than 4 copies of messages",
                                     basic_publish);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(publish_is_invisible_until_commit),
        CONVERSATION(rollback_drops_what_was_published),
        CONVERSATION(rollback_leaves_deliveries_unacked),
        CONVERSATION(acks_count_at_commit),
        CONVERSATION(requeue_counts_at_commit),
        CONVERSATION(commit_or_rollback_without_select_is_406),
        CONVERSATION(return_comes_before_commit_ok),
        CONVERSATION(select_twice_is_fine),
        CONVERSATION(closed_channel_drops_its_transaction),
        CONVERSATION(commit_reaches_several_queues),
        CONVERSATION(queue_deleted_before_commit_gets_nothing),
        CONVERSATION(queue_declared_again_before_commit_gets_the_message),
        CONVERSATION(publish_to_a_missing_exchange_fails_at_once),
        CONVERSATION(unknown_delivery_tag_fails_at_once),
        cmocka_unit_test_setup_teardown(transaction_of_too_many_copies_is_506,
                                        small_transactions_only, fixture_teardown),
    };

    return cmocka_run_group_tests_name("transactions", tests, NULL, NULL);
}
