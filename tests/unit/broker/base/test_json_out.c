/* SPDX-License-Identifier: Apache-2.0 */
/* What json_out writes, octet by octet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/base/json_out.h"

static void commas_come_by_themselves(void **state) {
    struct text text = {0};
    struct json_out out = {.text = &text};

    (void)state;
    json_out_begin_array(&out);
    json_out_begin_object(&out);
    json_out_put_integer(&out, "a", -1);
    json_out_put_bool(&out, "b", true);
    json_out_key(&out, "c");
    json_out_begin_array(&out);
    json_out_end_array(&out);
    json_out_end_object(&out);
    json_out_null(&out);
    json_out_unsigned(&out, UINT64_MAX);
    json_out_end_array(&out);
    assert_string_equal(text_chars(&text),
                        "[{\"a\":-1,\"b\":true,\"c\":[]},null,18446744073709551615]");
    text_clear(&text);
}

static void assert_text(struct slice octets, const char *expected) {
    struct text text = {0};
    struct json_out out = {.text = &text};

    json_out_text(&out, octets);
    assert_string_equal(text_chars(&text), expected);
    text_clear(&text);
}

static void texts_are_escaped(void **state) {
    (void)state;
    assert_text(SLICE("a\"b\\c/"), "\"a\\\"b\\\\c/\"");
    assert_text(SLICE("\n\r\t\b\f"), "\"\\n\\r\\t\\b\\f\"");
    assert_text(SLICE("\0\x1f\x7f"), "\"\\u0000\\u001f\\u007f\"");
    assert_text(SLICE("h\xc3\xa4se \xf0\x9f\x90\x87"), "\"h\xc3\xa4se \xf0\x9f\x90\x87\"");
    assert_text(SLICE("\xff\xc3"), "\"\\ufffd\\ufffd\"");
}

static void assert_double(double value, const char *expected) {
    struct text text = {0};
    struct json_out out = {.text = &text};

    json_out_double(&out, value);
    assert_string_equal(text_chars(&text), expected);
    text_clear(&text);
}

static void doubles_read_back(void **state) {
    (void)state;
    assert_double(0, "0.0");
    assert_double(0.1, "0.1");
    assert_double(1.0 / 3, "0.3333333333333333");
    assert_double(1e300, "1e+300");
    assert_double(1.0 / 0.0, "null");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_come_by_themselves),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(doubles_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
