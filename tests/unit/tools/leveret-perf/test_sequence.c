/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tools/leveret-perf/sequence.h"

static void numbers_in_order_are_new(void **state) {
    struct sequence s = {0};
    (void)state;
    for (uint64_t number = 0; number < 5000; number++)
        assert_true(sequence_take(&s, number));
    assert_int_equal(s.seen, 5000);
    assert_int_equal(s.next, 5000);
    sequence_clear(&s);
}

static void repeated_number_is_noticed_below_and_above_the_gap(void **state) {
    struct sequence s = {0};
    (void)state;
    assert_true(sequence_take(&s, 0));
    assert_true(sequence_take(&s, 7));
    assert_false(sequence_take(&s, 0));
    assert_false(sequence_take(&s, 7));
    assert_int_equal(s.seen, 2);
    sequence_clear(&s);
}

static void missing_number_holds_next_until_it_comes(void **state) {
    struct sequence s = {0};
    (void)state;
    for (uint64_t number = 1; number < 100; number++)
        assert_true(sequence_take(&s, number));
    assert_int_equal(s.next, 0);
    assert_true(sequence_take(&s, 0));
    assert_int_equal(s.next, 100);
    assert_int_equal(s.ahead_count, 0);
    sequence_clear(&s);
}

/* Two consumers of a queue, one of them far behind: the window grows over several sizes. */
static void window_grows_with_the_distance(void **state) {
    struct sequence s = {0};
    (void)state;
    for (uint64_t number = 1; number < 200000; number += 2)
        assert_true(sequence_take(&s, number));
    for (uint64_t number = 0; number < 200000; number += 2)
        assert_true(sequence_take(&s, number));
    assert_int_equal(s.next, 200000);
    assert_int_equal(s.seen, 200000);
    assert_false(sequence_take(&s, 12345));
    sequence_clear(&s);
}

static void number_beyond_the_widest_window_gives_up_the_oldest(void **state) {
    struct sequence s = {0};
    (void)state;
    assert_true(sequence_take(&s, 3));
    assert_true(sequence_take(&s, SEQUENCE_WINDOW_MAX + 10));
    assert_int_equal(s.seen, 2);
    assert_false(sequence_take(&s, 3));
    assert_true(sequence_take(&s, SEQUENCE_WINDOW_MAX + 9));
    sequence_clear(&s);
}

static void restart_forgets_what_was_seen(void **state) {
    struct sequence s = {0};
    (void)state;
    assert_true(sequence_take(&s, 2));
    sequence_restart(&s, 100);
    assert_false(sequence_take(&s, 99));
    assert_true(sequence_take(&s, 102));
    assert_true(sequence_take(&s, 100));
    assert_int_equal(s.next, 101);
    assert_int_equal(s.seen, 2);
    sequence_clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_order_are_new),
        cmocka_unit_test(repeated_number_is_noticed_below_and_above_the_gap),
        cmocka_unit_test(missing_number_holds_next_until_it_comes),
        cmocka_unit_test(window_grows_with_the_distance),
        cmocka_unit_test(number_beyond_the_widest_window_gives_up_the_oldest),
        cmocka_unit_test(restart_forgets_what_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
