/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/consumer.h"

/* Takes one message whenever `has_credit` is set, and drops it. */
struct one_taker {
    struct consumer consumer;
    bool has_credit;
    int taken;
};

static struct one_taker *taker_of(struct consumer *consumer) {
    return LIST_ITEM(consumer, struct one_taker, consumer);
}

static bool has_credit(struct consumer *consumer) {
    return taker_of(consumer)->has_credit;
}

static void deliver(struct consumer *consumer, const struct entry *entry) {
    taker_of(consumer)->taken++;
    taker_of(consumer)->has_credit = false;
    message_unref(entry->message);
}

static void on_queue_deleted(struct consumer *consumer) {
    (void)consumer;
}

static const struct consumer_ops ops = {
    .has_credit = has_credit, .deliver = deliver, .on_queue_deleted = on_queue_deleted};

static void publish(struct fixture *f, struct queue *queue) {
    static const uint8_t header[] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    struct message *message = message_create(&f->broker->messages, SLICE("x"), SLICE("k"),
                                             slice_of(header, sizeof header), NO_TABLE);

    queue_publish(queue, message);
    message_unref(message);
}

static void consumer_without_credit_waits_until_resumed(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct one_taker taker = {.consumer = {.ops = &ops, .no_ack = true}, .has_credit = true};

    assert_true(queue_add_consumer(queue, &taker.consumer, &f->refusal));
    publish(f, queue);
    publish(f, queue);
    broker_run_queues(f->broker, 10);
    assert_int_equal(taker.taken, 1);
    assert_true(taker.consumer.waiting);
    taker.has_credit = true;
    broker_run_queues(f->broker, 10);
    assert_int_equal(taker.taken, 1);
    consumer_resume(&taker.consumer);
    assert_false(taker.consumer.waiting);
    broker_run_queues(f->broker, 10);
    assert_int_equal(taker.taken, 2);
    queue_remove_consumer(queue, &taker.consumer);
}

static void resuming_one_that_does_not_wait_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct one_taker taker = {.consumer = {.ops = &ops, .no_ack = true}};

    consumer_resume(&taker.consumer);
    assert_true(queue_add_consumer(queue, &taker.consumer, &f->refusal));
    broker_run_queues(f->broker, 10);
    consumer_resume(&taker.consumer);
    assert_true(list_is_empty(&f->broker->runnable_queues));
    assert_int_equal(queue->consumer_count, 1);
    queue_remove_consumer(queue, &taker.consumer);
    consumer_resume(&taker.consumer);
    assert_int_equal(queue->consumer_count, 0);
    queue_remove_consumer(queue, &taker.consumer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(consumer_without_credit_waits_until_resumed),
        FIXTURE_TEST(resuming_one_that_does_not_wait_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
