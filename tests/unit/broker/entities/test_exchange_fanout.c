/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

static void every_binding_matches_whatever_the_key(void **state) {
    /* rows: 125 */
    struct fixture *f = *state;

    declare_queue(f, "a");
    declare_queue(f, "b");
    bind_queue(f, "amq.fanout", "a", "one");
    bind_queue(f, "amq.fanout", "b", "");
    assert_string_equal(routed_to(f, "amq.fanout", "two"), "a b");
    assert_string_equal(routed_to(f, "amq.fanout", ""), "a b");
}

static void unbound_queue_gets_nothing_more(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "a");
    bind_queue(f, "amq.fanout", "a", "one");
    unbind_queue(f, "amq.fanout", "a", "one");
    assert_string_equal(routed_to(f, "amq.fanout", "one"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_binding_matches_whatever_the_key),
        FIXTURE_TEST(unbound_queue_gets_nothing_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
