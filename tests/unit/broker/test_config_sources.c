/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/config_sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

extern char **environ;

/* A place for files, and an environment without a word about RabbitMQ. */
struct fixture {
    struct config config;
    struct text error;
    struct config_sources sources;
    char etc[64];
};

static void forget_variables(void) {
    for (size_t i = 0; environ[i] != NULL;) {
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(environ[i], "="), environ[i]);
        if (strncmp(name, "RABBITMQ_", 9) == 0)
            unsetenv(name);
        else
            i++;
    }
}

static int set_up(void **state) {
    static struct fixture fixture;
    fixture = (struct fixture){.sources = {.etc = fixture.etc, .port = -1}};
    config_init(&fixture.config);
    strcpy(fixture.etc, "/tmp/leveret-test-sources-XXXXXX");
    assert_non_null(mkdtemp(fixture.etc));
    forget_variables();
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    char command[96];
    config_clear(&fixture->config);
    text_clear(&fixture->error);
    snprintf(command, sizeof command, "rm -r %s", fixture->etc);
    return system(command);
}

static const char *path_of(const struct fixture *fixture, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture->etc, name);
    return path;
}

static void write_file(const struct fixture *fixture, const char *name, const char *content) {
    const char *path = path_of(fixture, name);
    for (char *slash = strchr(path + strlen(fixture->etc) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    fclose(file);
}

static void expect_loaded(struct fixture *fixture) {
    if (!config_load(&fixture->config, &fixture->sources, &fixture->error))
        fail_msg("%s", text_chars(&fixture->error));
}

static void expect_refused(struct fixture *fixture, const char *sentence) {
    text_clear(&fixture->error);
    assert_false(config_load(&fixture->config, &fixture->sources, &fixture->error));
    if (strstr(text_chars(&fixture->error), sentence) == NULL)
        assert_string_equal(text_chars(&fixture->error), sentence);
}

static void without_files_there_are_defaults(void **state) {
    struct fixture *fixture = *state;
    expect_loaded(fixture);
    assert_int_equal(fixture->config.tcp.items[0].port, 5672);
    assert_int_equal(fixture->config.broker.heartbeat_s, 60);
}

static void rabbitmqs_files_are_read_in_their_order(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "rabbitmq/rabbitmq.conf", "heartbeat = 1\nchannel_max = 1\n");
    write_file(fixture, "rabbitmq/conf.d/20-b.conf", "heartbeat = 3\n");
    write_file(fixture, "rabbitmq/conf.d/10-a.conf", "heartbeat = 2\nconnection_max = 2\n");
    write_file(fixture, "rabbitmq/conf.d/readme.txt", "nonsense\n");
    write_file(fixture, "rabbitmq/advanced.config", "[{rabbit, [{cluster_name, <<\"a\">>}]}].");
    write_file(fixture, "rabbitmq/enabled_plugins", "[rabbitmq_management,rabbitmq_top].\n");
    expect_loaded(fixture);
    assert_int_equal(fixture->config.broker.heartbeat_s, 3);
    assert_int_equal(fixture->config.broker.channel_max, 1);
    assert_int_equal(fixture->config.broker.connection_max, 2);
    assert_string_equal(fixture->config.broker.cluster_name, "a");
    assert_true(fixture->config.plugins_are_named);
    assert_int_equal(fixture->config.plugins.count, 2);
    assert_string_equal(fixture->config.plugins.items[0].name, "rabbitmq_management");
}

static void an_own_file_stands_before_rabbitmqs(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "rabbitmq/rabbitmq.conf", "heartbeat = 1\nchannel_max = 1\n");
    write_file(fixture, "leveret/leveret.conf", "heartbeat = 2\n");
    write_file(fixture, "leveret/conf.d/a.conf", "connection_max = 2\n");
    expect_loaded(fixture);
    assert_int_equal(fixture->config.broker.heartbeat_s, 2);
    assert_int_equal(fixture->config.broker.channel_max, 2047);
    assert_int_equal(fixture->config.broker.connection_max, 2);
}

