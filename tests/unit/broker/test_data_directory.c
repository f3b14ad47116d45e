/* SPDX-License-Identifier: Apache-2.0 */
/* Where data goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/data_directory.h"

/* A directory of its own in *state; no variable is set. */
static int setup(void **state) {
    char name[] = "/tmp/leveret-test-XXXXXX";

    unsetenv("RABBITMQ_MNESIA_DIR");
    unsetenv("RABBITMQ_MNESIA_BASE");
    unsetenv("XDG_STATE_HOME");
    *state = strdup(mkdtemp(name));
    return *state == NULL;
}

static int teardown(void **state) {
    char command[128];

    snprintf(command, sizeof command, "rm -r '%s'", (char *)*state);
    int result = system(command);
    free(*state);
    return result;
}

static const char *below(void **state, const char *rest) {
    static char path[256];

    snprintf(path, sizeof path, "%s%s", (char *)*state, rest);
    return path;
}

static void expect(const char *given, const char *path) {
    struct text found = {0};
    struct text error = {0};

    assert_true(data_directory_find(given, &found, &error));
    assert_string_equal(text_chars(&found), path);
    text_clear(&found);
    text_clear(&error);
}

static void given_directory_wins(void **state) {
    setenv("RABBITMQ_MNESIA_DIR", below(state, "/mnesia"), 1);
    expect(below(state, "/given"), below(state, "/given"));
}

static void mnesia_dir_comes_before_mnesia_base(void **state) {
    setenv("RABBITMQ_MNESIA_BASE", below(state, "/base"), 1);
    expect(NULL, below(state, "/base/leveret"));
    setenv("RABBITMQ_MNESIA_DIR", below(state, "/mnesia"), 1);
    expect(NULL, below(state, "/mnesia"));
}

static void empty_variables_count_as_unset(void **state) {
    setenv("RABBITMQ_MNESIA_DIR", "", 1);
    setenv("RABBITMQ_MNESIA_BASE", below(state, ""), 1);
    expect("", below(state, "/leveret"));
}

static void parents_are_made_and_nothing_else(void **state) {
    struct stat status;

    expect(below(state, "/a/b/c"), below(state, "/a/b/c"));
    assert_int_equal(stat(below(state, "/a/b"), &status), 0);
    assert_int_equal(stat(below(state, "/a/b/c"), &status), -1);
}

static void relative_path_is_taken_as_it_is(void **state) {
    assert_int_equal(chdir(below(state, "")), 0);
    expect("here", "here");
    expect("x/here", "x/here");
    assert_int_equal(access(below(state, "/x"), F_OK), 0);
    assert_int_equal(chdir("/"), 0);
}

static void parent_that_is_a_file_is_told(void **state) {
    struct text found = {0};
    struct text error = {0};
    FILE *file = fopen(below(state, "/file"), "w");

    fclose(file);
    assert_false(data_directory_find(below(state, "/file/a/b"), &found, &error));
    assert_non_null(strstr(text_chars(&error), "/file/a/b"));
    text_clear(&found);
    text_clear(&error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(given_directory_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(mnesia_dir_comes_before_mnesia_base, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_variables_count_as_unset, setup, teardown),
        cmocka_unit_test_setup_teardown(parents_are_made_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(relative_path_is_taken_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(parent_that_is_a_file_is_told, setup, teardown),
    };

    return cmocka_run_group_tests_name("data_directory", tests, NULL, NULL);
}
