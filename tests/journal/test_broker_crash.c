/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records that lifetimes, limits, dead letters, priorities, delays and histories make, under
 * crashes and failing calls: nothing that was confirmed is lost, nothing is there twice.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/journal/broker_campaign.h"

enum { STATES = 3000, FAILING_CALLS = 200 };

static uint64_t seed(void) {
    const char *given = getenv("LEVERET_SEED");

    return given == NULL ? 20261121 : strtoull(given, NULL, 10);
}

static void check(const struct campaign_figures *figures) {
    if (figures->failed > 0)
        fail_msg("%s", figures->first_failure);
}

static void every_crash_leaves_each_message_in_one_place(void **state) {
    struct campaign_figures figures = {0};

    (void)state;
    for (uint64_t run = 0; figures.states < STATES && figures.failed == 0; run++)
        broker_campaign_run((unsigned)(run % BROKER_WORKLOADS), seed() + run, 0, &figures);
    check(&figures);
    assert_true(figures.runs >= BROKER_WORKLOADS);
}

static void a_failing_call_loses_and_doubles_nothing(void **state) {
    static const int errors[] = {-EIO, -ENOSPC, 0};
    struct campaign_figures figures = {0};
    struct random random = {seed()};
    uint64_t calls = 0;

    (void)state;
    broker_campaign_run_failing(BROKER_MIX, seed(), 0, 0, false, &calls, &figures);
    for (int i = 0; i < FAILING_CALLS; i++)
        broker_campaign_run_failing((unsigned)i % BROKER_WORKLOADS, seed(),
                                    1 + random_below(&random, calls), errors[i % 3], i % 2 == 1,
                                    NULL, &figures);
    check(&figures);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_crash_leaves_each_message_in_one_place),
        cmocka_unit_test(a_failing_call_loses_and_doubles_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
