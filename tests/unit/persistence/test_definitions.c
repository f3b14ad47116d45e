/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions: the last payload under a kind and key, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "persistence/definitions.h"

struct text {
    char octets[256];
};

static void append(void *context, uint8_t kind, struct slice key, struct slice payload) {
    struct text *text = context;
    size_t len = strlen(text->octets);

    snprintf(text->octets + len, sizeof text->octets - len, "%u%.*s=%.*s ", kind, SLICE_ARG(key),
             SLICE_ARG(payload));
}

static void assert_holds(const struct definitions *definitions, const char *expected) {
    struct text text = {""};

    definitions_each(definitions, append, &text);
    assert_string_equal(text.octets, expected);
}

static void they_are_ordered_by_kind_and_key(void **state) {
    struct definitions definitions = {0};

    (void)state;
    definitions_put(&definitions, 2, SLICE("a"), SLICE("1"));
    definitions_put(&definitions, 1, SLICE("b"), SLICE("2"));
    definitions_put(&definitions, 1, SLICE("a"), SLICE("3"));
    definitions_put(&definitions, 1, SLICE(""), SLICE(""));
    assert_holds(&definitions, "1= 1a=3 1b=2 2a=1 ");
    assert_int_equal(definitions.count, 4);
    definitions_clear(&definitions);
}

static void the_last_payload_counts(void **state) {
    struct definitions definitions = {0};

    (void)state;
    definitions_put(&definitions, 1, SLICE("a"), SLICE("old"));
    definitions_put(&definitions, 1, SLICE("a"), SLICE("new and longer"));
    assert_holds(&definitions, "1a=new and longer ");
    assert_int_equal(definitions.count, 1);
    definitions_clear(&definitions);
}

static void deleting_leaves_the_others(void **state) {
    struct definitions definitions = {0};

    (void)state;
    definitions_put(&definitions, 1, SLICE("a"), SLICE("1"));
    definitions_put(&definitions, 1, SLICE("b"), SLICE("2"));
    definitions_delete(&definitions, 1, SLICE("a"));
    definitions_delete(&definitions, 1, SLICE("nothing"));
    assert_holds(&definitions, "1b=2 ");
    assert_int_equal(definitions.count, 1);
    definitions_clear(&definitions);
    assert_holds(&definitions, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_ordered_by_kind_and_key),
        cmocka_unit_test(the_last_payload_counts),
        cmocka_unit_test(deleting_leaves_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
