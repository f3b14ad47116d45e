/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client was told is on disk is there after any crash: seven thousand states after crashes
 * over all workloads, and a sample of failing calls. tools/prove does the same for as long as one
 * likes.
 */
#include <errno.h>
#include <stdio.h>

#include "tests/journal/campaign_case.h"

enum { STATES = 7000, FAILING_CALLS = 600 };

static void every_crash_leaves_the_state_of_a_batch(void **state) {
    struct campaign_figures figures = {0};

    (void)state;
    for (unsigned workload = 0; workload < WORKLOAD_COUNT; workload++) {
        uint64_t wanted = figures.states + STATES / WORKLOAD_COUNT + 1;

        for (uint64_t run = 0; figures.states < wanted; run++)
            campaign_run(workload, campaign_seed() + run, 1, &figures);
    }
    assert_nothing_failed(&figures);
    assert_true(figures.states >= STATES);
    /* The campaign went where it is meant to go. */
    assert_true(figures.checkpoints > 0);
    assert_true(figures.relocated_bytes > 0);
    assert_true(figures.unlinked_segments > 0);
    assert_true(figures.recycled_segments > 0);
    assert_true(figures.recovery_crashes > 0);
    assert_true(figures.torn_tails > 0);
}

/* All subsets of what is pending, every 512 octets of the last write. */
static void every_subset_and_every_tear_is_survived(void **state) {
    struct campaign_figures figures = {0};

    (void)state;
    campaign_run(WORKLOAD_MIX, campaign_seed(), 32, &figures);
    assert_nothing_failed(&figures);
}

static void a_failing_call_confirms_nothing_false(void **state) {
    static const int errors[] = {-EIO, -ENOSPC, -EDQUOT, 0};
    struct campaign_figures figures = {0};
    struct random random = {campaign_seed()};
    uint64_t calls = 0;

    (void)state;
    campaign_run_failing(WORKLOAD_MIX, campaign_seed(), 0, 0, false, &calls, &figures);
    for (int i = 0; i < FAILING_CALLS; i++)
        campaign_run_failing((unsigned)i % WORKLOAD_COUNT, campaign_seed(),
                             1 + random_below(&random, calls), errors[i % 4], i / 4 % 2 == 1, NULL,
                             &figures);
    assert_nothing_failed(&figures);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_crash_leaves_the_state_of_a_batch),
        cmocka_unit_test(every_subset_and_every_tear_is_survived),
        cmocka_unit_test(a_failing_call_confirms_nothing_false),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
