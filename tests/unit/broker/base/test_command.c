/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void a_command_is_found_by_one_word_or_two(void **state) {
    const char *one[] = {"alarms", "x"};
    const char *two[] = {"tls", "init", "directory"};
    const char *none[] = {"tls"};
    size_t used = 0;
    (void)state;
    assert_int_equal(command_find(one, 2, &used), COMMAND_alarms);
    assert_int_equal(used, 1);
    assert_int_equal(command_find(two, 3, &used), COMMAND_tls_init);
    assert_int_equal(used, 2);
    assert_int_equal(command_find(none, 1, &used), COMMAND_COUNT);
    assert_int_equal(command_find(none, 0, &used), COMMAND_COUNT);
}

static void a_slip_of_the_fingers_finds_its_neighbour(void **state) {
    (void)state;
    assert_string_equal(command_nearest("relaod")->name, "reload");
    assert_string_equal(command_nearest("tls int")->name, "tls init");
    assert_null(command_nearest("something else altogether"));
}

static void options_are_read_off_the_usage(void **state) {
    const struct command command = {.usage = "NAME [--force] [--vhost V] [OTHER...]"};
    bool takes_value = true;
    (void)state;
    assert_true(command_has_option(&command, "force", &takes_value));
    assert_false(takes_value);
    assert_true(command_has_option(&command, "vhost", &takes_value));
    assert_true(takes_value);
    assert_false(command_has_option(&command, "vhos", &takes_value));
    assert_false(command_has_option(&command, "NAME", &takes_value));
    assert_false(command_has_option(&command, "", &takes_value));
}

static void expect_bounds(const char *usage, size_t minimum, size_t maximum) {
    const struct command command = {.usage = usage};
    size_t got_minimum = 99, got_maximum = 99;
    command_argument_bounds(&command, &got_minimum, &got_maximum);
    assert_int_equal(got_minimum, minimum);
    assert_int_equal(got_maximum, maximum);
}

static void bounds_are_read_off_the_usage(void **state) {
    (void)state;
    expect_bounds("", 0, 0);
    expect_bounds("NAME", 1, 1);
    expect_bounds("NAME [OTHER] [--force] [--vhost V]", 1, 2);
    expect_bounds("NAME...", 1, SIZE_MAX);
    expect_bounds("[--vhost V] [COLUMN...]", 0, SIZE_MAX);
}

/* What the usage language cannot say must not be in the table. */
static void every_row_is_complete(void **state) {
    (void)state;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        assert_true(strlen(commands[i].name) > 0 && strlen(commands[i].name) < 64);
        assert_true(strlen(commands[i].help) > 0);
        assert_true(strlen(commands[i].group) > 0);
        assert_non_null(commands[i].details);
        assert_null(strstr(commands[i].usage, "  "));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(commands[i].name, commands[j].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_found_by_one_word_or_two),
        cmocka_unit_test(a_slip_of_the_fingers_finds_its_neighbour),
        cmocka_unit_test(options_are_read_off_the_usage),
        cmocka_unit_test(bounds_are_read_off_the_usage),
        cmocka_unit_test(every_row_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
