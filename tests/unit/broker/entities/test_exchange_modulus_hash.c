/* SPDX-License-Identifier: Apache-2.0 */
/* rows: 151 */
#include "tests/unit/broker/entities/support.h"

static void keys_are_spread_and_stay(void **state) {
    /* rows: 151 */
    struct fixture *f = *state;
    int counts[4] = {0};
    char key[24];

    declare_exchange(f, "x", "x-modulus-hash");
    for (const char *q = "dbca"; *q != '\0'; q++) {
        declare_queue(f, (const char[]){*q, '\0'});
        bind_queue(f, "x", (const char[]){*q, '\0'}, "ignored");
    }
    for (int i = 0; i < 8000; i++) {
        char queue;
        snprintf(key, sizeof key, "key-%d", i);
        queue = routed_to(f, "x", key)[0];
        assert_int_equal(routed_to(f, "x", key)[0], queue);
        assert_int_equal(f->route.count, 1);
        counts[queue - 'a']++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 1850, 2150);
    assert_true(f->route.memoisable);
}

static void copied_keys_are_hashed_too(void **state) {
    /* rows: 151 */
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};
    struct route_request request = {.routing_key = SLICE("k")};
    bool is_other = false;
    char key[24], alone;

    declare_exchange(f, "x", "x-modulus-hash");
    for (const char *q = "abcd"; *q != '\0'; q++) {
        declare_queue(f, (const char[]){*q, '\0'});
        bind_queue(f, "x", (const char[]){*q, '\0'}, "");
    }
    alone = routed_request(f, "x", request)[0];
    for (int i = 0; i < 20; i++) {
        struct amqp_value array;
        snprintf(key, sizeof key, "copy-%d", i);
        amqp_table_builder_clear(&b);
        amqp_table_begin_array(&b, SLICE("CC"));
        amqp_table_put_text(&b, AMQP_NO_NAME, slice_from_text(key));
        amqp_table_end(&b);
        assert_true(amqp_table_find(amqp_table_builder_finish(&b), SLICE("CC"), &array));
        request.cc = array.bytes;
        is_other = is_other || routed_request(f, "x", request)[0] != alone;
        assert_int_equal(f->route.count, 1);
    }
    assert_true(is_other);
    amqp_table_builder_clear(&b);
}

static void unbound_exchange_routes_nowhere(void **state) {
    struct fixture *f = *state;

    declare_exchange(f, "x", "x-modulus-hash");
    assert_string_equal(routed_to(f, "x", "k"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(keys_are_spread_and_stay),
        FIXTURE_TEST(copied_keys_are_hashed_too),
        FIXTURE_TEST(unbound_exchange_routes_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
