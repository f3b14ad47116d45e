/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases that run campaigns share: where they begin, and how they fail. */
#ifndef LEVERET_TESTS_CAMPAIGN_CASE_H
#define LEVERET_TESTS_CAMPAIGN_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/journal/campaign.h"

/* The same in every run, unless the environment has another. */
static inline uint64_t campaign_seed(void) {
    const char *given = getenv("LEVERET_SEED");

    return given == NULL ? 20261121 : strtoull(given, NULL, 10);
}

static inline void assert_nothing_failed(const struct campaign_figures *figures) {
    if (figures->failed > 0)
        fail_msg("%s", figures->first_failure);
}

#endif
