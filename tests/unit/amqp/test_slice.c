/* SPDX-License-Identifier: Apache-2.0 */

/* Slices: comparing, prefixes, and what is UTF-8. */
#include "tests/unit/amqp/support.h"

#include <stdio.h>

static void equality_is_of_octets_and_length(void **state) {
    (void)state;
    assert_true(slice_equal(SLICE("abc"), slice_of("abcd", 3)));
    assert_false(slice_equal(SLICE("abc"), SLICE("abd")));
    assert_false(slice_equal(SLICE("abc"), SLICE("ab")));
    assert_true(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
    assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
}

static void empty_slices_are_equal_wherever_they_point(void **state) {
    (void)state;
    assert_true(slice_equal(SLICE(""), (struct slice){NULL, 0}));
    assert_true(slice_is_empty(slice_from_text(NULL)));
    assert_true(slice_is_empty(slice_from_text("")));
    assert_false(slice_is_empty(slice_from_text("x")));
}

static void order_is_of_octets_then_of_length(void **state) {
    (void)state;
    assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
    assert_true(slice_compare(SLICE("b"), SLICE("a")) > 0);
    assert_true(slice_compare(SLICE("ab"), SLICE("b")) < 0);
    assert_true(slice_compare(SLICE("a"), SLICE("ab")) < 0);
    assert_true(slice_compare(SLICE("ab"), SLICE("a")) > 0);
    assert_true(slice_compare(SLICE("\x7f"), SLICE("\x80")) < 0);
    assert_int_equal(slice_compare(SLICE("ab"), SLICE("ab")), 0);
    assert_int_equal(slice_compare(SLICE(""), (struct slice){NULL, 0}), 0);
}

static void prefixes_are_found(void **state) {
    (void)state;
    assert_true(slice_has_prefix(SLICE("amq.direct"), SLICE("amq.")));
    assert_true(slice_has_prefix(SLICE("amq."), SLICE("amq.")));
    assert_true(slice_has_prefix(SLICE("x"), SLICE("")));
    assert_false(slice_has_prefix(SLICE("amq"), SLICE("amq.")));
    assert_false(slice_has_prefix(SLICE("xamq."), SLICE("amq.")));
}

static void slices_print(void **state) {
    char text[16];

    (void)state;
    snprintf(text, sizeof text, "'" SLICE_FMT "'", SLICE_ARG(slice_of("queue", 3)));
    assert_string_equal(text, "'que'");
}

/* Every text at every distance from the start, so that it crosses the steps of eight octets. */
static void assert_utf8(struct slice text, bool expected) {
    uint8_t padded[32];

    for (size_t before = 0; before <= 17; before++) {
        memset(padded, 'a', sizeof padded);
        memcpy(padded + before, text.data, text.len);
        for (size_t after = 0; after <= 9 && before + text.len + after <= sizeof padded; after++) {
            struct slice s = exact_copy(slice_of(padded, sizeof padded), before + text.len + after);

            assert_int_equal(slice_is_utf8(s), expected);
            assert_int_equal(slice_is_utf8_by_character(s), expected);
            exact_free(s);
        }
    }
}

static void well_formed_utf8_is_accepted(void **state) {
    (void)state;
    assert_true(slice_is_utf8((struct slice){NULL, 0}));
    assert_utf8(SLICE("plain"), true);
    assert_utf8(SLICE("\x00\x7f"), true);
    assert_utf8(SLICE("\xc2\x80"), true);
    assert_utf8(SLICE("\xdf\xbf"), true);
    assert_utf8(SLICE("\xe0\xa0\x80"), true);
    assert_utf8(SLICE("\xed\x9f\xbf"), true);
    assert_utf8(SLICE("\xee\x80\x80"), true);
    assert_utf8(SLICE("\xef\xbf\xbf"), true);
    assert_utf8(SLICE("\xf0\x90\x80\x80"), true);
    assert_utf8(SLICE("\xf4\x8f\xbf\xbf"), true);
}

static void malformed_utf8_is_refused(void **state) {
    (void)state;
    assert_utf8(SLICE("\x80"), false);             /* continuation without a lead */
    assert_utf8(SLICE("\xc3"), false);             /* lead without continuation */
    assert_utf8(SLICE("\xc0\x80"), false);         /* overlong */
    assert_utf8(SLICE("\xc1\xbf"), false);         /* overlong */
    assert_utf8(SLICE("\xe0\x9f\xbf"), false);     /* overlong */
    assert_utf8(SLICE("\xf0\x8f\xbf\xbf"), false); /* overlong */
    assert_utf8(SLICE("\xed\xa0\x80"), false);     /* surrogate */
    assert_utf8(SLICE("\xed\xbf\xbf"), false);     /* surrogate */
    assert_utf8(SLICE("\xf4\x90\x80\x80"), false); /* above U+10FFFF */
    assert_utf8(SLICE("\xf5\x80\x80\x80"), false);
    assert_utf8(SLICE("\xe2\x82"), false);
    assert_utf8(SLICE("\xe2\x28\xa1"), false);
    assert_utf8(SLICE("\xf0\x9f\x98"), false);
    assert_utf8(SLICE("\xf0\x9f\x98\x28"), false);
    assert_utf8(SLICE("\xff"), false);
    assert_utf8(SLICE("\xfe"), false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_is_of_octets_and_length),
        cmocka_unit_test(empty_slices_are_equal_wherever_they_point),
        cmocka_unit_test(order_is_of_octets_then_of_length),
        cmocka_unit_test(prefixes_are_found),
        cmocka_unit_test(slices_print),
        cmocka_unit_test(well_formed_utf8_is_accepted),
        cmocka_unit_test(malformed_utf8_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