static void a_named_file_needs_no_ending(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "rabbitmq/rabbitmq.conf", "heartbeat = 1\n");
    write_file(fixture, "rabbitmq/conf.d/10-defaults.conf", "loopback_users.guest = false\n");
    write_file(fixture, "custom.conf", "heartbeat = 2\n");
    setenv("RABBITMQ_CONFIG_FILE", path_of(fixture, "custom"), 1);
    expect_loaded(fixture);
    assert_int_equal(fixture->config.broker.heartbeat_s, 2);
    assert_int_equal(fixture->config.loopback_users.count, 0);
}

static void a_named_file_may_be_erlang(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "old.config", "[{rabbit, [{heartbeat, 4}]}].");
    setenv("RABBITMQ_CONFIG_FILE", path_of(fixture, "old"), 1);
    expect_loaded(fixture);
    assert_int_equal(fixture->config.broker.heartbeat_s, 4);
}

static void a_named_file_must_be_there(void **state) {
    struct fixture *fixture = *state;
    setenv("RABBITMQ_CONFIG_FILE", path_of(fixture, "nothing"), 1);
    expect_refused(fixture, "/nothing: No such file or directory");
}

/* Nothing is enabled by a file that is not there, as in RabbitMQ; other named files must be. */
static void a_named_file_of_plugins_may_be_missing(void **state) {
    struct fixture *fixture = *state;
    setenv("RABBITMQ_ENABLED_PLUGINS_FILE", path_of(fixture, "nothing"), 1);
    expect_loaded(fixture);
    setenv("RABBITMQ_ADVANCED_CONFIG_FILE", path_of(fixture, "nothing"), 1);
    expect_refused(fixture, "nothing.config: No such file or directory");
}

static void config_files_may_be_a_folder_or_a_pattern(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "more/a.conf", "heartbeat = 5\n");
    write_file(fixture, "more/b.cfg", "heartbeat = 6\n");
    setenv("RABBITMQ_CONFIG_FILES", path_of(fixture, "more"), 1);
    expect_loaded(fixture);
    assert_int_equal(fixture->config.broker.heartbeat_s, 5);
    config_clear(&fixture->config);
    config_init(&fixture->config);
    setenv("RABBITMQ_CONFIG_FILES", path_of(fixture, "more/*.cfg"), 1);
    expect_loaded(fixture);
    assert_int_equal(fixture->config.broker.heartbeat_s, 6);
}

static void variables_win_over_files(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "rabbitmq/rabbitmq.conf", "default_user = file\ndefault_vhost = file\n");
    setenv("RABBITMQ_DEFAULT_USER", "alice", 1);
    setenv("RABBITMQ_DEFAULT_PASS", "wonder land", 1);
    setenv("RABBITMQ_DEFAULT_VHOST", "", 1);
    setenv("RABBITMQ_VHOSTS", "one,two three", 1);
    setenv("RABBITMQ_ERLANG_COOKIE", "c00kie", 1);
    expect_loaded(fixture);
    assert_string_equal(fixture->config.default_user, "alice");
    assert_string_equal(fixture->config.default_pass.hidden, "wonder land");
    assert_string_equal(fixture->config.broker.default_vhost, "file");
    assert_int_equal(fixture->config.vhosts.count, 3);
    assert_string_equal(fixture->config.vhosts.items[2].value, "three");
}

static void secrets_come_from_files(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "secret", "from a file\n");
    setenv("RABBITMQ_DEFAULT_PASS_FILE", path_of(fixture, "secret"), 1);
    expect_loaded(fixture);
    assert_string_equal(fixture->config.default_pass.hidden, "from a file");
    setenv("RABBITMQ_DEFAULT_PASS", "another", 1);
    expect_refused(fixture,
                   "RABBITMQ_DEFAULT_PASS_FILE: the variable without _FILE is set as well");
    unsetenv("RABBITMQ_DEFAULT_PASS");
    setenv("RABBITMQ_DEFAULT_PASS_FILE", "/nonexistent/secret", 1);
    expect_refused(fixture, "RABBITMQ_DEFAULT_PASS_FILE: No such file or directory");
}

