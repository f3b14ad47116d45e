/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

static void declare_with_alternate(struct fixture *f, const char *name, const char *type,
                                   const char *alternate) {
    struct amqp_table_builder b = {0};

    amqp_table_put_text(&b, SLICE("alternate-exchange"), slice_from_text(alternate));
    assert_non_null(try_declare_exchange(
        f, (struct exchange_declaration){.name = slice_from_text(name),
                                         .type = slice_from_text(type),
                                         .arguments = amqp_table_builder_finish(&b)}));
    amqp_table_builder_clear(&b);
}

static void exchange_bindings_route_with_the_messages_key(void **state) {
    /* rows: 165 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    declare_queue(f, "other");
    bind_exchange(f, "amq.topic", "amq.direct", "a.#");
    bind_queue(f, "amq.direct", "q", "a.b");
    bind_queue(f, "amq.direct", "other", "a.#");
    assert_string_equal(routed_to(f, "amq.topic", "a.b"), "q");
    assert_string_equal(routed_to(f, "amq.topic", "b"), "");
}

static void cycle_of_exchanges_ends(void **state) {
    /* rows: 166 */
    struct fixture *f = *state;

    declare_exchange(f, "a", "fanout");
    declare_exchange(f, "b", "fanout");
    declare_queue(f, "qa");
    declare_queue(f, "qb");
    bind_exchange(f, "a", "b", "");
    bind_exchange(f, "b", "a", "");
    bind_exchange(f, "a", "a", "");
    bind_queue(f, "a", "qa", "");
    bind_queue(f, "b", "qb", "");
    assert_string_equal(routed_to(f, "a", "k"), "qa qb");
    assert_string_equal(routed_to(f, "b", "k"), "qa qb");
}

static void queue_reached_several_ways_is_picked_once(void **state) {
    /* rows: 167 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    bind_queue(f, "amq.topic", "q", "a.*");
    bind_queue(f, "amq.topic", "q", "#.b");
    bind_exchange(f, "amq.topic", "amq.fanout", "a.b");
    bind_queue(f, "amq.fanout", "q", "");
    assert_string_equal(routed_to(f, "amq.topic", "a.b"), "q");
    assert_int_equal(f->route.count, 1);
}

static void long_chain_of_exchanges_needs_no_stack(void **state) {
    struct fixture *f = *state;
    char previous[16] = "amq.fanout";

    for (int i = 0; i < 20000; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        declare_exchange(f, name, "fanout");
        bind_exchange(f, previous, name, "");
        memcpy(previous, name, sizeof previous);
    }
    declare_queue(f, "q");
    bind_queue(f, previous, "q", "");
    assert_string_equal(routed_to(f, "amq.fanout", ""), "q");
}

static void alternate_exchange_gets_what_has_no_destination(void **state) {
    /* rows: 118 */
    struct fixture *f = *state;

    declare_with_alternate(f, "x", "direct", "alternate");
    declare_exchange(f, "alternate", "fanout");
    declare_queue(f, "q");
    declare_queue(f, "rest");
    bind_queue(f, "x", "q", "key");
    bind_queue(f, "alternate", "rest", "");
    assert_string_equal(routed_to(f, "x", "key"), "q");
    assert_string_equal(routed_to(f, "x", "other"), "rest");
}

static void missing_alternate_exchange_is_ignored(void **state) {
    /* rows: 121 */
    struct fixture *f = *state;

    declare_with_alternate(f, "x", "direct", "nowhere");
    assert_string_equal(routed_to(f, "x", "key"), "");
}

static void alternate_exchanges_chain(void **state) {
    /* rows: 122 */
    struct fixture *f = *state;

    declare_with_alternate(f, "a", "direct", "b");
    declare_with_alternate(f, "b", "direct", "c");
    declare_with_alternate(f, "c", "direct", "a");
    assert_string_equal(routed_to(f, "a", "k"), "");
    declare_queue(f, "q");
    bind_queue(f, "c", "q", "k");
    assert_string_equal(routed_to(f, "a", "k"), "q");
    assert_string_equal(routed_to(f, "a", "other"), "");
}

/* As in RabbitMQ: an exchange as destination counts, even when the message ends there. */
static void bound_exchange_without_queues_counts_as_destination(void **state) {
    struct fixture *f = *state;

    declare_with_alternate(f, "x", "fanout", "amq.fanout");
    declare_exchange(f, "end", "fanout");
    declare_queue(f, "rest");
    bind_queue(f, "amq.fanout", "rest", "");
    assert_string_equal(routed_to(f, "x", ""), "rest");
    bind_exchange(f, "x", "end", "");
    assert_string_equal(routed_to(f, "x", ""), "");
}

