/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets that changed on the disk are found out, and what they leave whole is salvaged: six thousand flipped
 * bits, two thousand directories with worse. tools/prove flip and damage do the same for as long as one likes.
 */
#include "tests/journal/campaign_case.h"

enum { FLIPS = 6000, DAMAGES = 2400 };

static void a_flipped_bit_is_detected_and_the_rest_salvaged(void **state) {
    struct campaign_figures figures = {0};

    (void)state;
    for (unsigned workload = 0; workload < WORKLOAD_COUNT; workload++)
        campaign_flip(workload, campaign_seed() + workload % 2, FLIPS / WORKLOAD_COUNT, &figures);
    assert_nothing_failed(&figures);
    assert_true(figures.refused > 0);
    assert_true(figures.torn_tails > 0);
    assert_true(figures.stood_in > 0);
    assert_true(figures.unreadable > 0);
}

static void damage_of_many_octets_is_detected_and_the_rest_salvaged(void **state) {
    struct campaign_figures figures = {0};

    (void)state;
    for (unsigned workload = 0; workload < WORKLOAD_COUNT; workload++)
        campaign_damage(workload, campaign_seed() + workload % 2, DAMAGES / WORKLOAD_COUNT,
                        &figures);
    assert_nothing_failed(&figures);
    assert_true(figures.refused > 0);
    assert_true(figures.unreadable > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_is_detected_and_the_rest_salvaged),
        cmocka_unit_test(damage_of_many_octets_is_detected_and_the_rest_salvaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
