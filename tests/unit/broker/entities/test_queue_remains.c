/* SPDX-License-Identifier: Apache-2.0 */
/* Emptying a queue of many messages is quick, and done to its end by and by. */
#include "tests/unit/broker/entities/support.h"

#define MANY 5000

/* class basic, no body, a priority */
static struct message *message_of(struct fixture *f, uint8_t priority) {
    const uint8_t header[] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0, priority};

    return message_create(&f->broker->messages, SLICE(""), SLICE("k"),
                          slice_of(header, sizeof header), SLICE(""));
}

static void publish(struct fixture *f, struct queue *queue, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct message *message = message_of(f, (uint8_t)(i % 3));
        queue_publish(queue, message);
        message_unref(message);
    }
}

static struct queue *declare_with_priorities(struct fixture *f) {
    struct amqp_table_builder builder = {0};

    amqp_table_put_int(&builder, SLICE("x-max-priority"), AMQP_TAG_INT32, 2);
    struct queue *queue = try_declare_queue(
        f, (struct queue_declaration){.name = SLICE("p"),
                                      .arguments = amqp_table_builder_finish(&builder)});
    amqp_table_builder_clear(&builder);
    return queue;
}

/* rows: 202 */
static void purged_messages_go_bit_by_bit(void **state) {
    struct fixture *f = *state;
    struct queue *queues[] = {declare_queue(f, "q"), declare_with_priorities(f)};

    for (int i = 0; i < 2; i++) {
        publish(f, queues[i], MANY);
        uint64_t full = f->broker->messages.bytes;
        assert_int_equal(queue_purge(queues[i]), MANY);
        assert_int_equal(queue_ready_count(queues[i]), 0);
        assert_int_equal(queue_purge(queues[i]), 0);
        assert_true(broker_do_chores(f->broker, MANY / 2));
        assert_in_range(f->broker->messages.bytes, full / 4, full / 4 * 3);
        publish(f, queues[i], 7);
        broker_finish_chores(f->broker);
        assert_int_equal(queue_purge(queues[i]), 7);
        assert_int_equal(f->broker->messages.bytes, 0);
    }
}

static void few_purged_messages_go_at_once(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    publish(f, queue, 100);
    assert_int_equal(queue_purge(queue), 100);
    assert_int_equal(f->broker->messages.bytes, 0);
    assert_true(list_is_empty(&f->broker->chores));
}

static void deleted_queue_outlives_its_messages(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    size_t count;

    publish(f, queue, MANY);
    assert_true(vhost_delete_queue(f->vhost, SLICE("q"), NULL, false, false, &count, &f->refusal));
    assert_int_equal(count, MANY);
    assert_null(vhost_find_queue(f->vhost, SLICE("q")));
    queue = declare_queue(f, "q");
    publish(f, queue, 3);
    broker_finish_chores(f->broker);
    assert_int_equal(queue_ready_count(queue), 3);
}

static void broker_that_goes_away_leaves_nothing(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    publish(f, queue, MANY);
    queue_purge(queue);
    publish(f, queue, MANY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(purged_messages_go_bit_by_bit),
        FIXTURE_TEST(few_purged_messages_go_at_once),
        FIXTURE_TEST(deleted_queue_outlives_its_messages),
        FIXTURE_TEST(broker_that_goes_away_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
