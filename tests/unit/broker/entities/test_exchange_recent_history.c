/* SPDX-License-Identifier: Apache-2.0 */
/* rows: 153: the ring and what it holds on to; what clients see is in the conversations. */
#include "tests/unit/broker/entities/support.h"

/* class basic, no properties, body of one octet */
static const uint8_t header[] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0};

static void publish(struct fixture *f, const char *exchange, int number) {
    uint8_t body = (uint8_t)number;
    struct message *message =
        message_create(&f->broker->messages, slice_from_text(exchange), SLICE("k"),
                       slice_of(header, sizeof header), slice_of(&body, 1));

    routed_request(f, exchange,
                   (struct route_request){.routing_key = SLICE("k"), .message = message});
    assert_false(f->route.memoisable);
    message_unref(message);
}

static void declare_with_length(struct fixture *f, const char *name, char tag, int64_t length) {
    struct amqp_table_builder b = {0};

    amqp_table_put_int(&b, SLICE("x-recent-history-length"), tag, length);
    assert_non_null(try_declare_exchange(
        f, (struct exchange_declaration){.name = slice_from_text(name),
                                         .type = SLICE("x-recent-history"),
                                         .arguments = amqp_table_builder_finish(&b)}));
    amqp_table_builder_clear(&b);
}

/* A new queue gets the numbers from `first` to `last`. */
static void assert_replays(struct fixture *f, int first, int last) {
    struct queue *queue = declare_queue(f, "new");
    struct entry entry;
    size_t count = 0;

    bind_queue(f, "x", "new", "");
    assert_int_equal(queue_ready_count(queue), last - first + 1);
    for (; queue_get(queue, true, &entry); count++) {
        struct body_hint hint = {0};
        assert_int_equal(message_body_at(entry.message, 0, &hint).data[0],
                         (uint8_t)(first + (int)count));
        message_unref(entry.message);
    }
    vhost_remove_queue(queue);
}

static void ring_of_any_length_keeps_the_last(void **state) {
    /* rows: 153 */
    struct fixture *f = *state;

    for (int length = 1; length <= 19; length++) {
        declare_with_length(f, "x", AMQP_TAG_INT32, length);
        for (int i = 1; i <= 60; i++) {
            publish(f, "x", i);
            assert_replays(f, i > length ? i - length + 1 : 1, i);
        }
        assert_true(vhost_delete_exchange(f->vhost, SLICE("x"), false, &f->refusal));
        assert_int_equal(f->broker->messages.bytes, 0);
    }
}

static void huge_length_costs_nothing(void **state) {
    struct fixture *f = *state;

    declare_with_length(f, "x", AMQP_TAG_INT64, INT64_MAX);
    for (int i = 1; i <= 100; i++)
        publish(f, "x", i);
    assert_replays(f, 1, 100);
}

static void routing_without_a_message_stores_nothing(void **state) {
    struct fixture *f = *state;

    declare_with_length(f, "x", AMQP_TAG_INT32, 5);
    assert_string_equal(routed_to(f, "x", "k"), "");
    assert_replays(f, 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(ring_of_any_length_keeps_the_last),
        FIXTURE_TEST(huge_length_costs_nothing),
        FIXTURE_TEST(routing_without_a_message_stores_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
