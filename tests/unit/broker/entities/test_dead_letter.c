/* SPDX-License-Identifier: Apache-2.0 */
/* The list of dead letters and its end; what is in a letter is in the conversation tests. */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/dead_letter.h"
#include "broker/entities/policy.h"

/* A queue that keeps nothing and whose messages go to the queue `target` when they die. */
static struct queue *declare_dying(struct fixture *f, const char *name, const char *target) {
    struct amqp_table_builder builder = {0};

    amqp_table_put_text(&builder, SLICE("x-dead-letter-exchange"), SLICE(""));
    amqp_table_put_text(&builder, SLICE("x-dead-letter-routing-key"), slice_from_text(target));
    amqp_table_put_int(&builder, SLICE("x-max-length"), 'I', 0);
    struct queue *queue = try_declare_queue(
        f, (struct queue_declaration){.name = slice_from_text(name),
                                      .arguments = amqp_table_builder_finish(&builder)});
    amqp_table_builder_clear(&builder);
    assert_non_null(queue);
    return queue;
}

static void publish(struct fixture *f, struct queue *queue) {
    static const uint8_t header[AMQP_CONTENT_HEADER_SIZE] = {0, 60};
    struct message *message = message_create(&f->broker->messages, SLICE(""), SLICE("k"),
                                             slice_of(header, sizeof header), SLICE(""));

    assert_true(queue_publish(queue, message));
    message_unref(message);
}

static void budget_limits_a_drain(void **state) {
    struct fixture *f = *state;
    struct queue *dying = declare_dying(f, "dying", "dead");
    struct queue *dead = declare_queue(f, "dead");

    for (int i = 0; i < 5; i++)
        publish(f, dying);
    assert_int_equal(queue_ready_count(dead), 0);
    assert_true(broker_drain_dead_letters(f->broker, 2));
    assert_int_equal(queue_ready_count(dead), 2);
    assert_true(broker_drain_dead_letters(f->broker, 2));
    assert_false(broker_drain_dead_letters(f->broker, 2));
    assert_int_equal(queue_ready_count(dead), 5);
}

/* Each call goes one step along a chain, so that no tick runs away with it. */
static void letters_that_die_again_wait_for_the_next_call(void **state) {
    struct fixture *f = *state;
    struct queue *first = declare_dying(f, "first", "second");
    struct queue *dead = declare_queue(f, "dead");

    declare_dying(f, "second", "third");
    declare_dying(f, "third", "dead");
    publish(f, first);
    assert_true(broker_drain_dead_letters(f->broker, 100));
    assert_true(broker_drain_dead_letters(f->broker, 100));
    assert_int_equal(queue_ready_count(dead), 0);
    assert_false(broker_drain_dead_letters(f->broker, 100));
    assert_int_equal(queue_ready_count(dead), 1);
}

static void ring_of_queues_ends(void **state) {
    struct fixture *f = *state;
    int calls = 1;

    declare_dying(f, "b", "c");
    declare_dying(f, "c", "a");
    publish(f, declare_dying(f, "a", "b"));
    while (broker_drain_dead_letters(f->broker, 100))
        calls++;
    assert_int_equal(calls, 3);
    assert_int_equal(f->broker->messages.bytes, 0);
}

static void letter_keeps_its_deleted_queue(void **state) {
    struct fixture *f = *state;
    struct queue *dying = declare_dying(f, "dying", "dead");
    struct queue *dead = declare_queue(f, "dead");

    publish(f, dying);
    vhost_remove_queue(dying);
    assert_false(broker_drain_dead_letters(f->broker, 100));
    assert_int_equal(queue_ready_count(dead), 1);
}

/* What comes back to a deleted queue is dropped; it is no dead letter of any reason. */
static void refused_message_of_a_deleted_queue_is_not_counted(void **state) {
    struct fixture *f = *state;
    struct queue *dying = declare_dying(f, "dying", "dead");
    const uint64_t *counts = &f->broker->counters.dead_lettered[0][0][0];
    struct entry entry;

    queue_set_features(dying, NULL);
    publish(f, dying);
    assert_true(queue_get(dying, false, &entry));
    vhost_remove_queue(dying);
    queue_discard(dying, entry);
    for (size_t i = 0; i < sizeof f->broker->counters.dead_lettered / sizeof *counts; i++)
        assert_int_equal(counts[i], 0);
}

static void set_policy(struct fixture *f, const char *target) {
    struct amqp_table_builder builder = {0};
    struct refusal refusal = {0};

    amqp_table_put_text(&builder, SLICE("dead-letter-exchange"), SLICE(""));
    amqp_table_put_text(&builder, SLICE("dead-letter-routing-key"), slice_from_text(target));
    amqp_table_put_int(&builder, SLICE("max-length"), 'I', 0);
    assert_true(
        policy_set(f->vhost, POLICY_ORDINARY,
                   &(struct policy_settings){.name = SLICE("p"),
                                             .pattern = SLICE("^dying$"),
                                             .definition = amqp_table_builder_finish(&builder)},
                   &refusal));
    amqp_table_builder_clear(&builder);
}

/* A policy that changes between a death and its letter comes too late for it. */
static void letter_goes_where_it_was_to_go_when_it_died(void **state) {
    struct fixture *f = *state;
    struct queue *dying = declare_queue(f, "dying");
    struct queue *dead = declare_queue(f, "dead");
    struct queue *other = declare_queue(f, "other");

    set_policy(f, "dead");
    publish(f, dying);
    set_policy(f, "other");
    publish(f, dying);
    assert_true(policy_clear(f->vhost, POLICY_ORDINARY, SLICE("p")));
    assert_false(broker_drain_dead_letters(f->broker, 100));
    assert_int_equal(queue_ready_count(dead), 1);
    assert_int_equal(queue_ready_count(other), 1);
}

/* The fixture's end shows that nothing is left of them. */
static void letters_on_their_way_go_with_the_broker(void **state) {
    struct fixture *f = *state;

    publish(f, declare_dying(f, "dying", "dead"));
    assert_true(f->broker->messages.bytes > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(budget_limits_a_drain),
        FIXTURE_TEST(letters_that_die_again_wait_for_the_next_call),
        FIXTURE_TEST(ring_of_queues_ends),
        FIXTURE_TEST(letter_keeps_its_deleted_queue),
        FIXTURE_TEST(refused_message_of_a_deleted_queue_is_not_counted),
        FIXTURE_TEST(letter_goes_where_it_was_to_go_when_it_died),
        FIXTURE_TEST(letters_on_their_way_go_with_the_broker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
