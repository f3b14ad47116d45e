/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/erlang_config.h"

#include <string.h>

#include "tests/unit/broker/config_fixture.h"

static void expect_read(struct fixture *fixture, const char *content) {
    if (!erlang_config_read(&fixture->config, "rabbitmq.config", slice_from_text(content),
                            &fixture->error))
        fail_msg("%s", text_chars(&fixture->error));
}

static void expect_refused(struct fixture *fixture, const char *content, const char *sentences) {
    text_clear(&fixture->error);
    assert_false(erlang_config_read(&fixture->config, "x.config", slice_from_text(content),
                                    &fixture->error));
    assert_string_equal(text_chars(&fixture->error), sentences);
}

/* The file that RabbitMQ's old image wrote for its TLS variables. */
static void an_old_configuration_is_understood(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    expect_read(fixture, "[ { rabbit, [\n"
                         "  { loopback_users, [ ] },\n"
                         "  { tcp_listeners, [ 5673, {\"127.0.0.1\", 5674} ] },\n"
                         "  { ssl_listeners, [ ] },\n"
                         "  { ssl_options, [ {verify, verify_peer},\n"
                         "                   {fail_if_no_peer_cert, true},\n"
                         "                   {versions, ['tlsv1.2', 'tlsv1.3']} ] },\n"
                         "  { default_pass, <<\"secret\">> }, { default_user, <<\"alice\">> },\n"
                         "  { default_user_tags, [monitoring] },\n"
                         "  { default_permissions, [<<\"c\">>, <<\"w\">>, <<\"r\">>] },\n"
                         "  { hipe_compile, false },\n"
                         "  { vm_memory_high_watermark, { absolute, \"512MB\" } },\n"
                         "  { disk_free_limit, 1000000 },\n"
                         "  { tcp_listen_options, [binary, {packet, raw}, {backlog, 128},\n"
                         "                         {linger, {true, 3}}, {nodelay, true}] },\n"
                         "  { heartbeat, 580 }\n"
                         "] },\n"
                         "{ rabbitmq_management, [ { listener, [ { port, 15671 }, { ssl, true },\n"
                         "   { ssl_opts, [ {verify, verify_none} ] } ] },\n"
                         "   { path_prefix, \"/rabbit\" } ] } ].\n");
    assert_int_equal(config->loopback_users.count, 0);
    assert_int_equal(config->tcp.count, 2);
    assert_int_equal(config->tcp.items[0].port, 5673);
    assert_string_equal(config->tcp.items[1].address, "127.0.0.1");
    assert_true(config->ssl.disabled);
    assert_true(config->tls.verify_peer);
    assert_true(config->tls.fail_if_no_peer_cert);
    assert_int_equal(config->tls.versions.count, 2);
    assert_string_equal(config->default_user, "alice");
    assert_string_equal(config->default_pass.hidden, "secret");
    assert_string_equal(config->default_user_tags.items[0].name, "monitoring");
    assert_string_equal(config->default_permissions_configure, "c");
    assert_string_equal(config->default_permissions_write, "w");
    assert_string_equal(config->default_permissions_read, "r");
    assert_int_equal(config->memory_watermark_absolute, 512000000);
    assert_int_equal(config->disk_free_limit, 1000000);
    assert_int_equal(config->backlog, 128);
    assert_int_equal(config->broker.heartbeat_s, 580);
    assert_int_equal(config->management.http.ssl_port, 15671);
    assert_int_equal(config->management.http.tcp_port, -1);
    assert_string_equal(config->management.path_prefix, "/rabbit");
}

static void fractions_are_relative(void **state) {
    struct fixture *fixture = *state;
    expect_read(fixture, "[{rabbit, [{vm_memory_high_watermark, 0.25}]}].");
    assert_true(fixture->config.memory_watermark == 0.25);
}

static void log_outputs_are_switched(void **state) {
    struct fixture *fixture = *state;
    expect_read(fixture, "[{rabbit, [{log, [{console, [{enabled, false}, {level, debug}]},\n"
                         " {file, [{file, \"rabbit.log\"}, {level, warning}]}]}]}].");
    assert_false(fixture->config.log.console.is_on);
    assert_int_equal(fixture->config.log.console.level, LOG_DEBUG);
    assert_true(fixture->config.log.file.is_on);
    assert_string_equal(fixture->config.log.files[0].name, "rabbit.log");
    assert_int_equal(fixture->config.log.file.level, LOG_WARNING);
}

