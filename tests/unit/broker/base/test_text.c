/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void empty_text_is_an_empty_string(void **state) {
    (void)state;
    struct text text = {0};
    assert_string_equal(text_chars(&text), "");
    assert_int_equal(text_slice(&text).len, 0);
    text_append(&text, SLICE(""));
    assert_string_equal(text_chars(&text), "");
    text_clear(&text);
}

static void text_grows_as_it_is_appended_to(void **state) {
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 1000; i++) {
        text_append(&text, SLICE("ab"));
        text_append_format(&text, "%03d", i);
    }
    assert_int_equal(text.len, 5000);
    assert_int_equal(strlen(text_chars(&text)), 5000);
    assert_memory_equal(text_chars(&text) + 4995, "ab999", 6);
    text_clear(&text);
    assert_int_equal(text.len, 0);
    text_append(&text, SLICE("again"));
    assert_string_equal(text_chars(&text), "again");
    text_clear(&text);
}

static void expect_binary(struct slice bytes, const char *rendering) {
    struct text text = {0};
    text_append_erlang_binary(&text, bytes);
    assert_string_equal(text_chars(&text), rendering);
    text_clear(&text);
}

static void binaries_are_rendered_as_erlang_does(void **state) {
    (void)state;
    expect_binary(SLICE(""), "<<>>");
    expect_binary(SLICE("abc"), "<<\"abc\">>");
    expect_binary(SLICE("a \"b\" \\ c\n"), "<<\"a \\\"b\\\" \\\\ c\\n\">>");
    expect_binary(SLICE("\0\x14\xff"), "<<0,20,255>>");
    expect_binary(SLICE("abc\x01"), "<<97,98,99,1>>");
    expect_binary(SLICE("gr\xc3\xbc\xc3\x9f"), "<<\"gr\xc3\xbc\xc3\x9f\"/utf8>>");
    expect_binary(SLICE("\xe6\x97\xa5"), "<<\"\xe6\x97\xa5\"/utf8>>");
    expect_binary(SLICE("\xc2\x85"), "<<194,133>>");
    expect_binary(SLICE("\x7f"), "<<127>>");
    expect_binary(SLICE("a\xc3"), "<<97,195>>");
}

static void strings_are_quoted_and_escaped(void **state) {
    (void)state;
    struct text text = {0};
    text_append_erlang_string(&text, SLICE("a\"b\\c\td"));
    assert_string_equal(text_chars(&text), "\"a\\\"b\\\\c\\td\"");
    text_clear(&text);
}

static void unprintable_string_is_a_list_of_numbers(void **state) {
    (void)state;
    struct text text = {0};
    text_append_erlang_string(&text, SLICE("\xff\x01"));
    assert_string_equal(text_chars(&text), "[255,1]");
    text_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_text_is_an_empty_string),
        cmocka_unit_test(text_grows_as_it_is_appended_to),
        cmocka_unit_test(binaries_are_rendered_as_erlang_does),
        cmocka_unit_test(strings_are_quoted_and_escaped),
        cmocka_unit_test(unprintable_string_is_a_list_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
