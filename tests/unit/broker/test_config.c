/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    struct config config;
    struct text error;
};

static int set_up(void **state) {
    static struct fixture fixture;
    config_init(&fixture.config);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    config_clear(&fixture->config);
    text_clear(&fixture->error);
    return 0;
}

static void expect_set(struct fixture *fixture, const char *assignment) {
    if (!config_set_assignment(&fixture->config, assignment, &fixture->error))
        fail_msg("%s: %s", assignment, text_chars(&fixture->error));
}

static void expect_refused(struct fixture *fixture, const char *assignment, const char *sentence) {
    text_clear(&fixture->error);
    assert_false(config_set_assignment(&fixture->config, assignment, &fixture->error));
    assert_string_equal(text_chars(&fixture->error), sentence);
}

static void defaults_are_rabbitmqs(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    assert_int_equal(config->broker.frame_max, 131072);
    assert_int_equal(config->broker.frame_max_minimum, 4096);
    assert_int_equal(config->broker.initial_frame_max, 8192);
    assert_int_equal(config->broker.channel_max, 2047);
    assert_int_equal(config->broker.heartbeat_s, 60);
    assert_int_equal(config->broker.handshake_timeout_ms, 10000);
    assert_int_equal(config->broker.max_message_size, 16777216);
    assert_int_equal(config->broker.consumer_max_per_channel, 0);
    assert_int_equal(config->broker.connection_max, 0);
    assert_int_equal(config->broker.channel_max_per_node, 0);
    assert_int_equal(config->broker.transaction_copies_max, 4194304);
    assert_true(config->broker.permit_global_qos);
    assert_true(config->broker.permit_transient_queues);
    assert_string_equal(config->broker.default_vhost, "/");
    assert_string_equal(config->broker.anonymous_user, "guest");
    assert_string_equal(config->broker.anonymous_password, "guest");
    assert_string_equal(config->broker.product, "RabbitMQ");
    assert_string_equal(config->broker.product_version, "4.3.5");
    assert_string_equal(config->default_user, "guest");
    assert_string_equal(config->default_pass, "guest");
    assert_int_equal(config->loopback_user_count, 1);
    assert_string_equal(config->loopback_users[0], "guest");
    assert_int_equal(config->log_level, LOG_INFO);
    assert_true(config->memory_watermark == 0.6);
    assert_int_equal(config->memory_watermark_absolute, 0);
    assert_int_equal(config->disk_free_limit, 50000000);
    assert_true(config_finish(&fixture->config, &fixture->error));
    assert_int_equal(config->listener_count, 1);
    assert_int_equal(config->listeners[0].port, 5672);
    assert_null(config->listeners[0].address);
}

static void numbers_are_whole_and_bounded(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "heartbeat=0");
    assert_int_equal(fixture->config.broker.heartbeat_s, 0);
    expect_set(fixture, "heartbeat = 65535");
    assert_int_equal(fixture->config.broker.heartbeat_s, 65535);
    expect_refused(fixture, "heartbeat=65536",
                   "heartbeat = 65536: expected a whole number from 0 to 65535");
    expect_refused(fixture, "heartbeat=-1",
                   "heartbeat = -1: expected a whole number from 0 to 65535");
    expect_refused(fixture, "heartbeat=", "heartbeat = : expected a whole number from 0 to 65535");
    expect_refused(fixture, "heartbeat=6s",
                   "heartbeat = 6s: expected a whole number from 0 to 65535");
    expect_refused(fixture, "heartbeat=99999999999999999999999",
                   "heartbeat = 99999999999999999999999: expected a whole number from 0 to 65535");
    assert_int_equal(fixture->config.broker.heartbeat_s, 65535);
}

