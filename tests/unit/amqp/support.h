/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the tests of amqp/ share: cmocka with its prerequisites, and copies of octets in memory of
 * exactly their size, so that a read past the end is seen by AddressSanitizer.
 */
#ifndef TESTS_UNIT_AMQP_SUPPORT_H
#define TESTS_UNIT_AMQP_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "amqp/slice.h"

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* A copy of the first `len` octets of `s`; exact_free() frees it. */
static inline struct slice exact_copy(struct slice s, size_t len) {
    uint8_t *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    assert_true(len <= s.len);
    if (len > 0)
        memcpy(copy, s.data, len);
    return slice_of(copy, len);
}

static inline void exact_free(struct slice copy) {
    free((void *)(uintptr_t)copy.data);
}

static inline void assert_slice_equal(struct slice actual, struct slice expected) {
    assert_int_equal(actual.len, expected.len);
    if (expected.len > 0)
        assert_memory_equal(actual.data, expected.data, expected.len);
}

#endif
