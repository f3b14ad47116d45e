/* SPDX-License-Identifier: Apache-2.0 */
/* What timers a queue keeps; what expires when is in the conversation tests. */
#include "tests/unit/broker/entities/support.h"

#include "broker/base/timer.h"

static void publish(struct fixture *f, struct queue *queue, const char *expiration) {
    uint8_t header[64];
    struct writer w = writer_over(header, sizeof header);
    struct amqp_properties properties = {.flags = expiration == NULL ? 0 : AMQP_EXPIRATION,
                                         .expiration = slice_from_text(expiration)};

    writer_u16(&w, 60);
    writer_u16(&w, 0);
    writer_u64(&w, 0);
    amqp_properties_encode(&w, &properties);
    struct message *message = message_create(&f->broker->messages, SLICE(""), SLICE("k"),
                                             slice_of(header, writer_length(&w)), SLICE(""));
    assert_true(queue_publish(queue, message));
    message_unref(message);
}

static void advance(struct fixture *f, int64_t ms) {
    f->env.now_ms += ms;
    timers_expire(&f->broker->timers, f->env.now_ms);
    broker_finish_chores(f->broker);
}

static struct queue *declare_with(struct fixture *f, const char *name, int64_t value) {
    struct amqp_table_builder builder = {0};

    amqp_table_put_int(&builder, slice_from_text(name), 'l', value);
    struct queue *queue = try_declare_queue(
        f, (struct queue_declaration){.name = SLICE("q"),
                                      .arguments = amqp_table_builder_finish(&builder)});
    amqp_table_builder_clear(&builder);
    assert_non_null(queue);
    return queue;
}

static void queue_without_deadlines_has_no_timer(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    for (int i = 0; i < 1000; i++)
        publish(f, queue, NULL);
    assert_null(queue->features);
    assert_int_equal(f->broker->timers.count, 0);
}

static void many_deadlines_need_one_timer(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_with(f, "x-message-ttl", 1000);

    for (int i = 0; i < 1000; i++) {
        publish(f, queue, NULL);
        advance(f, 1);
        assert_int_equal(f->broker->timers.count, queue_ready_count(queue) > 0);
    }
    assert_int_equal(queue_ready_count(queue), 999);
    advance(f, 998);
    assert_int_equal(queue_ready_count(queue), 1);
    advance(f, 1);
    assert_int_equal(queue_ready_count(queue), 0);
    assert_int_equal(f->broker->timers.count, 0);
    assert_int_equal(f->broker->messages.bytes, 0);
}

/* The timer of a plain queue comes with the first deadline and goes with the last. */
static void queue_is_plain_again_after_the_last_deadline(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    publish(f, queue, "10");
    assert_true(queue->may_expire);
    assert_int_equal(f->broker->timers.count, 1);
    advance(f, 10);
    assert_false(queue->may_expire);
    assert_int_equal(f->broker->timers.count, 0);
}

static void timer_follows_a_shorter_deadline_in_front(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct entry entry;

    publish(f, queue, "10");
    publish(f, queue, "1000");
    assert_true(queue_get(queue, false, &entry));
    advance(f, 5);
    queue_requeue(queue, entry);
    advance(f, 4);
    assert_int_equal(queue_ready_count(queue), 2);
    advance(f, 1);
    assert_int_equal(queue_ready_count(queue), 1);
}

static void deleted_queue_leaves_no_timer(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_with(f, "x-expires", 1000);

    publish(f, queue, "10");
    assert_int_equal(f->broker->timers.count, 2);
    vhost_remove_queue(queue);
    assert_int_equal(f->broker->timers.count, 0);
}

/* Under AddressSanitizer: the callback frees the queue that its timer is in. */
static void expired_queue_is_gone(void **state) {
    struct fixture *f = *state;

    publish(f, declare_with(f, "x-expires", 1000), NULL);
    advance(f, 999);
    assert_non_null(vhost_find_queue(f->vhost, SLICE("q")));
    advance(f, 1);
    assert_null(vhost_find_queue(f->vhost, SLICE("q")));
    assert_int_equal(f->broker->messages.bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(queue_without_deadlines_has_no_timer),
        FIXTURE_TEST(many_deadlines_need_one_timer),
        FIXTURE_TEST(queue_is_plain_again_after_the_last_deadline),
        FIXTURE_TEST(timer_follows_a_shorter_deadline_in_front),
        FIXTURE_TEST(deleted_queue_leaves_no_timer),
        FIXTURE_TEST(expired_queue_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