static void sizes_have_rabbitmqs_units(void **state) {
    struct fixture *fixture = *state;
    const struct {
        const char *written;
        uint64_t size;
    } cases[] = {
        {"1000", 1000},
        {"1kB", 1000},
        {"1KB", 1000},
        {"1KiB", 1024},
        {"2k", 2048},
        {"2Ki", 2048},
        {"3MB", 3000000},
        {"3MiB", 3145728},
        {"3M", 3145728},
        {"4GB", 4000000000},
        {"4GiB", 4294967296},
        {"4G", 4294967296},
        {"1TB", 1000000000000},
        {"1tib", 1099511627776},
        {"7b", 7},
    };
    char assignment[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(assignment, sizeof assignment, "vm_memory_high_watermark.absolute=%s",
                 cases[i].written);
        expect_set(fixture, assignment);
        assert_int_equal(fixture->config.memory_watermark_absolute, cases[i].size);
    }
    const char *wrong[] = {"KB", "1 KB", "1XB", "1KBs", "1Kx", "99999999999GiB", "1.5MB"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(assignment, sizeof assignment, "vm_memory_high_watermark.absolute=%s", wrong[i]);
        text_clear(&fixture->error);
        assert_false(config_set_assignment(&fixture->config, assignment, &fixture->error));
    }
    expect_refused(fixture, "max_message_size=1GB",
                   "max_message_size = 1GB: expected a size like 16MiB or 500MB, from 1 to "
                   "536870912 octets");
}

static void booleans_fractions_and_levels_are_read(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "deprecated_features.permit.global_qos=false");
    assert_false(fixture->config.broker.permit_global_qos);
    expect_set(fixture, "deprecated_features.permit.global_qos=on");
    assert_true(fixture->config.broker.permit_global_qos);
    expect_refused(fixture, "deprecated_features.permit.global_qos=yes",
                   "deprecated_features.permit.global_qos = yes: expected true or false");
    expect_set(fixture, "vm_memory_high_watermark.relative=0.25");
    assert_true(fixture->config.memory_watermark == 0.25);
    expect_refused(fixture, "vm_memory_high_watermark.relative=1.5",
                   "vm_memory_high_watermark.relative = 1.5: expected a number from 0.0 to 1.0");
    expect_refused(fixture, "vm_memory_high_watermark.relative=nan",
                   "vm_memory_high_watermark.relative = nan: expected a number from 0.0 to 1.0");
    expect_set(fixture, "log.console.level=debug");
    assert_int_equal(fixture->config.log_level, LOG_DEBUG);
    expect_refused(fixture, "log.console.level=loud",
                   "log.console.level = loud: expected debug, info, notice, warning, error, "
                   "critical or none");
}

static void infinity_is_no_limit(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "connection_max=10");
    assert_int_equal(fixture->config.broker.connection_max, 10);
    expect_set(fixture, "connection_max=infinity");
    assert_int_equal(fixture->config.broker.connection_max, 0);
    expect_refused(fixture, "connection_max=0",
                   "connection_max = 0: expected a whole number from 1 to 4294967295");
}

static void listeners_have_names_ports_and_addresses(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    expect_set(fixture, "listeners.tcp.default=5673");
    expect_set(fixture, "listeners.tcp.local=127.0.0.1:5674");
    expect_set(fixture, "listeners.tcp.1=::1:5675");
    expect_set(fixture, "listeners.tcp.2=[::1]:5676");
    expect_set(fixture, "listeners.tcp.default=5677");
    assert_true(config_finish(&fixture->config, &fixture->error));
    assert_int_equal(config->listener_count, 4);
    assert_null(config->listeners[0].address);
    assert_int_equal(config->listeners[0].port, 5677);
    assert_string_equal(config->listeners[1].address, "127.0.0.1");
    assert_int_equal(config->listeners[1].port, 5674);
    assert_string_equal(config->listeners[2].address, "::1");
    assert_string_equal(config->listeners[3].address, "::1");
    assert_int_equal(config->listeners[3].port, 5676);
    expect_refused(fixture, "listeners.tcp.default=70000",
                   "listeners.tcp.default = 70000: expected a port or address:port");
    expect_refused(fixture, "listeners.tcp.default=:5672",
                   "listeners.tcp.default = :5672: expected a port or address:port");
}

static void no_listener_at_all_is_refused(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "listeners.tcp.default=5673");
    expect_set(fixture, "listeners.tcp=none");
    assert_false(config_finish(&fixture->config, &fixture->error));
    assert_string_equal(text_chars(&fixture->error),
                        "listeners.tcp = none leaves nothing to listen on");
    text_clear(&fixture->error);
    expect_set(fixture, "listeners.tcp.default=5673");
    assert_true(config_finish(&fixture->config, &fixture->error));
    expect_refused(fixture, "listeners.tcp=5672",
                   "listeners.tcp = 5672: expected none, or a port for listeners.tcp.default");
}

