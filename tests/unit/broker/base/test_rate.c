/* SPDX-License-Identifier: Apache-2.0 */
/* Rates look back as far as they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/base/rate.h"

static double rate_at(struct rate_window **window, uint64_t counter, int64_t now_ms) {
    const uint64_t counters[2] = {7, counter};

    rate_window_update(window, counters, 2, now_ms);
    return rate_per_second(*window, 1, counter, now_ms);
}

static void the_first_question_has_nothing_to_look_back_to(void **state) {
    struct rate_window *window = NULL;

    (void)state;
    assert_true(rate_at(&window, 1000, 100) == 0);
    rate_window_destroy(window);
}

static void looks_back_to_the_first_question(void **state) {
    struct rate_window *window = NULL;

    (void)state;
    rate_at(&window, 1000, 0);
    assert_true(rate_at(&window, 1500, 1000) == 500);
    assert_true(rate_at(&window, 1500, 2000) == 250);
    rate_window_destroy(window);
}

static void forgets_what_was_long_ago(void **state) {
    struct rate_window *window = NULL;

    (void)state;
    rate_at(&window, 0, 0);
    rate_at(&window, 10000, RATE_INTERVAL_MS);
    rate_at(&window, 10000, 2 * RATE_INTERVAL_MS);
    assert_true(rate_at(&window, 10000, 3 * RATE_INTERVAL_MS) == 0);
    rate_window_destroy(window);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_question_has_nothing_to_look_back_to),
        cmocka_unit_test(looks_back_to_the_first_question),
        cmocka_unit_test(forgets_what_was_long_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
