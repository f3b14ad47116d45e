/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tools/leveret-perf/histogram.h"

static struct histogram h;

static int empty(void **state) {
    (void)state;
    histogram_clear(&h);
    return 0;
}

static void empty_histogram_answers_zero(void **state) {
    (void)state;
    assert_int_equal(histogram_percentile_ns(&h, 50), 0);
    assert_true(histogram_mean_ns(&h) == 0);
}

static void small_values_are_exact(void **state) {
    (void)state;
    for (uint64_t value = 1; value <= 50; value++)
        histogram_add(&h, value, 1);
    assert_int_equal(histogram_percentile_ns(&h, 50), 25);
    assert_int_equal(histogram_percentile_ns(&h, 100), 50);
    assert_int_equal(h.min_ns, 1);
}

static void every_magnitude_is_within_two_percent(void **state) {
    (void)state;
    for (uint64_t value = 1; value < UINT64_C(1) << 41; value = value * 9 / 8 + 1) {
        histogram_clear(&h);
        histogram_add(&h, value, 1);
        histogram_add(&h, value * 2, 1); /* so that the maximum does not give the answer away */
        assert_in_range(histogram_percentile_ns(&h, 50), value, value + value / 50);
    }
}

static void percentiles_divide_by_count_not_by_value(void **state) {
    (void)state;
    histogram_add(&h, 1000, 98);
    histogram_add(&h, 1000000, 2);
    assert_in_range(histogram_percentile_ns(&h, 98), 1000, 1020);
    assert_int_equal(histogram_percentile_ns(&h, 99), 1000000);
}

static void mean_is_exact(void **state) {
    (void)state;
    histogram_add(&h, 1000000, 3);
    histogram_add(&h, 5000000, 1);
    assert_true(histogram_mean_ns(&h) == 2000000);
}

static void adding_nothing_changes_nothing(void **state) {
    (void)state;
    histogram_add(&h, 5, 0);
    assert_int_equal(h.count, 0);
    assert_int_equal(h.max_ns, 0);
}

static void values_beyond_the_last_bucket_keep_the_maximum(void **state) {
    (void)state;
    histogram_add(&h, 10, 1);
    histogram_add(&h, UINT64_C(1) << 50, 1);
    assert_true(histogram_percentile_ns(&h, 99) == UINT64_C(1) << 50);
}

static void merging_adds_up(void **state) {
    static struct histogram other;
    (void)state;
    histogram_clear(&other);
    histogram_add(&h, 40, 1);
    histogram_add(&other, 20, 2);
    histogram_add(&other, 60, 1);
    histogram_merge(&h, &other);
    assert_int_equal(h.count, 4);
    assert_int_equal(h.min_ns, 20);
    assert_int_equal(h.max_ns, 60);
    assert_int_equal(histogram_percentile_ns(&h, 50), 20);
    assert_int_equal(histogram_percentile_ns(&h, 75), 40);
}

static void merging_an_empty_one_keeps_the_minimum(void **state) {
    static struct histogram other;
    (void)state;
    histogram_clear(&other);
    histogram_add(&h, 40, 1);
    histogram_merge(&h, &other);
    assert_int_equal(h.min_ns, 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_histogram_answers_zero, empty),
        cmocka_unit_test_setup(small_values_are_exact, empty),
        cmocka_unit_test_setup(every_magnitude_is_within_two_percent, empty),
        cmocka_unit_test_setup(percentiles_divide_by_count_not_by_value, empty),
        cmocka_unit_test_setup(mean_is_exact, empty),
        cmocka_unit_test_setup(adding_nothing_changes_nothing, empty),
        cmocka_unit_test_setup(values_beyond_the_last_bucket_keep_the_maximum, empty),
        cmocka_unit_test_setup(merging_adds_up, empty),
        cmocka_unit_test_setup(merging_an_empty_one_keeps_the_minimum, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
