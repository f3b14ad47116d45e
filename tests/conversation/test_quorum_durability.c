/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a quorum queue keeps over a restart: every message, what each went through, what waits for its
 * next try, and letters that nobody took.
 */
#include "broker/base/text.h"
#include "broker/entities/queue.h"
#include "broker/entities/value_text.h"
#include "broker/entities/vhost.h"
#include "tests/support/memory_disk.h"
#include "tests/support/quorum_queue.h"

static void publish_safely(struct peer *p, const char *text) {
    peer_publish(p, "", "q", text);
    fixture_write_all(p->fixture);
}

static struct peer *restart(void **state, bool clean) {
    fixture_write_all(*state);
    fixture_restart(*state, clean);
    return peer_connect(*state);
}

/* A transient message in a quorum queue is durable, and its confirm waits for the disk. */
static void every_message_is_durable(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_select_confirms(p);
    peer_publish_with(p, "", "q", "transient", .delivery_mode = 1);
    peer_expect_nothing(p);
    assert_true(fixture_write(*state));
    peer_expect(p, basic_ack, .delivery_tag = 1);
    p = restart(state, false);
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    assert_int_equal(peer_expect_content(p, "transient")->delivery_mode, 1);
}

/* Of one message that goes to both, only the quorum queue keeps it. */
static void transient_message_of_a_classic_queue_beside_it_is_gone(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_declare_durable_queue(p, "classic", SLICE(""));
    for (const char *const *queue = (const char *[]){"q", "classic", NULL}; *queue != NULL;
         queue++) {
        peer_send(p, queue_bind, .queue = slice_from_text(*queue), .exchange = SLICE("amq.fanout"));
        fixture_write_all(*state);
        peer_expect(p, queue_bind_ok);
    }
    peer_publish(p, "amq.fanout", "", "both");
    peer_publish(p, "amq.fanout", "", "acked");
    fixture_write_all(*state);
    peer_expect_get(p, "classic", "both");
    p = restart(state, false);
    peer_expect_counts(p, "q", 2, 0);
    peer_expect_counts(p, "classic", 0, 0);
    peer_expect_get(p, "q", "both");
    p = restart(state, true);
    peer_expect_get(p, "q", "acked");
    peer_expect_get_empty(p, "q");
}

static void counts_survive(void **state, bool clean) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-delivery-limit", 2)));

    publish_safely(p, "1");
    publish_safely(p, "2");
    peer_send(p, basic_reject, .delivery_tag = get_counted(p, "1", NULL, NULL), .requeue = true);
    peer_send(p, basic_nack, .delivery_tag = get_counted(p, "1", "1", "1"), .requeue = true);
    p = restart(state, clean);
    peer_send(p, basic_reject, .delivery_tag = get_counted(p, "1", "2", "1"), .requeue = true);
    peer_send(p, basic_reject, .delivery_tag = get_counted(p, "1", "3", "2"), .requeue = true);
    get_counted(p, "2", NULL, NULL);
    p = restart(state, clean);
    get_counted(p, "2", clean ? "1" : NULL, clean ? "1" : NULL);
    peer_expect_get_empty(p, "q");
}

static void delivery_counts_survive_a_stop(void **state) {
    counts_survive(state, true);
}

static void delivery_counts_survive_a_crash(void **state) {
    counts_survive(state, false);
}

static void returned_messages_keep_their_turn_over_a_restart(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    publish_safely(p, "1");
    publish_safely(p, "2");
    peer_publish_with(p, "", "q", "9", .priority = 9);
    peer_expect_get(p, "q", "9");
    uint64_t one = get_counted(p, "1", NULL, NULL);
    peer_publish_with(p, "", "q", "10", .priority = 10);
    peer_send(p, basic_nack, .delivery_tag = one, .requeue = true);
    p = restart(state, true);
    get_counted(p, "1", "1", NULL);
    get_counted(p, "10", NULL, NULL);
    get_counted(p, "2", NULL, NULL);
}

static void message_that_waits_for_its_next_try_waits_on(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, TEXT("x-delayed-retry-type", "all"),
                                                   INT("x-delayed-retry-min", 1000)));

    publish_safely(p, "1");
    peer_send(p, basic_reject, .delivery_tag = get_counted(p, "1", NULL, NULL), .requeue = true);
    fixture_advance(*state, 400);
    p = restart(state, false);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 599);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 1);
    get_counted(p, "1", "1", "1");
}

static void held_letter_survives_as_a_letter(void **state) {
    struct peer *p =
        connect_with(state, ARGUMENTS(QUORUM, DLX, TEXT("x-dead-letter-strategy", "at-least-once"),
                                      TEXT("x-overflow", "reject-publish")));
    struct amqp_value value;

    publish_safely(p, "1");
    peer_send(p, basic_reject, .delivery_tag = get_counted(p, "1", NULL, NULL));
    p = restart(state, false);
    peer_expect_get_empty(p, "q");
    peer_declare_exchange(p, "dlx", "fanout");
    peer_declare_queue(p, "dead");
    peer_bind_queue(p, "dead", "dlx", "");
    fixture_advance(*state, 180000);
    peer_send(p, basic_get, .queue = SLICE("dead"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    const struct amqp_properties *properties = peer_expect_content(p, "1");
    assert_true(amqp_table_find(properties->headers, SLICE("x-first-death-reason"), &value));
    assert_true(slice_equal(value.bytes, SLICE("rejected")));
    p = restart(state, false);
    peer_expect_get_empty(p, "q");
}

static void set_default_type(struct vhost *vhost, const char *type) {
    vhost_set_metadata(vhost,
                       &(struct vhost_metadata){.default_queue_type = slice_from_text(type)});
}

/* The queue that was made with the default type stays what it is. */
static void default_queue_type_survives(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);
    struct vhost *vhost = broker_find_vhost(fixture->broker, SLICE("/"));

    set_default_type(vhost, "quorum");
    peer_declare_durable_queue(p, "q", SLICE(""));
    fixture_write_all(fixture);
    fixture_restart(fixture, false);
    vhost = broker_find_vhost(fixture->broker, SLICE("/"));
    assert_true(slice_equal(vhost->metadata.default_queue_type, SLICE("quorum")));
    assert_int_equal(vhost_find_queue(vhost, SLICE("q"))->type, QUEUE_QUORUM);
}

static void deleted_queue_leaves_no_history(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    publish_safely(p, "1");
    peer_send(p, basic_reject, .delivery_tag = get_counted(p, "1", NULL, NULL), .requeue = true);
    uint64_t kept = get_counted(p, "1", "1", "1");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    fixture_write_all(*state);
    peer_expect(p, queue_delete_ok);
    peer_send(p, basic_reject, .delivery_tag = kept, .requeue = true);
    p = restart(state, false); /* a history without its queue would be refused */
    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM));
    publish_safely(p, "2");
    get_counted(p, "2", NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DURABLE_CONVERSATION(every_message_is_durable),
        DURABLE_CONVERSATION(transient_message_of_a_classic_queue_beside_it_is_gone),
        DURABLE_CONVERSATION(delivery_counts_survive_a_stop),
        DURABLE_CONVERSATION(delivery_counts_survive_a_crash),
        DURABLE_CONVERSATION(returned_messages_keep_their_turn_over_a_restart),
        DURABLE_CONVERSATION(message_that_waits_for_its_next_try_waits_on),
        DURABLE_CONVERSATION(held_letter_survives_as_a_letter),
        DURABLE_CONVERSATION(default_queue_type_survives),
        DURABLE_CONVERSATION(deleted_queue_leaves_no_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
