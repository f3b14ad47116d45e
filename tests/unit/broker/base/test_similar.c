/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/similar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static size_t distance(const char *a, const char *b) {
    return similar_distance(slice_from_text(a), slice_from_text(b));
}

static void counts_insertions_removals_and_replacements(void **state) {
    (void)state;
    assert_int_equal(distance("", ""), 0);
    assert_int_equal(distance("reload", "reload"), 0);
    assert_int_equal(distance("reload", "reloat"), 1);
    assert_int_equal(distance("reload", "relod"), 1);
    assert_int_equal(distance("reload", "rreload"), 1);
    assert_int_equal(distance("", "alarms"), 6);
    assert_int_equal(distance("kitten", "sitting"), 3);
}

static void looks_at_no_more_than_its_table_holds(void **state) {
    char a[1000], b[1000];
    (void)state;
    memset(a, 'a', sizeof a);
    memset(b, 'a', sizeof b);
    b[SIMILAR_LENGTH_MAX] = 'b';
    assert_int_equal(similar_distance(slice_of(a, sizeof a), slice_of(b, sizeof b)), 0);
    b[SIMILAR_LENGTH_MAX - 1] = 'b';
    assert_int_equal(similar_distance(slice_of(a, sizeof a), slice_of(b, sizeof b)), 1);
}

static bool suggested(const char *a, const char *b) {
    return similar_enough(slice_from_text(a), slice_from_text(b), distance(a, b));
}

static void only_what_is_close_is_suggested(void **state) {
    (void)state;
    assert_true(suggested("relaod", "reload"));
    assert_true(suggested("ab", "ac"));
    assert_false(suggested("status", "reload"));
    assert_false(suggested("tls", "list_queues"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_insertions_removals_and_replacements),
        cmocka_unit_test(looks_at_no_more_than_its_table_holds),
        cmocka_unit_test(only_what_is_close_is_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
