/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records that lifetimes, limits, dead letters, priorities, delays and histories make, under
 * crashes and failing calls: nothing that was confirmed is lost, nothing is there twice.
 */
#include <errno.h>
#include <stdio.h>

#include "tests/journal/broker_campaign.h"
#include "tests/journal/campaign_case.h"

enum { STATES = 3000, FAILING_CALLS = 200 };

static void every_crash_leaves_each_message_in_one_place(void **state) {
    struct campaign_figures figures = {0};

    (void)state;
    for (uint64_t run = 0; figures.states < STATES && figures.failed == 0; run++)
        broker_campaign_run((unsigned)(run % BROKER_WORKLOADS), campaign_seed() + run, 0, &figures);
    assert_nothing_failed(&figures);
    assert_true(figures.runs >= BROKER_WORKLOADS);
}

static void a_failing_call_loses_and_doubles_nothing(void **state) {
    static const int errors[] = {-EIO, -ENOSPC, 0};
    struct campaign_figures figures = {0};
    struct random random = {campaign_seed()};
    uint64_t calls = 0;

    (void)state;
    broker_campaign_run_failing(BROKER_MIX, campaign_seed(), 0, 0, false, &calls, &figures);
    for (int i = 0; i < FAILING_CALLS; i++)
        broker_campaign_run_failing((unsigned)i % BROKER_WORKLOADS, campaign_seed(),
                                    1 + random_below(&random, calls), errors[i % 3], i % 2 == 1,
                                    NULL, &figures);
    assert_nothing_failed(&figures);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_crash_leaves_each_message_in_one_place),
        cmocka_unit_test(a_failing_call_loses_and_doubles_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
