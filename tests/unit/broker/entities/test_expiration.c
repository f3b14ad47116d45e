/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/expiration.h"

/* Both functions agree on what is a time, and this is it. */
static void assert_time(const char *text, int64_t ms) {
    struct text error = {0};

    assert_true(expiration_is_valid(slice_from_text(text), &error));
    assert_int_equal(expiration_ms(slice_from_text(text)), ms);
    assert_int_equal(error.len, 0);
}

static void assert_no_time(const char *text, const char *reason) {
    struct text error = {0};

    assert_false(expiration_is_valid(slice_from_text(text), &error));
    assert_string_equal(text_chars(&error), reason);
    assert_int_equal(expiration_ms(slice_from_text(text)), -1);
    text_clear(&error);
}

static void digits_are_milliseconds(void **state) {
    (void)state;
    assert_time("0", 0);
    assert_time("-0", 0);
    assert_time("5000", 5000);
    assert_time("+5000", 5000);
    assert_time("0000000000000000000000000012", 12);
    assert_time("315360000000", 315360000000);
}

static void anything_else_has_its_reason(void **state) {
    (void)state;
    assert_no_time("", "no_integer");
    assert_no_time("abc", "no_integer");
    assert_no_time("+", "no_integer");
    assert_no_time("10x", "{leftover_string,\"x\"}");
    assert_no_time("-1", "{value_negative,-1}");
    assert_no_time("315360000001", "{value_too_large,315360000001}");
    assert_no_time("99999999999999999999999999", "{value_too_large,99999999999999999999999999}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_milliseconds),
        cmocka_unit_test(anything_else_has_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
