/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4648's own examples, both ways, and what is not base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/base/base64.h"

static const struct {
    const char *octets;
    const char *text;
} examples[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xfe", "//4="},
};

#define EXAMPLE_COUNT (sizeof examples / sizeof examples[0])

static void writes_what_the_rfc_writes(void **state) {
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        struct text text = {0};
        base64_append(&text, slice_from_text(examples[i].octets));
        assert_string_equal(text_chars(&text), examples[i].text);
        text_clear(&text);
    }
}

static void reads_what_it_writes(void **state) {
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        uint8_t octets[BASE64_DECODED_MAX(8)];
        size_t len;
        assert_true(base64_decode(slice_from_text(examples[i].text), octets, &len));
        assert_true(slice_equal(slice_of(octets, len), slice_from_text(examples[i].octets)));
    }
}

static void reads_without_padding(void **state) {
    uint8_t octets[BASE64_DECODED_MAX(3)];
    size_t len;

    (void)state;
    assert_true(base64_decode(SLICE("Zm8"), octets, &len));
    assert_int_equal(len, 2);
}

static void refuses_what_is_not_base64(void **state) {
    uint8_t octets[BASE64_DECODED_MAX(8)];
    size_t len;

    (void)state;
    assert_false(base64_decode(SLICE("Zm9v Zg="), octets, &len));
    assert_false(base64_decode(SLICE("Zm9vZ"), octets, &len));
    assert_false(base64_decode(SLICE("Zg=a"), octets, &len));
    assert_false(base64_decode(SLICE("Z\0Zg"), octets, &len));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_the_rfc_writes),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(reads_without_padding),
        cmocka_unit_test(refuses_what_is_not_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
