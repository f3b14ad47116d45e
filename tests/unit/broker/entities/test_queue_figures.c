/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/queue_figures.h"

/* A body of zeros; a persistent message carries a timestamp too. */
static void publish(struct fixture *f, struct queue *queue, uint8_t octets, bool persistent) {
    static const uint8_t zeros[UINT8_MAX];
    const uint8_t transient_header[] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, octets, 0, 0};
    const uint8_t persistent_header[] = {0,    60,   0, 0, 0, 0, 0, 0,    0,    0,    0,   octets,
                                         0x10, 0x40, 2, 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0x00};
    struct slice header = persistent ? slice_of(persistent_header, sizeof persistent_header)
                                     : slice_of(transient_header, sizeof transient_header);
    struct message *message = message_create(&f->broker->messages, SLICE(""), SLICE("q"), header,
                                             slice_of(zeros, octets));

    assert_true(queue_publish(queue, message));
    message_unref(message);
}

static struct queue *declare(struct fixture *f, struct slice arguments) {
    return try_declare_queue(
        f, (struct queue_declaration){.name = SLICE("q"), .durable = true, .arguments = arguments});
}

/* Ready, unacknowledged, persistent octets. */
static void assert_bytes(const struct queue *queue, uint64_t ready, uint64_t unacknowledged,
                         uint64_t persistent) {
    struct queue_figures figures = queue_figures(queue);

    assert_int_equal(figures.message_bytes_ready, ready);
    assert_int_equal(figures.message_bytes_unacknowledged, unacknowledged);
    assert_int_equal(figures.message_bytes_persistent, persistent);
    assert_int_equal(figures.message_bytes, ready + unacknowledged);
    assert_int_equal(figures.message_bytes_ram, ready + unacknowledged);
    assert_int_equal(figures.message_bytes_paged_out, 0);
}

static struct entry get(struct queue *queue, bool no_ack) {
    struct entry entry;

    assert_true(queue_get(queue, no_ack, &entry));
    if (no_ack)
        queue_finish_delivery(queue, &entry);
    return entry;
}

static void take_every_way_out(struct fixture *f, struct queue *queue) {
    for (uint8_t octets = 1; octets <= 5; octets++)
        publish(f, queue, octets, octets % 2 == 1);
    assert_bytes(queue, 15, 0, 9);
    get(queue, true);
    assert_bytes(queue, 14, 0, 8);
    queue_ack(queue, get(queue, false));
    assert_bytes(queue, 12, 0, 8);
    struct entry third = get(queue, false);
    assert_bytes(queue, 9, 3, 8);
    queue_requeue(queue, third);
    assert_bytes(queue, 12, 0, 8);
    queue_discard(queue, get(queue, false));
    assert_bytes(queue, 9, 0, 5);
    assert_int_equal(queue_figures(queue).messages_persistent, 1);
    assert_int_equal(queue_purge(queue), 2);
    assert_bytes(queue, 0, 0, 0);
}

static void octets_are_counted_on_every_way_out(void **state) {
    struct fixture *f = *state;

    take_every_way_out(f, declare(f, NO_TABLE));
}

static void octets_are_counted_in_queues_with_limits_and_priorities(void **state) {
    struct fixture *f = *state;
    struct amqp_table_builder builder;

    amqp_table_builder_init(&builder);
    amqp_table_put_int(&builder, SLICE("x-max-priority"), AMQP_TAG_INT32, 5);
    amqp_table_put_int(&builder, SLICE("x-max-length"), AMQP_TAG_INT32, 5);
    struct queue *queue = declare(f, amqp_table_builder_finish(&builder));
    amqp_table_builder_clear(&builder);
    take_every_way_out(f, queue);
    for (uint8_t octets = 1; octets <= 7; octets++)
        publish(f, queue, octets, true);
    assert_bytes(queue, 25, 0, 25);
}

static void large_purge_counts_nothing_at_once(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare(f, NO_TABLE);

    for (int i = 0; i < 300; i++)
        publish(f, queue, 10, true);
    queue_purge(queue);
    assert_bytes(queue, 0, 0, 0);
    publish(f, queue, 7, false);
    while (broker_do_chores(f->broker, 1000))
        ;
    assert_bytes(queue, 7, 0, 0);
}

static void memory_grows_with_what_is_in_it(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare(f, NO_TABLE);
    uint64_t empty = queue_figures(queue).memory;

    assert_true(empty >= sizeof *queue);
    publish(f, queue, 200, false);
    assert_true(queue_figures(queue).memory >= empty + 200 + sizeof(struct message));
}

static void timestamp_is_that_of_the_front(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare(f, NO_TABLE);
    uint64_t seconds;

    assert_false(queue_head_timestamp(queue, &seconds));
    publish(f, queue, 1, true);
    publish(f, queue, 1, false);
    assert_true(queue_head_timestamp(queue, &seconds));
    assert_int_equal(seconds, 1700000000);
    get(queue, true);
    assert_false(queue_head_timestamp(queue, &seconds));
}

static void wait(struct fixture *f, int64_t ms) {
    f->env.now_ms += ms;
    f->env.wall_ms += ms;
}

static void idleness_begins_with_the_last_use(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare(f, NO_TABLE);
    int64_t since;

    assert_false(queue_idle_since(queue, &since));
    wait(f, 5000);
    publish(f, queue, 1, false);
    int64_t published = f->env.wall_ms;
    wait(f, 999);
    assert_false(queue_idle_since(queue, &since));
    wait(f, 1);
    assert_true(queue_idle_since(queue, &since));
    assert_int_equal(since, published);
    struct entry entry = get(queue, false);
    wait(f, 5000);
    queue_ack(queue, entry);
    assert_false(queue_idle_since(queue, &since));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(octets_are_counted_on_every_way_out),
        FIXTURE_TEST(octets_are_counted_in_queues_with_limits_and_priorities),
        FIXTURE_TEST(large_purge_counts_nothing_at_once),
        FIXTURE_TEST(memory_grows_with_what_is_in_it),
        FIXTURE_TEST(timestamp_is_that_of_the_front),
        FIXTURE_TEST(idleness_begins_with_the_last_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
