/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct capture {
    int lines;
    enum log_level level;
    char message[LOG_LINE_MAX + 1];
};

static void keep_line(void *context, enum log_category category, enum log_level level,
                      const char *message) {
    (void)category;
    struct capture *capture = context;
    capture->lines++;
    capture->level = level;
    strncpy(capture->message, message, LOG_LINE_MAX);
}

static void lines_below_the_level_are_not_made(void **state) {
    (void)state;
    struct capture capture = {0};
    struct log log = {.level = LOG_WARNING, .sink = keep_line, .context = &capture};
    log_info(&log, "quiet");
    assert_int_equal(capture.lines, 0);
    log_error(&log, "code %d", 541);
    assert_int_equal(capture.lines, 1);
    assert_int_equal(capture.level, LOG_ERROR);
    assert_string_equal(capture.message, "code 541");
    log.level = LOG_NONE;
    log_write(&log, LOG_CRITICAL, "silence");
    log.level = LOG_DEBUG;
    log.sink = NULL;
    log_error(&log, "nobody listens");
    assert_int_equal(capture.lines, 1);
}

static void a_name_cannot_forge_a_line(void **state) {
    (void)state;
    struct capture capture = {0};
    struct log log = {.sink = keep_line, .context = &capture};
    log_info(&log, "queue '%s'", "a\n2026 [info] b\x1b[0m\x7f");
    assert_string_equal(capture.message, "queue 'a\\x0A2026 [info] b\\x1B[0m\\x7F'");
    log_info(&log, "%s", "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x90\x87");
    assert_string_equal(capture.message, "gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x90\x87");
    log_info(&log, "%s", "\xff\xc3(\xc2\x85\xe6\x97");
    assert_string_equal(capture.message, "\\xFF\\xC3(\\xC2\\x85\\xE6\\x97");
}

static void a_long_message_is_cut(void **state) {
    (void)state;
    struct capture capture = {0};
    struct log log = {.sink = keep_line, .context = &capture};
    char name[3 * LOG_LINE_MAX];
    memset(name, '\n', sizeof name);
    name[sizeof name - 1] = '\0';
    log_info(&log, "%s", name);
    assert_true(strlen(capture.message) < LOG_LINE_MAX);
    assert_true(strlen(capture.message) >= LOG_LINE_MAX - 5);
}

static void levels_have_rabbitmqs_names(void **state) {
    (void)state;
    enum log_level level = LOG_NONE;
    for (enum log_level each = LOG_DEBUG; each <= LOG_NONE; each++) {
        assert_true(log_level_from_name(slice_from_text(log_level_name(each)), &level));
        assert_int_equal(level, each);
    }
    assert_false(log_level_from_name(SLICE("verbose"), &level));
    assert_int_equal(level, LOG_NONE);
}

static void a_line_looks_like_rabbitmqs(void **state) {
    (void)state;
    const char expected[] =
        "2026-11-20 22:30:01.023456+00:00 [info] <0.9.0> started TCP listener on [::]:5672\n";
    char line[LOG_LINE_MAX];
    size_t len = log_format_line(line, sizeof line, INT64_C(1795213801023456), LOG_INFO,
                                 "started TCP listener on [::]:5672");
    assert_int_equal(len, sizeof expected - 1);
    assert_memory_equal(line, expected, len);
    len = log_format_line(line, 60, INT64_C(1795213801023456), LOG_INFO, "a message too long");
    assert_int_equal(len, 60);
    assert_int_equal(line[59], '\n');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_below_the_level_are_not_made),
        cmocka_unit_test(a_name_cannot_forge_a_line),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(levels_have_rabbitmqs_names),
        cmocka_unit_test(a_line_looks_like_rabbitmqs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
