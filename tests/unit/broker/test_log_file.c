/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/log_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW_S 1700000000 /* Tuesday, 2023-11-14 22:13:20 UTC */

struct fixture {
    struct log_file file;
    char folder[64];
    char path[128];
};

static int set_up(void **state) {
    static struct fixture fixture;
    fixture = (struct fixture){.file.fd = -1};
    strcpy(fixture.folder, "/tmp/leveret-test-log-XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    snprintf(fixture.path, sizeof fixture.path, "%s/new/leveret.log", fixture.folder);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    char command[96];
    log_file_close(&fixture->file);
    snprintf(command, sizeof command, "rm -r %s", fixture->folder);
    return system(command);
}

static void open_file(struct fixture *fixture, uint64_t size_max, unsigned keep_count,
                      const char *date) {
    assert_int_equal(
        log_file_open(&fixture->file, fixture->path, size_max, keep_count, date, NOW_S), 0);
}

static void append(struct fixture *fixture, const char *line, int64_t now_s) {
    log_file_append(&fixture->file, line, strlen(line));
    log_file_flush(&fixture->file, now_s);
}

/* `ending` is "" or ".0" and so on; NULL: there is no such file. */
static void expect_content(struct fixture *fixture, const char *ending, const char *content) {
    char path[160], found[256] = "";
    snprintf(path, sizeof path, "%s%s", fixture->path, ending);
    FILE *file = fopen(path, "r");
    if (content == NULL) {
        assert_null(file);
        return;
    }
    assert_non_null(file);
    found[fread(found, 1, sizeof found - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, content);
}

static void lines_are_appended_to_what_is_there(void **state) {
    struct fixture *fixture = *state;
    open_file(fixture, 0, 5, "");
    append(fixture, "one\n", NOW_S);
    log_file_close(&fixture->file);
    open_file(fixture, 0, 5, "");
    append(fixture, "two\n", NOW_S);
    expect_content(fixture, "", "one\ntwo\n");
}

static void a_full_file_is_put_away(void **state) {
    struct fixture *fixture = *state;
    open_file(fixture, 8, 2, "");
    append(fixture, "one\n", NOW_S);
    append(fixture, "two\n", NOW_S);
    expect_content(fixture, ".0", NULL);
    append(fixture, "three\n", NOW_S);
    expect_content(fixture, "", "three\n");
    expect_content(fixture, ".0", "one\ntwo\n");
    append(fixture, "four\n", NOW_S);
    append(fixture, "five\n", NOW_S);
    expect_content(fixture, "", "five\n");
    expect_content(fixture, ".0", "four\n");
    expect_content(fixture, ".1", "three\n");
    expect_content(fixture, ".2", NULL);
}

static void a_file_is_put_away_when_its_time_has_come(void **state) {
    struct fixture *fixture = *state;
    open_file(fixture, 0, 2, "$D0");
    append(fixture, "one\n", NOW_S);
    append(fixture, "two\n", NOW_S + 7200);
    expect_content(fixture, "", "two\n");
    expect_content(fixture, ".0", "one\n");
    append(fixture, "three\n", NOW_S + 7300);
    expect_content(fixture, "", "two\nthree\n");
}

static void a_file_that_was_moved_away_is_begun_anew(void **state) {
    struct fixture *fixture = *state;
    char moved[160];
    open_file(fixture, 0, 0, "");
    append(fixture, "one\n", NOW_S);
    snprintf(moved, sizeof moved, "%s.1", fixture->path);
    assert_int_equal(rename(fixture->path, moved), 0);
    assert_int_equal(log_file_rotate(&fixture->file, NOW_S), 0);
    append(fixture, "two\n", NOW_S);
    expect_content(fixture, "", "two\n");
    expect_content(fixture, ".1", "one\n");
    expect_content(fixture, ".0", NULL);
}

static void a_place_that_cannot_be_written_is_told(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(log_file_open(&fixture->file, "/proc/none/leveret.log", 0, 0, "", NOW_S),
                     -ENOENT);
    assert_int_equal(fixture->file.fd, -1);
}

static void expect_next(const char *date, int64_t next_s) {
    int64_t found_s;
    assert_true(log_file_next_date(date, NOW_S, &found_s));
    assert_int_equal(found_s, next_s);
}

static void dates_are_rabbitmqs(void **state) {
    int64_t next_s;
    (void)state;
    expect_next("$D0", 1700006400);   /* the 15th */
    expect_next("$D23", 1700002800);  /* today at 23 */
    expect_next("$D22", 1700085600);  /* tomorrow at 22 */
    expect_next("$W2D0", 1700524800); /* Tuesday the 21st */
    expect_next("$W5D16", 1700236800);
    expect_next("$M1D6", 1701410400);  /* the 1st of December */
    expect_next("$M31D0", 1701302400); /* November has none: the 30th */
    expect_next("$H", 1700002800);
    const char *wrong[] = {"", "D0", "$", "$D24", "$W7", "$M0", "$M32", "$D0x", "$X1", "$H1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(log_file_next_date(wrong[i], NOW_S, &next_s));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lines_are_appended_to_what_is_there),
        TEST(a_full_file_is_put_away),
        TEST(a_file_is_put_away_when_its_time_has_come),
        TEST(a_file_that_was_moved_away_is_begun_anew),
        TEST(a_place_that_cannot_be_written_is_told),
        cmocka_unit_test(dates_are_rabbitmqs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
