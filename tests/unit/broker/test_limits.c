/* SPDX-License-Identifier: Apache-2.0 */
/* The table of limits against the configuration and the protocol it speaks of. */
#include "broker/entities/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/config.h"

static void names_are_unique_and_fit_a_metric(void **state) {
    (void)state;
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        const char *name = limit_rows[i].name;
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        assert_true(strlen(limit_rows[i].what) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, limit_rows[j].name);
    }
}

static void keys_and_defaults_are_the_configurations(void **state) {
    struct text description = {0};
    char line[256];

    (void)state;
    config_describe(&description);
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        if (limit_rows[i].key[0] == '\0')
            continue;
        snprintf(line, sizeof line, "  %s = %s", limit_rows[i].key, limit_rows[i].initially);
        const char *found = strstr(text_chars(&description), line);
        if (found == NULL || strchr(" \n", found[strlen(line)]) == NULL)
            fail_msg("not in the configuration: %s", line);
    }
    text_clear(&description);
}

static void reply_codes_are_the_protocols(void **state) {
    (void)state;
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        if (limit_rows[i].reply_code != 0)
            assert_string_not_equal(amqp_reply_code_name(limit_rows[i].reply_code), "UNKNOWN");
    }
}

/* What is said in words is what is compiled. */
static void constants_are_as_the_table_says(void **state) {
    char text[64];

    (void)state;
    snprintf(text, sizeof text, "%d levels, %d entries", AMQP_TABLE_DEPTH_MAX,
             AMQP_TABLE_ENTRIES_MAX);
    assert_string_equal(limit_rows[LIMIT_TABLE].initially, text);
    snprintf(text, sizeof text, "%dMiB", AMQP_BODY_SIZE_MAX / 1024 / 1024);
    assert_string_equal(limit_rows[LIMIT_BODY_SIZE].initially, text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_fit_a_metric),
        cmocka_unit_test(keys_and_defaults_are_the_configurations),
        cmocka_unit_test(reply_codes_are_the_protocols),
        cmocka_unit_test(constants_are_as_the_table_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
