/* SPDX-License-Identifier: Apache-2.0 */
/* rows: 146 147 148: shares, stickiness and what moves when destinations come and go. */
#include "tests/unit/broker/entities/support.h"

#define KEYS 20000

static const char *route_number(struct fixture *f, const char *exchange, int number) {
    char key[16];

    snprintf(key, sizeof key, "key-%d", number);
    return routed_to(f, exchange, key);
}

/* The destination of each key, by the first letter of its queue. */
static void record(struct fixture *f, const char *exchange, char *ret_placement) {
    for (int i = 0; i < KEYS; i++) {
        const char *queue = route_number(f, exchange, i);
        assert_int_equal(strlen(queue), 1);
        ret_placement[i] = queue[0];
    }
}

static int count(const char *placement, char queue) {
    int found = 0;

    for (int i = 0; i < KEYS; i++)
        found += placement[i] == queue;
    return found;
}

static void declare_queues(struct fixture *f, const char *names) {
    char name[2] = "";

    for (; *names != '\0'; names++) {
        name[0] = *names;
        declare_queue(f, name);
    }
}

static void equal_weights_share_equally(void **state) {
    /* rows: 146 */
    struct fixture *f = *state;
    static char placement[KEYS];

    declare_exchange(f, "x", "x-consistent-hash");
    declare_queues(f, "abcde");
    for (const char *q = "abcde"; *q != '\0'; q++)
        bind_queue(f, "x", (const char[]){*q, '\0'}, "1");
    record(f, "x", placement);
    for (const char *q = "abcde"; *q != '\0'; q++)
        assert_in_range(count(placement, *q), KEYS / 5 * 93 / 100, KEYS / 5 * 107 / 100);
}

static void shares_are_in_proportion_to_weights(void **state) {
    /* rows: 146 147 */
    struct fixture *f = *state;
    static char placement[KEYS];

    declare_exchange(f, "x", "x-consistent-hash");
    declare_queues(f, "abc");
    bind_queue(f, "x", "a", "1000");
    bind_queue(f, "x", "b", "3000");
    bind_queue(f, "x", "c", "6000");
    record(f, "x", placement);
    assert_in_range(count(placement, 'a'), KEYS * 9 / 100, KEYS * 11 / 100);
    assert_in_range(count(placement, 'b'), KEYS * 28 / 100, KEYS * 32 / 100);
    assert_in_range(count(placement, 'c'), KEYS * 58 / 100, KEYS * 62 / 100);
}

static void order_of_binding_does_not_matter(void **state) {
    /* rows: 146 */
    struct fixture *f = *state;
    static char first[KEYS], second[KEYS];

    declare_exchange(f, "x", "x-consistent-hash");
    declare_exchange(f, "y", "x-consistent-hash");
    declare_queues(f, "abcd");
    bind_queue(f, "x", "a", "1");
    bind_queue(f, "x", "b", "2");
    bind_queue(f, "x", "c", "3");
    bind_queue(f, "y", "c", "3");
    bind_queue(f, "y", "d", "9");
    bind_queue(f, "y", "a", "1");
    bind_queue(f, "y", "b", "2");
    unbind_queue(f, "y", "d", "9");
    record(f, "x", first);
    record(f, "y", second);
    assert_memory_equal(first, second, KEYS);
}

/* The expected letters are what it was when this was written. */
static void placement_outlives_the_process(void **state) {
    /* rows: 146 */
    struct fixture *f = *state;
    struct text placement = {0};

    declare_exchange(f, "x", "x-consistent-hash");
    declare_queues(f, "abc");
    bind_queue(f, "x", "a", "1");
    bind_queue(f, "x", "b", "2");
    bind_queue(f, "x", "c", "1");
    for (int i = 0; i < 16; i++)
        text_append_format(&placement, "%s", route_number(f, "x", i));
    assert_string_equal(text_chars(&placement), "ccbbacbbccccacba");
    text_clear(&placement);
}

static void new_destination_only_takes(void **state) {
    /* rows: 146 */
    struct fixture *f = *state;
    static char before[KEYS], after[KEYS];

    declare_exchange(f, "x", "x-consistent-hash");
    declare_queues(f, "abcd");
    for (const char *q = "abc"; *q != '\0'; q++)
        bind_queue(f, "x", (const char[]){*q, '\0'}, "2");
    record(f, "x", before);
    bind_queue(f, "x", "d", "3");
    record(f, "x", after);
    for (int i = 0; i < KEYS; i++)
        assert_true(after[i] == before[i] || after[i] == 'd');
    assert_in_range(count(after, 'd'), KEYS * 31 / 100, KEYS * 36 / 100);
    unbind_queue(f, "x", "d", "3");
    record(f, "x", after);
    assert_memory_equal(before, after, KEYS);
}

static void second_binding_waits_for_the_first_to_go(void **state) {
    /* rows: 146 */
    struct fixture *f = *state;
    static char before[KEYS], after[KEYS];

    declare_exchange(f, "x", "x-consistent-hash");
    declare_queues(f, "ab");
    bind_queue(f, "x", "a", "1");
    bind_queue(f, "x", "b", "1");
    record(f, "x", before);
    bind_queue(f, "x", "a", "9");
    record(f, "x", after);
    assert_memory_equal(before, after, KEYS);
    unbind_queue(f, "x", "a", "1");
    record(f, "x", after);
    assert_in_range(count(after, 'a'), KEYS * 88 / 100, KEYS * 92 / 100);
}

static bool is_memoisable(struct fixture *f, const char *exchange) {
    routed_to(f, exchange, "k");
    return f->route.memoisable;
}

static struct exchange *declare_by(struct fixture *f, const char *name, const char *argument,
                                   const char *value) {
    struct amqp_table_builder b = {0};
    struct exchange *exchange;

    amqp_table_put_text(&b, slice_from_text(argument), slice_from_text(value));
    exchange = try_declare_exchange(
        f, (struct exchange_declaration){.name = slice_from_text(name),
                                         .type = SLICE("x-consistent-hash"),
                                         .arguments = amqp_table_builder_finish(&b)});
    amqp_table_builder_clear(&b);
    return exchange;
}

static void only_a_route_by_key_is_memoisable(void **state) {
    /* rows: 148 */
    struct fixture *f = *state;

    declare_exchange(f, "key", "x-consistent-hash");
    assert_non_null(declare_by(f, "header", "hash-header", "h"));
    assert_non_null(declare_by(f, "property", "hash-property", "timestamp"));
    assert_null(declare_by(f, "other", "hash-property", "content_type"));
    assert_refused(f, 406, "Unsupported property: content_type");
    assert_true(is_memoisable(f, "key"));
    assert_false(is_memoisable(f, "header"));
    assert_false(is_memoisable(f, "property"));
}

static void unbound_exchange_routes_nowhere(void **state) {
    struct fixture *f = *state;

    declare_exchange(f, "x", "x-consistent-hash");
    assert_string_equal(routed_to(f, "x", "k"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(equal_weights_share_equally),
        FIXTURE_TEST(shares_are_in_proportion_to_weights),
        FIXTURE_TEST(order_of_binding_does_not_matter),
        FIXTURE_TEST(placement_outlives_the_process),
        FIXTURE_TEST(new_destination_only_takes),
        FIXTURE_TEST(second_binding_waits_for_the_first_to_go),
        FIXTURE_TEST(only_a_route_by_key_is_memoisable),
        FIXTURE_TEST(unbound_exchange_routes_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
