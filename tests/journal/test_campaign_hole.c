/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confirmed, a failure, started again, confirmed, and the power goes: what was confirmed after the failure is
 * there. tools/prove hole does the same for as long as one likes.
 */
#include "tests/journal/campaign_case.h"

static void a_confirm_behind_a_hole_is_not_lost(void **state) {
    struct campaign_figures figures = {0};

    (void)state;
    for (unsigned workload = 0; workload < WORKLOAD_COUNT; workload++)
        campaign_hole(workload, campaign_seed(), &figures);
    assert_nothing_failed(&figures);
    assert_true(figures.states > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_confirm_behind_a_hole_is_not_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
