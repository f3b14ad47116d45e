/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/config_syntax.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    struct config config;
    struct text error;
    char directory[64];
};

static int set_up(void **state) {
    static struct fixture fixture;
    config_init(&fixture.config);
    strcpy(fixture.directory, "/tmp/leveret-test-config-XXXXXX");
    assert_non_null(mkdtemp(fixture.directory));
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    char command[96];
    config_clear(&fixture->config);
    text_clear(&fixture->error);
    snprintf(command, sizeof command, "rm -r %s", fixture->directory);
    return system(command);
}

/* A file in the fixture's directory; its path stays until the next call. */
static const char *write_file(struct fixture *fixture, const char *name, const char *content) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    fclose(file);
    return path;
}

static void expect_read(struct fixture *fixture, struct slice content) {
    if (!config_read(&fixture->config, "x.conf", content, &fixture->error))
        fail_msg("%s", text_chars(&fixture->error));
}

static void expect_refused(struct fixture *fixture, struct slice content, const char *sentences) {
    text_clear(&fixture->error);
    assert_false(config_read(&fixture->config, "x.conf", content, &fixture->error));
    assert_string_equal(text_chars(&fixture->error), sentences);
}

/* clang-format off */
#define FILE_CONTENT                          \
    "# a comment\n"                           \
    "\n"                                      \
    "heartbeat = 30   # seconds\r\n"          \
    "  frame_max=65536\n"                     \
    "default_user = alice\n"                  \
    "default_pass = 'a # b'  # quoted\n"      \
    "cluster_name = with space "
/* clang-format on */

static void a_file_is_lines_of_key_and_value(void **state) {
    struct fixture *fixture = *state;
    assert_true(config_read(&fixture->config, "x.conf", SLICE(FILE_CONTENT), &fixture->error));
    assert_int_equal(fixture->config.broker.heartbeat_s, 30);
    assert_int_equal(fixture->config.broker.frame_max, 65536);
    assert_string_equal(fixture->config.default_user, "alice");
    assert_string_equal(fixture->config.default_pass.hidden, "a # b");
    assert_string_equal(fixture->config.broker.cluster_name, "with space");
}

static void every_error_of_a_file_is_told_with_its_line(void **state) {
    struct fixture *fixture = *state;
    struct slice content = SLICE("heartbeat = soon\n"
                                 "# fine\n"
                                 "channel_max\n"
                                 "default_pass = 'open\n"
                                 "channel_max = 7\n"
                                 "chanel_max = 8");
    assert_false(config_read(&fixture->config, "x.conf", content, &fixture->error));
    assert_string_equal(text_chars(&fixture->error),
                        "x.conf:1: heartbeat = soon: expected a whole number from 0 to 65535\n"
                        "x.conf:3: expected `key = value`\n"
                        "x.conf:4: the quote is not closed\n"
                        "x.conf:6: unknown key 'chanel_max'; the nearest is 'channel_max' "
                        "(--help lists all)");
    assert_int_equal(fixture->config.broker.channel_max, 7);
}

static void a_file_is_read_from_disk(void **state) {
    struct fixture *fixture = *state;
    const char *path = write_file(fixture, "rabbitmq.conf", FILE_CONTENT);
    assert_true(config_read_file(&fixture->config, path, &fixture->error));
    assert_int_equal(fixture->config.broker.heartbeat_s, 30);
    unlink(path);
    assert_false(config_read_file(&fixture->config, path, &fixture->error));
    assert_non_null(strstr(text_chars(&fixture->error), "No such file or directory"));
}

static void a_value_may_have_several_lines(void **state) {
    struct fixture *fixture = *state;
    expect_read(fixture, SLICE("cluster_name = '''one\n  # two\n''' # comment\nheartbeat = 9\n"));
    assert_string_equal(fixture->config.broker.cluster_name, "one\n  # two\n");
    assert_int_equal(fixture->config.broker.heartbeat_s, 9);
    expect_refused(fixture, SLICE("heartbeat = 1\ncluster_name = '''one\ntwo\n"),
                   "x.conf:2: the ''' is not closed");
    expect_refused(fixture, SLICE("cluster_name = '''one''' two\n"),
                   "x.conf:1: only a comment may follow the closing '''");
}

