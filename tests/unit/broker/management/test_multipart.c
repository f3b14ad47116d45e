/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of forms, whole, cut at every octet, and wrong. */
#include "broker/management/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TYPE "multipart/form-data; boundary=xx"
#define FORM                                                            \
    "--xx\r\nContent-Disposition: form-data; name=\"auth\"\r\n\r\n"     \
    "secret\r\n"                                                        \
    "--xx\r\nContent-Type: application/json\r\n"                        \
    "content-disposition: form-data; name=\"file\"; filename=\"d\"\r\n" \
    "\r\n{\r\n--x}\r\n--xx--\r\n"

/* "-" when it is not there. */
static const char *found(const char *type, struct slice body, const char *name) {
    static char text[64];
    struct slice part;

    if (!multipart_find(type, body, name, &part))
        return "-";
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(part));
    return text;
}

static void a_part_is_found_by_its_name(void **state) {
    (void)state;
    assert_string_equal(found(TYPE, SLICE(FORM), "file"), "{\r\n--x}");
    assert_string_equal(found(TYPE, SLICE(FORM), "auth"), "secret");
    assert_string_equal(found(TYPE, SLICE("preamble\r\n" FORM), "auth"), "secret");
    assert_string_equal(found("multipart/form-data; boundary=\"xx\"", SLICE(FORM), "auth"),
                        "secret");
    assert_string_equal(
        found("Multipart/Form-Data;charset=utf-8;BOUNDARY=xx;x=y", SLICE(FORM), "auth"), "secret");
}

static void what_is_not_there_is_not_found(void **state) {
    (void)state;
    assert_string_equal(found(TYPE, SLICE(FORM), "fil"), "-");
    assert_string_equal(found(TYPE, SLICE(FORM), "d"), "-");
    assert_string_equal(found(TYPE, SLICE(""), "file"), "-");
    assert_string_equal(found("multipart/form-data", SLICE(FORM), "file"), "-");
    assert_string_equal(found("multipart/form-data; boundary=yy", SLICE(FORM), "file"), "-");
    assert_string_equal(found("multipart/form-data; boundary=", SLICE(FORM), "file"), "-");
    assert_string_equal(found(TYPE, SLICE("--xx\r\n\r\nx\r\n--xx--"), "file"), "-");
}

static void a_boundary_has_at_most_70_octets(void **state) {
    char type[256], body[256], boundary[72];

    (void)state;
    for (int len = 69; len <= 71; len++) {
        memset(boundary, 'b', sizeof boundary);
        boundary[len] = '\0';
        snprintf(type, sizeof type, "multipart/form-data; boundary=%s", boundary);
        int size = snprintf(body, sizeof body,
                            "--%s\r\ncontent-disposition: form-data; name=\"f\"\r\n\r\nx\r\n--%s",
                            boundary, boundary);
        assert_string_equal(found(type, slice_of(body, (size_t)size), "f"), len <= 70 ? "x" : "-");
    }
}

/* Each in memory of its own, so that a sanitizer sees who reads beyond. */
static void cut_bodies_have_no_part_before_their_delimiter_is_whole(void **state) {
    const struct slice whole = SLICE(FORM);
    const size_t enough = whole.len - strlen("--\r\n");

    (void)state;
    for (size_t len = 0; len <= whole.len; len++) {
        uint8_t *octets = malloc(len + (len == 0));
        memcpy(octets, whole.data, len);
        const bool is_there = strcmp(found(TYPE, slice_of(octets, len), "file"), "-") != 0;
        assert_int_equal(is_there, len >= enough);
        free(octets);
    }
}

static void the_type_is_known_by_its_name(void **state) {
    (void)state;
    assert_true(multipart_is_type(TYPE));
    assert_false(multipart_is_type("application/json"));
    assert_false(multipart_is_type(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_found_by_its_name),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(a_boundary_has_at_most_70_octets),
        cmocka_unit_test(cut_bodies_have_no_part_before_their_delimiter_is_whole),
        cmocka_unit_test(the_type_is_known_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