static void the_node_port_is_a_default(void **state) {
    struct fixture *fixture = *state;
    setenv("RABBITMQ_NODE_PORT", "5999", 1);
    setenv("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1", 1);
    expect_loaded(fixture);
    assert_int_equal(fixture->config.tcp.items[0].port, 5999);
    assert_string_equal(fixture->config.tcp.items[0].address, "127.0.0.1");
    config_clear(&fixture->config);
    config_init(&fixture->config);
    write_file(fixture, "rabbitmq/rabbitmq.conf", "listeners.tcp.default = 5998\n");
    expect_loaded(fixture);
    assert_int_equal(fixture->config.tcp.count, 1);
    assert_int_equal(fixture->config.tcp.items[0].port, 5998);
}

static void tls_variables_close_the_plain_port(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "cert.pem", "x");
    setenv("RABBITMQ_SSL_CERTFILE", path_of(fixture, "cert.pem"), 1);
    setenv("RABBITMQ_SSL_KEYFILE", path_of(fixture, "cert.pem"), 1);
    setenv("RABBITMQ_SSL_CACERTFILE", path_of(fixture, "cert.pem"), 1);
    setenv("RABBITMQ_SSL_FAIL_IF_NO_PEER_CERT", "false", 1);
    expect_loaded(fixture);
    assert_int_equal(fixture->config.tcp.count, 0);
    assert_int_equal(fixture->config.ssl.count, 1);
    assert_int_equal(fixture->config.ssl.items[0].port, 5671);
    assert_true(fixture->config.tls.verify_peer);
    assert_false(fixture->config.tls.fail_if_no_peer_cert);
}

static void a_watermark_is_a_fraction_or_a_size(void **state) {
    struct fixture *fixture = *state;
    setenv("RABBITMQ_VM_MEMORY_HIGH_WATERMARK", "0.25", 1);
    expect_loaded(fixture);
    assert_true(fixture->config.memory_watermark == 0.25);
    setenv("RABBITMQ_VM_MEMORY_HIGH_WATERMARK", "30%", 1);
    expect_loaded(fixture);
    assert_true(fixture->config.memory_watermark == 0.3);
    setenv("RABBITMQ_VM_MEMORY_HIGH_WATERMARK", "512MiB", 1);
    expect_loaded(fixture);
    assert_int_equal(fixture->config.memory_watermark_absolute, 536870912);
}

static void logs_go_where_the_variables_say(void **state) {
    struct fixture *fixture = *state;
    setenv("RABBITMQ_LOGS", "/tmp/x.log", 1);
    setenv("RABBITMQ_LOG", "debug,connection=error,+color", 1);
    expect_loaded(fixture);
    assert_true(fixture->config.log.file.is_on);
    assert_string_equal(fixture->config.log.files[0].name, "/tmp/x.log");
    assert_int_equal(fixture->config.log.console.level, LOG_DEBUG);
    assert_int_equal(fixture->config.log.categories[LOG_CATEGORY_CONNECTION], LOG_ERROR);
    setenv("RABBITMQ_LOGS", "-", 1);
    expect_loaded(fixture);
    assert_false(fixture->config.log.file.is_on);
    assert_true(fixture->config.log.console.is_on);
}

static void a_file_gives_variables_that_the_environment_does_not(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "rabbitmq/rabbitmq-env.conf",
               "# comment\nNODE_PORT=5990 # here\nexport DEFAULT_USER='a b'\n\n"
               "RABBITMQ_DEFAULT_PASS=\"x y\"\nDEFAULT_VHOST=file\n");
    setenv("RABBITMQ_DEFAULT_VHOST", "environment", 1);
    expect_loaded(fixture);
    assert_int_equal(fixture->config.tcp.items[0].port, 5990);
    assert_string_equal(fixture->config.default_user, "a b");
    assert_string_equal(fixture->config.default_pass.hidden, "x y");
    assert_string_equal(fixture->config.broker.default_vhost, "environment");
    write_file(fixture, "rabbitmq/rabbitmq-env.conf", "NODENAME=x\n. /etc/other\nA=$(date)\n");
    expect_refused(fixture, "rabbitmq-env.conf:2: expected NAME=value");
    expect_refused(fixture, "rabbitmq-env.conf:3: only plain values are understood");
}

