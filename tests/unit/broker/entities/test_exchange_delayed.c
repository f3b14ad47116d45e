/* SPDX-License-Identifier: Apache-2.0 */
/* rows: 155: the heap against a model, and many messages; what clients see is in the conversations. */
#include "broker/entities/exchange_delayed.h"

#include "amqp/properties.h"
#include "amqp/writer.h"
#include "tests/unit/broker/entities/support.h"

static struct exchange *declare_delayed(struct fixture *f, const char *name, const char *type) {
    struct amqp_table_builder b = {0};
    struct exchange *exchange;

    amqp_table_put_text(&b, SLICE("x-delayed-type"), slice_from_text(type));
    exchange = try_declare_exchange(
        f, (struct exchange_declaration){.name = slice_from_text(name),
                                         .type = SLICE("x-delayed-message"),
                                         .arguments = amqp_table_builder_finish(&b)});
    amqp_table_builder_clear(&b);
    assert_non_null(exchange);
    return exchange;
}

/* Publishes a message with this delay and `number` as its body. */
static void publish(struct fixture *f, const char *exchange, int64_t delay_ms, uint32_t number) {
    struct amqp_table_builder b = {0};
    uint8_t octets[200];
    struct writer w = writer_over(octets, sizeof octets);
    struct amqp_properties properties = {.flags = AMQP_HEADERS};
    struct message *message;

    amqp_table_put_int(&b, SLICE("x-delay"), AMQP_TAG_INT64, delay_ms);
    properties.headers = amqp_table_builder_finish(&b);
    writer_u16(&w, 60);
    writer_u16(&w, 0);
    writer_u64(&w, sizeof number);
    amqp_properties_encode(&w, &properties);
    message = message_create(&f->broker->messages, slice_from_text(exchange), SLICE("k"),
                             writer_written(&w), slice_of(&number, sizeof number));
    amqp_table_builder_clear(&b);
    struct route_request request = route_request_of(message);
    routed_request(f, exchange, request);
    assert_false(f->route.memoisable);
    message_unref(message);
}

static uint32_t take_number(struct queue *queue) {
    struct entry entry;
    struct body_hint hint = {0};
    uint32_t number;

    assert_true(queue_get(queue, true, &entry));
    memcpy(&number, message_body_at(entry.message, 0, &hint).data, sizeof number);
    message_unref(entry.message);
    return number;
}

static void advance(struct fixture *f, int64_t ms) {
    f->env.now_ms += ms;
    f->env.wall_ms += ms;
    timers_expire(&f->broker->timers, f->env.now_ms);
    broker_do_chores(f->broker, 1000);
}

#define MODEL_SIZE 3000

/* Random delays, published while others fall due: each comes at its millisecond, in order. */
static void messages_come_by_time_then_age(void **state) {
    /* rows: 155 */
    struct fixture *f = *state;
    static int64_t due[MODEL_SIZE];
    struct exchange *x = declare_delayed(f, "x", "fanout");
    struct queue *queue = declare_queue(f, "q");
    size_t published = 0, held = 0;

    bind_queue(f, "x", "q", "");
    for (int step = 0; published < MODEL_SIZE || held > 0; step++) {
        for (int n = 0; n < 5 && published < MODEL_SIZE; n++, held++, published++) {
            int64_t delay_ms = 1 + (int64_t)random_below(&f->random, 400);
            due[published] = f->env.now_ms + delay_ms;
            publish(f, "x", delay_ms, (uint32_t)published);
        }
        assert_int_equal(exchange_delayed_count(x), held);
        advance(f, 1);
        for (size_t i = 0; i < published; i++) {
            if (due[i] != f->env.now_ms)
                continue;
            assert_int_equal(take_number(queue), i);
            held--;
        }
        assert_int_equal(queue_ready_count(queue), 0);
    }
    assert_int_equal(timers_next_deadline(&f->broker->timers), TIMERS_NONE);
    assert_int_equal(f->broker->messages.bytes, 0);
}

/* What is due together does not come all within one call, so that others have their turn. */
static void many_due_at_once_come_in_portions(void **state) {
    /* rows: 155 */
    struct fixture *f = *state;
    struct exchange *x = declare_delayed(f, "x", "fanout");
    struct queue *queue = declare_queue(f, "q");
    uint32_t next = 0;

    bind_queue(f, "x", "q", "");
    for (uint32_t i = 0; i < 2500; i++)
        publish(f, "x", 100, i);
    advance(f, 100);
    assert_in_range(queue_ready_count(queue), 1, 2499);
    while (exchange_delayed_count(x) > 0) {
        size_t before = exchange_delayed_count(x);
        assert_false(list_is_empty(&f->broker->chores));
        advance(f, 0);
        assert_true(exchange_delayed_count(x) < before);
    }
    assert_int_equal(queue_ready_count(queue), 2500);
    while (queue_ready_count(queue) > 0)
        assert_int_equal(take_number(queue), next++);
}

static void deleted_exchange_frees_what_it_held(void **state) {
    struct fixture *f = *state;

    for (uint32_t count = 100; count <= 10000; count *= 100) {
        declare_delayed(f, "x", "topic");
        for (uint32_t i = 0; i < count; i++)
            publish(f, "x", 1000 - (i % 100), i);
        assert_true(vhost_delete_exchange(f->vhost, SLICE("x"), false, &f->refusal));
        assert_int_equal(f->broker->messages.bytes > 0, count > 100); /* the rest is a chore */
        broker_finish_chores(f->broker);
        assert_int_equal(f->broker->messages.bytes, 0);
        assert_int_equal(timers_next_deadline(&f->broker->timers), TIMERS_NONE);
    }
}

/* A stored definition may have come from anywhere: one without a type to route by still works. */
static void exchange_made_without_a_type_is_direct(void **state) {
    struct fixture *f = *state;
    struct exchange *exchange =
        exchange_create(f->vhost, SLICE("x"), &exchange_type_delayed_message, NO_TABLE);

    assert_ptr_equal(exchange->routing_type, &exchange_type_direct);
    exchange_destroy(exchange);
}

static void other_types_hold_nothing(void **state) {
    struct fixture *f = *state;

    assert_int_equal(exchange_delayed_count(declare_exchange(f, "x", "fanout")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(messages_come_by_time_then_age),
        FIXTURE_TEST(many_due_at_once_come_in_portions),
        FIXTURE_TEST(deleted_exchange_frees_what_it_held),
        FIXTURE_TEST(exchange_made_without_a_type_is_direct),
        FIXTURE_TEST(other_types_hold_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
