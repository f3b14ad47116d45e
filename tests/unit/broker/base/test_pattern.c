/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static bool matches(const char *expression, const char *subject) {
    struct pattern *pattern = pattern_compile(slice_from_text(expression), NULL);
    assert_non_null(pattern);
    bool result = pattern_matches(pattern, slice_from_text(subject));
    pattern_destroy(pattern);
    return result;
}

static void pattern_is_looked_for_anywhere(void **state) {
    (void)state;
    assert_true(matches("orders", "old-orders-1"));
    assert_false(matches("^orders", "old-orders-1"));
    assert_true(matches("^orders.*$", "orders-1"));
    assert_false(matches("^orders$", "orders-1"));
}

static void syntax_is_pcre(void **state) {
    (void)state;
    assert_true(matches("^(?!amq\\.).+$", "mine"));
    assert_false(matches("^(?!amq\\.).+$", "amq.direct"));
    assert_true(matches("^\\w{3}\\d+$", "abc42"));
}

static void empty_pattern_is_everywhere_and_empty_subject_is_a_subject(void **state) {
    (void)state;
    assert_true(matches("", "anything"));
    assert_true(matches("", ""));
    assert_true(matches(".*", ""));
    assert_true(matches("^$", ""));
    assert_false(matches("^$", "x"));
    assert_false(matches(".+", ""));
}

static void octets_need_not_be_text(void **state) {
    struct pattern *pattern = pattern_compile(SLICE("^a\\x00.b$"), NULL);
    (void)state;
    assert_true(pattern_matches(pattern, SLICE("a\0\xff"
                                               "b")));
    pattern_destroy(pattern);
}

static void what_does_not_compile_is_refused_and_explained(void **state) {
    struct text error = {0};
    (void)state;
    assert_null(pattern_compile(SLICE("(unclosed"), &error));
    assert_non_null(strstr(text_chars(&error), "offset 9"));
    text_clear(&error);
    assert_null(pattern_compile(SLICE("*"), NULL));
}

static void length_is_limited(void **state) {
    char expression[PATTERN_LENGTH_MAX + 1];
    struct text error = {0};
    (void)state;
    memset(expression, 'a', sizeof expression);
    struct pattern *longest = pattern_compile(slice_of(expression, PATTERN_LENGTH_MAX), NULL);
    assert_non_null(longest);
    pattern_destroy(longest);
    assert_null(pattern_compile(slice_of(expression, sizeof expression), &error));
    assert_string_equal(text_chars(&error), "longer than 1024 octets");
    text_clear(&error);
}

/* Without a limit this takes 2^n steps. */
static void a_pattern_that_explodes_is_no_match(void **state) {
    char subject[60];
    struct pattern *pattern = pattern_compile(SLICE("^(a+)+$"), NULL);
    (void)state;
    memset(subject, 'a', sizeof subject);
    assert_true(pattern_matches(pattern, slice_of(subject, sizeof subject)));
    subject[sizeof subject - 1] = 'b';
    assert_false(pattern_matches(pattern, slice_of(subject, sizeof subject)));
    pattern_destroy(pattern);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pattern_is_looked_for_anywhere),
        cmocka_unit_test(syntax_is_pcre),
        cmocka_unit_test(empty_pattern_is_everywhere_and_empty_subject_is_a_subject),
        cmocka_unit_test(octets_need_not_be_text),
        cmocka_unit_test(what_does_not_compile_is_refused_and_explained),
        cmocka_unit_test(length_is_limited),
        cmocka_unit_test(a_pattern_that_explodes_is_no_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