static void the_command_line_wins(void **state) {
    struct fixture *fixture = *state;
    const char *assignments[] = {"heartbeat=9"};
    write_file(fixture, "one.conf",
               "heartbeat = 1\nlisteners.tcp.default = 127.0.0.1:5001\n"
               "listeners.tcp.other = 5002\n");
    write_file(fixture, "rabbitmq/rabbitmq.conf", "nonsense = 1\n");
    char path[128];
    snprintf(path, sizeof path, "%s", path_of(fixture, "one.conf"));
    const char *files[] = {path};
    fixture->sources.files = files;
    fixture->sources.file_count = 1;
    fixture->sources.assignments = assignments;
    fixture->sources.assignment_count = 1;
    fixture->sources.port = 5003;
    expect_loaded(fixture);
    assert_int_equal(fixture->config.broker.heartbeat_s, 9);
    assert_int_equal(fixture->config.tcp.count, 1);
    assert_int_equal(fixture->config.tcp.items[0].port, 5003);
    assert_string_equal(fixture->config.tcp.items[0].address, "127.0.0.1");
}

static void everything_that_is_wrong_is_told(void **state) {
    struct fixture *fixture = *state;
    const char *assignments[] = {"channel_max=x"};
    write_file(fixture, "rabbitmq/rabbitmq.conf", "heartbeat = x\n");
    write_file(fixture, "rabbitmq/advanced.config", "[{rabbit, [{nothing, 1}]}].");
    setenv("RABBITMQ_LOG", "loud", 1);
    fixture->sources.assignments = assignments;
    fixture->sources.assignment_count = 1;
    expect_refused(fixture, "rabbitmq.conf:1: heartbeat");
    expect_refused(fixture, "advanced.config:1: rabbit.nothing");
    expect_refused(fixture, "RABBITMQ_LOG: log.console.level = loud");
    expect_refused(fixture, "channel_max = x");
}

static void what_counts_at_the_start_only_stays(void **state) {
    struct fixture *fixture = *state;
    struct config next, merged;
    write_file(fixture, "rabbitmq/rabbitmq.conf", "heartbeat = 1\ncluster_name = one\n");
    fixture->sources.port = 5003;
    expect_loaded(fixture);
    write_file(fixture, "rabbitmq/rabbitmq.conf",
               "heartbeat = 2\ncluster_name = two\n"
               "listeners.tcp.default = 1\n");
    config_init_again(&next, &fixture->config);
    assert_true(config_load(&next, &fixture->sources, &fixture->error));
    assert_true(config_merge(&fixture->config, &next, &merged, &fixture->error));
    config_replace(&fixture->config, &merged);
    config_clear(&next);
    assert_int_equal(fixture->config.broker.heartbeat_s, 2);
    assert_string_equal(fixture->config.broker.cluster_name, "one");
    assert_int_equal(fixture->config.tcp.count, 1);
    assert_int_equal(fixture->config.tcp.items[0].port, 5003);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_files_there_are_defaults),
        TEST(rabbitmqs_files_are_read_in_their_order),
        TEST(an_own_file_stands_before_rabbitmqs),
        TEST(a_named_file_needs_no_ending),
        TEST(a_named_file_may_be_erlang),
        TEST(a_named_file_must_be_there),
        TEST(a_named_file_of_plugins_may_be_missing),
        TEST(config_files_may_be_a_folder_or_a_pattern),
        TEST(variables_win_over_files),
        TEST(secrets_come_from_files),
        TEST(the_node_port_is_a_default),
        TEST(tls_variables_close_the_plain_port),
        TEST(a_watermark_is_a_fraction_or_a_size),
        TEST(logs_go_where_the_variables_say),
        TEST(a_file_gives_variables_that_the_environment_does_not),
        TEST(the_command_line_wins),
        TEST(everything_that_is_wrong_is_told),
        TEST(what_counts_at_the_start_only_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