static void the_environment_stands_in_values(void **state) {
    struct fixture *fixture = *state;
    setenv("LEVERET_TEST_USER", "ali", 1);
    setenv("LEVERET_TEST_TEAM", "#1", 1);
    unsetenv("LEVERET_TEST_NOTHING");
    expect_read(fixture, SLICE("default_user = $(LEVERET_TEST_USER)ce\n"
                               "cluster_name = '$(LEVERET_TEST_USER)-$(LEVERET_TEST_TEAM)'\n"
                               "default_vhost = $5\n"));
    assert_string_equal(fixture->config.default_user, "alice");
    assert_string_equal(fixture->config.broker.cluster_name, "ali-#1");
    assert_string_equal(fixture->config.broker.default_vhost, "$5");
    expect_refused(
        fixture, SLICE("default_user = $(LEVERET_TEST_NOTHING)"),
        "x.conf:1: $(LEVERET_TEST_NOTHING): there is no such variable in the environment");
    expect_refused(fixture, SLICE("default_user = $(LEVERET"), "x.conf:1: the $( is not closed");
}

static void files_include_others_beside_them(void **state) {
    struct fixture *fixture = *state;
    char folder[128];
    snprintf(folder, sizeof folder, "%s/more", fixture->directory);
    assert_int_equal(mkdir(folder, 0700), 0);
    write_file(fixture, "more/10-a.conf", "heartbeat = 1\nchannel_max = 10\n");
    write_file(fixture, "more/20-b.conf", "heartbeat = 2\n");
    write_file(fixture, "one.conf", "include more/*.conf # all\nframe_max = many\n");
    const char *path = write_file(fixture, "rabbitmq.conf",
                                  "heartbeat = 9\ninclude one.conf\ncluster_name = after\n");
    assert_false(config_read_file(&fixture->config, path, &fixture->error));
    assert_int_equal(fixture->config.broker.heartbeat_s, 2);
    assert_int_equal(fixture->config.broker.channel_max, 10);
    assert_string_equal(fixture->config.broker.cluster_name, "after");
    assert_non_null(strstr(text_chars(&fixture->error), "one.conf:2: frame_max = many"));
}

static void a_file_that_includes_itself_ends(void **state) {
    struct fixture *fixture = *state;
    const char *path = write_file(fixture, "round.conf", "include round.conf\n");
    assert_false(config_read_file(&fixture->config, path, &fixture->error));
    assert_non_null(
        strstr(text_chars(&fixture->error), "round.conf:1: too many files include each other"));
}

static void a_missing_include_is_an_error(void **state) {
    struct fixture *fixture = *state;
    const char *path = write_file(fixture, "a.conf", "include b.conf\ninclude none/*.conf\n");
    assert_false(config_read_file(&fixture->config, path, &fixture->error));
    assert_non_null(strstr(text_chars(&fixture->error), "/b.conf: No such file or directory"));
}

static void octets_that_are_no_text_are_refused(void **state) {
    struct fixture *fixture = *state;
    expect_refused(fixture, SLICE("cluster_name = \xff"), "x.conf:1: this is not UTF-8");
    expect_read(fixture, SLICE("\xEF\xBB\xBFheartbeat = 3"));
    assert_int_equal(fixture->config.broker.heartbeat_s, 3);
}

static void a_setting_remembers_where_it_was_made(void **state) {
    struct fixture *fixture = *state;
    expect_read(fixture, SLICE("\nheartbeat = 3"));
    const struct config_setting *setting =
        LIST_ITEM(fixture->config.settings.next, struct config_setting, link);
    assert_string_equal(setting->name, "heartbeat");
    assert_string_equal(setting->value, "3");
    assert_string_equal(setting->origin, "x.conf:2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_lines_of_key_and_value),
        TEST(every_error_of_a_file_is_told_with_its_line),
        TEST(a_file_is_read_from_disk),
        TEST(a_value_may_have_several_lines),
        TEST(the_environment_stands_in_values),
        TEST(files_include_others_beside_them),
        TEST(a_file_that_includes_itself_ends),
        TEST(a_missing_include_is_an_error),
        TEST(octets_that_are_no_text_are_refused),
        TEST(a_setting_remembers_where_it_was_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