/* A destination that another path picked first is still a destination of this exchange. */
static void destination_picked_before_keeps_the_alternate_away(void **state) {
    struct fixture *f = *state;

    declare_with_alternate(f, "x", "fanout", "alternate");
    declare_exchange(f, "alternate", "fanout");
    declare_queue(f, "q");
    declare_queue(f, "rest");
    bind_queue(f, "alternate", "rest", "");
    bind_queue(f, "x", "q", "");
    bind_queue(f, "amq.fanout", "q", "");
    bind_exchange(f, "amq.fanout", "x", "");
    assert_string_equal(routed_to(f, "amq.fanout", ""), "q");
}

static struct slice key_array(struct amqp_table_builder *b, const char *first, const char *second) {
    struct amqp_value array;

    amqp_table_builder_clear(b);
    amqp_table_begin_array(b, SLICE("keys"));
    amqp_table_put_int(b, AMQP_NO_NAME, AMQP_TAG_INT32, 5);
    amqp_table_put_text(b, AMQP_NO_NAME, slice_from_text(first));
    amqp_table_put_text(b, AMQP_NO_NAME, slice_from_text(second));
    amqp_table_end(b);
    assert_true(amqp_table_find(amqp_table_builder_finish(b), SLICE("keys"), &array));
    return array.bytes;
}

static void cc_and_bcc_are_more_keys(void **state) {
    /* rows: 171 172 */
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};
    struct route_request request = {.routing_key = SLICE("a"), .cc = key_array(&b, "b", "a")};

    declare_queue(f, "a");
    declare_queue(f, "b");
    declare_queue(f, "c");
    assert_string_equal(routed_request(f, "", request), "a b");
    request.bcc = request.cc;
    request.cc = NO_TABLE;
    assert_string_equal(routed_request(f, "", request), "a b");
    bind_queue(f, "amq.topic", "c", "b.#");
    assert_string_equal(routed_request(f, "amq.topic", request), "c");
    bind_queue(f, "amq.fanout", "c", "");
    assert_string_equal(routed_request(f, "amq.fanout", request), "c");
    amqp_table_builder_clear(&b);
}

static void keys_longer_than_any_binding_are_skipped(void **state) {
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};
    char too_long[4096];

    memset(too_long, '.', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    struct route_request request = {.routing_key = SLICE("a"), .cc = key_array(&b, too_long, "b")};
    declare_queue(f, "q");
    bind_queue(f, "amq.topic", "q", "#.");
    assert_string_equal(routed_request(f, "amq.topic", request), "");
    bind_queue(f, "amq.topic", "q", "b");
    assert_string_equal(routed_request(f, "amq.topic", request), "q");
    amqp_table_builder_clear(&b);
}

static void only_what_depends_on_exchange_and_key_is_memoisable(void **state) {
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};
    struct route_request request = {.routing_key = SLICE("a"), .cc = key_array(&b, "b", "c")};

    routed_to(f, "amq.topic", "a");
    assert_true(f->route.memoisable);
    assert_int_equal(f->route.generation, f->vhost->routing_generation);
    routed_to(f, "", "a");
    assert_true(f->route.memoisable);
    routed_request(f, "amq.topic", request);
    assert_false(f->route.memoisable);
    routed_to(f, "amq.headers", "a");
    assert_false(f->route.memoisable);
    bind_exchange(f, "amq.topic", "amq.headers", "a");
    routed_to(f, "amq.topic", "a");
    assert_false(f->route.memoisable);
    routed_to(f, "amq.topic", "b");
    assert_true(f->route.memoisable);
    amqp_table_builder_clear(&b);
}

static void route_grows_and_is_replaced(void **state) {
    struct fixture *f = *state;
    char name[16];

    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "q%02d", i);
        declare_queue(f, name);
        bind_queue(f, "amq.fanout", name, "");
    }
    routed_to(f, "amq.fanout", "");
    assert_int_equal(f->route.count, 100);
    assert_string_equal(routed_to(f, "", "q07"), "q07");
    route_clear(&f->route);
    assert_int_equal(f->route.count, 0);
    assert_string_equal(routed_to(f, "", "q07"), "q07");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(exchange_bindings_route_with_the_messages_key),
        FIXTURE_TEST(cycle_of_exchanges_ends),
        FIXTURE_TEST(queue_reached_several_ways_is_picked_once),
        FIXTURE_TEST(long_chain_of_exchanges_needs_no_stack),
        FIXTURE_TEST(alternate_exchange_gets_what_has_no_destination),
        FIXTURE_TEST(missing_alternate_exchange_is_ignored),
        FIXTURE_TEST(alternate_exchanges_chain),
        FIXTURE_TEST(bound_exchange_without_queues_counts_as_destination),
        FIXTURE_TEST(destination_picked_before_keeps_the_alternate_away),
        FIXTURE_TEST(cc_and_bcc_are_more_keys),
        FIXTURE_TEST(keys_longer_than_any_binding_are_skipped),
        FIXTURE_TEST(only_what_depends_on_exchange_and_key_is_memoisable),
        FIXTURE_TEST(route_grows_and_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
