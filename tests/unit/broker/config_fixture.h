/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration with the defaults, and what went wrong with it. */
#ifndef TESTS_UNIT_BROKER_CONFIG_FIXTURE_H
#define TESTS_UNIT_BROKER_CONFIG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/config.h"

struct fixture {
    struct config config;
    struct text error;
};

static inline int set_up(void **state) {
    static struct fixture fixture;
    config_init(&fixture.config);
    *state = &fixture;
    return 0;
}

static inline int tear_down(void **state) {
    struct fixture *fixture = *state;
    config_clear(&fixture->config);
    text_clear(&fixture->error);
    return 0;
}

#endif