static void short_options_replace_the_listeners(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    config_override_listener(&fixture->config, "127.0.0.1", -1);
    assert_int_equal(config->listeners[0].port, 5672);
    expect_set(fixture, "listeners.tcp.other=5674");
    config_override_listener(&fixture->config, NULL, 0);
    assert_int_equal(config->listener_count, 1);
    assert_string_equal(config->listeners[0].address, "127.0.0.1");
    assert_int_equal(config->listeners[0].port, 0);
}

static void loopback_users_are_named_or_none(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    expect_set(fixture, "loopback_users.alice=true");
    expect_set(fixture, "loopback_users.alice=true");
    assert_int_equal(config->loopback_user_count, 2);
    assert_string_equal(config->loopback_users[1], "alice");
    expect_set(fixture, "loopback_users.guest=false");
    assert_int_equal(config->loopback_user_count, 1);
    assert_string_equal(config->loopback_users[0], "alice");
    expect_set(fixture, "loopback_users=none");
    assert_int_equal(config->loopback_user_count, 0);
    expect_refused(fixture, "loopback_users=guest",
                   "loopback_users = guest: expected none, or true for loopback_users.NAME");
}

static void anonymous_login_can_be_switched_off(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "anonymous_login_user=none");
    assert_string_equal(fixture->config.broker.anonymous_user, "");
    expect_set(fixture, "anonymous_login_user=visitor");
    assert_string_equal(fixture->config.broker.anonymous_user, "visitor");
}

static void an_unknown_key_is_refused_with_the_nearest(void **state) {
    struct fixture *fixture = *state;
    expect_refused(fixture, "heartbeats=5",
                   "unknown key 'heartbeats'; the nearest is 'heartbeat' (--help lists all)");
    expect_refused(fixture, "listners.tcp.default=5",
                   "unknown key 'listners.tcp.default'; the nearest is 'listeners.tcp.default' "
                   "(--help lists all)");
    expect_refused(fixture, "max_mesage_size=5",
                   "unknown key 'max_mesage_size'; the nearest is 'max_message_size' "
                   "(--help lists all)");
    expect_refused(fixture, "heartbeat", "'heartbeat': expected key=value");
    char long_key[400];
    memset(long_key, 'k', sizeof long_key);
    memcpy(long_key + sizeof long_key - 3, "=1", 3);
    assert_false(config_set_assignment(&fixture->config, long_key, &fixture->error));
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
    assert_string_equal(fixture->config.default_pass, "a # b");
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
    char path[] = "/tmp/leveret-test-config-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, FILE_CONTENT, strlen(FILE_CONTENT)), strlen(FILE_CONTENT));
    close(fd);
    assert_true(config_read_file(&fixture->config, path, &fixture->error));
    assert_int_equal(fixture->config.broker.heartbeat_s, 30);
    unlink(path);
    assert_false(config_read_file(&fixture->config, path, &fixture->error));
    assert_non_null(strstr(text_chars(&fixture->error), "No such file or directory"));
}

static void limits_that_contradict_each_other_are_refused(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "frame_max=2000");
    assert_false(config_finish(&fixture->config, &fixture->error));
    assert_string_equal(text_chars(&fixture->error),
                        "frame_max = 2000 is below leveret.frame_max_minimum = 4096");
    expect_set(fixture, "frame_max=0");
    assert_true(config_finish(&fixture->config, &fixture->error));
}

static void the_description_names_every_default(void **state) {
    struct fixture *fixture = *state;
    struct text description = {0};
    config_describe(&description);
    assert_non_null(strstr(text_chars(&description), "  heartbeat = 60\n"));
    assert_non_null(strstr(text_chars(&description), "  listeners.tcp.*\n"));
    text_clear(&description);
    (void)fixture;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_rabbitmqs),
        TEST(numbers_are_whole_and_bounded),
        TEST(sizes_have_rabbitmqs_units),
        TEST(booleans_fractions_and_levels_are_read),
        TEST(infinity_is_no_limit),
        TEST(listeners_have_names_ports_and_addresses),
        TEST(no_listener_at_all_is_refused),
        TEST(short_options_replace_the_listeners),
        TEST(loopback_users_are_named_or_none),
        TEST(anonymous_login_can_be_switched_off),
        TEST(an_unknown_key_is_refused_with_the_nearest),
        TEST(a_file_is_lines_of_key_and_value),
        TEST(every_error_of_a_file_is_told_with_its_line),
        TEST(a_file_is_read_from_disk),
        TEST(limits_that_contradict_each_other_are_refused),
        TEST(the_description_names_every_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