static void levels_of_the_log_have_categories(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    expect_read(fixture, "[{rabbit, [{log_levels, [{connection, error}, {federation, none}]}]}].");
    assert_int_equal(config->log.categories[LOG_CATEGORY_CONNECTION], LOG_ERROR);
    expect_read(fixture, "[{rabbit, [{log, [{categories, [{channel, [{level, warning}]}]}]}]}].");
    assert_int_equal(config->log.categories[LOG_CATEGORY_CHANNEL], LOG_WARNING);
    expect_refused(fixture, "[{rabbit, [{log_levels, [error]}]}].",
                   "x.config:1: rabbit.log_levels: expected {category, level}");
}

static void a_timeout_may_be_undefined(void **state) {
    struct fixture *fixture = *state;
    expect_read(fixture, "[{rabbit, [{consumer_timeout, 1000}]}].");
    assert_int_equal(fixture->config.broker.consumer_timeout_ms, 1000);
    expect_read(fixture, "[{rabbit, [{consumer_timeout, undefined}]}].");
    assert_int_equal(fixture->config.broker.consumer_timeout_ms, 0);
}

static void what_is_wrong_is_told_with_its_line(void **state) {
    struct fixture *fixture = *state;
    expect_refused(fixture, "[{rabbit, [\n {heartbeat, soon},\n {heartbeats, 1}]}].",
                   "x.config:2: rabbit.heartbeat: heartbeat = soon: expected a whole number from 0 "
                   "to 65535\n"
                   "x.config:3: rabbit.heartbeats: unknown key 'heartbeats'; the nearest is "
                   "'heartbeat' (--help lists all)");
    expect_refused(fixture, "[{rabbit, [{heartbeat, 1}]}]",
                   "x.config: line 1: expected a full stop");
    expect_read(fixture, "[{rabbit, [{collect_statistics, anything},\n"
                         "  {cluster_nodes, {['rabbit@one', 'rabbit@two'], disc}},\n"
                         "  {cluster_partition_handling, {pause_if_all_down, [a], ignore}},\n"
                         "  {credit_flow_default_credit, {400, 200}},\n"
                         "  {msg_store_credit_disc_bound, {4000, 800}},\n"
                         "  {default_consumer_prefetch, {false, 0}}]},\n"
                         " {rabbitmq_management, [{sample_retention_policies,\n"
                         "  [{global, [{605, 5}, {3660, 60}]}, {basic, []}]}]},\n"
                         " {osiris, [{data_dir, \"/x\"}]}, {sasl, [{errlog_type, error}]}].");
    expect_refused(fixture, "[{rabbit, [{default_consumer_prefetch, {false, 250}}]}].",
                   "x.config:1: rabbit.default_consumer_prefetch: only {false, 0} is possible: "
                   "basic.qos says the prefetch");
    expect_refused(fixture, "[{rabbitmq_shovel, [{shovels, []}, {x, 1}]}].",
                   "x.config:1: rabbitmq_shovel.x: shovel.x: there are no shovels");
    expect_refused(fixture, "[{nobody, [{x, 1}]}].",
                   "x.config:1: nobody.x: this application is not built in");
    expect_refused(fixture, "[rabbit].",
                   "x.config:1: configuration: expected {application, [{key, value}, ...]}");
    expect_refused(fixture, "[{rabbit, 5}].",
                   "x.config:1: rabbit: this application is not built in");
    expect_refused(fixture, "[{rabbit, [{heartbeat, {1, 2}}]}].",
                   "x.config:1: rabbit.heartbeat: this is not understood");
}

static void options_of_a_command_line_are_read(void **state) {
    struct fixture *fixture = *state;
    assert_true(erlang_config_read_options(
        &fixture->config, "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
        SLICE("+S 2:2 -rabbit disk_free_limit 2147483648 -kernel inet_default_connect_options x "
              "-rabbit heartbeat 7 -rabbitmq_management path_prefix '\"/a b\"'"),
        &fixture->error));
    assert_int_equal(fixture->config.disk_free_limit, 2147483648);
    assert_int_equal(fixture->config.broker.heartbeat_s, 7);
    assert_string_equal(fixture->config.management.path_prefix, "/a b");
    assert_false(erlang_config_read_options(&fixture->config, "ARGS", SLICE("-rabbit heartbeat [1"),
                                            &fixture->error));
    assert_string_equal(text_chars(&fixture->error),
                        "ARGS: rabbit.heartbeat: line 1: expected , or ]");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_old_configuration_is_understood), TEST(fractions_are_relative),
        TEST(log_outputs_are_switched),           TEST(what_is_wrong_is_told_with_its_line),
        TEST(options_of_a_command_line_are_read), TEST(levels_of_the_log_have_categories),
        TEST(a_timeout_may_be_undefined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
