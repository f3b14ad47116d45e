/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of class connection one by one: what they answer, what they remember, how they end a
 * connection. Sending and ending are recorded; users and virtual hosts are real.
 */
#include "broker/protocol/methods_connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/user.h"
#include "broker/protocol/authorize.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/heartbeat.h"
#include "broker/protocol/send.h"

static struct broker *broker;
static struct connection connection;
static char story[600]; /* what was called, in order */
static uint8_t octets_sent[4096];
static struct amqp_method sent; /* the last one, decoded from the octets it became */

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...) {
    size_t len = strlen(story);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(story + len, sizeof story - len, format, arguments);
    va_end(arguments);
}

void send_method(struct connection *sender, uint16_t channel_number,
                 const struct amqp_method *method) {
    struct writer w = writer_over(octets_sent, sizeof octets_sent);
    assert_ptr_equal(sender, &connection);
    assert_int_equal(channel_number, 0);
    amqp_method_encode(&w, method);
    assert_true(writer_is_complete(&w));
    assert_int_equal(amqp_method_decode(writer_written(&w), &sent), AMQP_DECODED);
    tell("%s;", amqp_method_name(sent.id));
}

void connection_set_state(struct connection *mover, enum connection_state state) {
    mover->state = state;
}

void connection_doom(struct connection *doomed, const char *reason) {
    assert_ptr_equal(doomed, &connection);
    tell("doomed: %s;", reason);
}

void connection_fail(struct connection *failed, uint16_t reply_code, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tell("%u %s, %s;", reply_code, text, amqp_method_name(failed->current_method));
}

void connection_release_entities(struct connection *released) {
    assert_ptr_equal(released, &connection);
    tell("released;");
}

void connection_set_deadline(struct connection *waiting, int64_t timeout_ms) {
    assert_ptr_equal(waiting, &connection);
    tell("deadline %d;", (int)timeout_ms);
}

void connection_end(struct connection *ended, bool reset) {
    assert_ptr_equal(ended, &connection);
    tell(reset ? "reset;" : "ended;");
}

void heartbeat_start(struct connection *started) {
    tell("heartbeats of %u s;", started->heartbeat_s);
}

/* It has no channels here. */
void authorize_consumers_again(struct channel *channel) {
    (void)channel;
    tell("consumers looked at again;");
}

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 3, len);
}

static struct env env = {.hash_seed = 1, .fill_random = fill_random};

static int start(void **state) {
    struct broker_settings settings;
    (void)state;
    broker_settings_init(&settings);
    broker = broker_create(&env, &settings);
    struct user *guest = user_add(broker, SLICE("guest"), SLICE("guest"));
    guest->loopback_only = true;
    permission_grant_all(guest, broker_add_vhost(broker, SLICE("/")));
    memset(&connection, 0, sizeof connection);
    connection.broker = broker;
    connection.name = (char *)(uintptr_t) "peer";
    connection.peer_is_loopback = true;
    story[0] = '\0';
    return 0;
}

static int end(void **state) {
    (void)state;
    free((void *)(uintptr_t)connection.client_properties.data);
    broker_destroy(broker);
    return 0;
}

static void handle(connection_handler *handler, const struct amqp_method *method) {
    connection.current_method = method->id;
    story[0] = '\0';
    handler(&connection, method);
}

/* --- start --- */

static void start_offers_0_9_and_the_mechanisms(void **state) {
    (void)state;
    send_connection_start(&connection);
    assert_string_equal(story, "connection.start;");
    assert_int_equal(sent.connection_start.version_major, 0);
    assert_int_equal(sent.connection_start.version_minor, 9);
    assert_true(slice_equal(sent.connection_start.locales, SLICE("en_US")));
    assert_true(slice_equal(sent.connection_start.mechanisms, SLICE("PLAIN AMQPLAIN ANONYMOUS")));
}

static void server_properties_are_texts_sorted_by_key(void **state) {
    static const char *const keys[] = {"capabilities", "cluster_name",    "copyright",
                                       "information",  "leveret_version", "platform",
                                       "product",      "version"};
    struct amqp_value value;
    struct slice name;
    size_t count = 0;
    (void)state;
    send_connection_start(&connection);
    struct slice table = sent.connection_start.server_properties;
    struct amqp_table_iterator i = amqp_table_begin(table);
    for (; amqp_table_next(&i, &name, &value); count++) {
        assert_true(slice_equal(name, slice_from_text(keys[count])));
        assert_int_equal(value.tag, count == 0 ? AMQP_TAG_TABLE : AMQP_TAG_TEXT);
        assert_true(value.bytes.len > 0);
    }
    assert_int_equal(count, sizeof keys / sizeof keys[0]);
    assert_true(amqp_table_find(table, SLICE("product"), &value));
    assert_true(slice_equal(value.bytes, SLICE("RabbitMQ")));
    assert_true(amqp_table_find(table, SLICE("version"), &value));
    assert_true(slice_equal(value.bytes, SLICE("4.3.5")));
}

static void all_nine_capabilities_are_true(void **state) {
    struct amqp_value value;
    struct slice name;
    size_t count = 0;
    (void)state;
    send_connection_start(&connection);
    assert_true(
        amqp_table_find(sent.connection_start.server_properties, SLICE("capabilities"), &value));
    struct amqp_table_iterator i = amqp_table_begin(value.bytes);
    for (; amqp_table_next(&i, &name, &value); count++) {
        assert_int_equal(value.tag, AMQP_TAG_BOOL);
        assert_true(value.boolean);
    }
    assert_int_equal(count, 9);
}

/* --- start-ok --- */

static void send_start_ok(struct slice mechanism, struct slice response,
                          struct slice client_properties) {
    struct amqp_method method = {.id = AMQP_CONNECTION_START_OK};
    method.connection_start_ok.mechanism = mechanism;
    method.connection_start_ok.response = response;
    method.connection_start_ok.client_properties = client_properties;
    connection.state = CONNECTION_AWAIT_START_OK;
    handle(handle_connection_start_ok, &method);
}

static void login_is_answered_with_tune(void **state) {
    (void)state;
    send_start_ok(SLICE("PLAIN"), SLICE("\0guest\0guest"), SLICE("\1aI\0\0\0\1"));
    assert_string_equal(story, "connection.tune;");
    assert_int_equal(connection.state, CONNECTION_AWAIT_TUNE_OK);
    assert_int_equal(sent.connection_tune.channel_max, 2047);
    assert_int_equal(sent.connection_tune.frame_max, 131072);
    assert_int_equal(sent.connection_tune.heartbeat, 60);
    assert_true(slice_equal(connection.user->name, SLICE("guest")));
    assert_true(slice_equal(connection.client_properties, SLICE("\1aI\0\0\0\1")));
}

static void what_does_not_parse_is_not_answered(void **state) {
    (void)state;
    send_start_ok(SLICE("NTLM"), SLICE("\0guest\0guest"), SLICE(""));
    assert_string_equal(story, "doomed: unknown authentication mechanism;");
    send_start_ok(SLICE("PLAIN"), SLICE("guest"), SLICE(""));
    assert_string_equal(story, "doomed: authentication response does not parse;");
}

static struct slice capabilities(struct amqp_table_builder *builder, const char *name, char tag) {
    amqp_table_builder_init(builder);
    amqp_table_begin_table(builder, SLICE("capabilities"));
    if (tag == 't')
        amqp_table_put_bool(builder, slice_from_text(name), true);
    else
        amqp_table_put_int(builder, slice_from_text(name), tag, 1);
    amqp_table_end(builder);
    return amqp_table_builder_finish(builder);
}

static void refused_login_is_told_to_those_who_understand(void **state) {
    struct amqp_table_builder builder;
    struct slice table = capabilities(&builder, "authentication_failure_close", 't');
    (void)state;
    send_start_ok(SLICE("PLAIN"), SLICE("\0guest\0wrong"), table);
    assert_string_equal(story, "403 Login was refused using authentication mechanism PLAIN. For "
                               "details see the broker logfile., unknown;");
    assert_null(connection.user);
    amqp_table_builder_clear(&builder);
}

static void refused_login_is_silent_without_the_capability(void **state) {
    struct amqp_table_builder builder;
    struct slice table = capabilities(&builder, "authentication_failure_close", 'I');
    (void)state;
    send_start_ok(SLICE("PLAIN"), SLICE("\0guest\0wrong"), table);
    assert_string_equal(story, "doomed: login was refused;");
    amqp_table_builder_clear(&builder);
}

static void only_a_table_of_true_booleans_counts_as_capabilities(void **state) {
    struct amqp_table_builder builder;
    (void)state;
    send_start_ok(SLICE("PLAIN"), SLICE("\0guest\0guest"),
                  capabilities(&builder, "connection.blocked", 't'));
    assert_true(connection.connection_blocked);
    assert_false(connection.consumer_cancel_notify);
    amqp_table_builder_clear(&builder);
    end(NULL);
    start(NULL);
    send_start_ok(SLICE("PLAIN"), SLICE("\0guest\0guest"),
                  SLICE("\14capabilitiesS\0\0\0\24\22connection.blockedt"));
    assert_false(connection.connection_blocked);
}

/* --- tune-ok --- */

static const char *tune(uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat_s) {
    struct amqp_method method = {.id = AMQP_CONNECTION_TUNE_OK};
    method.connection_tune_ok.channel_max = channel_max;
    method.connection_tune_ok.frame_max = frame_max;
    method.connection_tune_ok.heartbeat = heartbeat_s;
    connection.state = CONNECTION_AWAIT_TUNE_OK;
    handle(handle_connection_tune_ok, &method);
    return story;
}

static void tune_ok_sets_what_was_negotiated(void **state) {
    (void)state;
    assert_string_equal(tune(7, 4096, 9), "heartbeats of 9 s;");
    assert_int_equal(connection.state, CONNECTION_AWAIT_OPEN);
    assert_int_equal(connection.channel_max, 7);
    assert_int_equal(connection.frame_max, 4096);
    assert_string_equal(tune(2047, 131072, 65535), "heartbeats of 65535 s;");
    assert_string_equal(tune(1, 131072, 0), "heartbeats of 0 s;");
}

static void tune_ok_out_of_range_is_not_answered(void **state) {
    (void)state;
    assert_string_equal(tune(2047, 4095, 0), "doomed: negotiated frame_max = 4095 is lower than "
                                             "the minimum allowed value (4096);");
    assert_string_equal(tune(2047, 131073, 0), "doomed: negotiated frame_max = 131073 is higher "
                                               "than the maximum allowed value (131072);");
    assert_string_equal(tune(2047, 0, 0), "doomed: negotiated frame_max = 0 (no limit) is higher "
                                          "than the maximum allowed value (131072);");
    assert_string_equal(tune(2048, 131072, 0), "doomed: negotiated channel_max = 2048 is higher "
                                               "than the maximum allowed value (2047);");
    assert_string_equal(tune(0, 131072, 0), "doomed: negotiated channel_max = 0 (no limit) is "
                                            "higher than the maximum allowed value (2047);");
    assert_int_equal(connection.state, CONNECTION_AWAIT_TUNE_OK);
}

static void without_limits_of_ours_the_client_may_have_none(void **state) {
    (void)state;
    broker->settings.channel_max = 0;
    broker->settings.frame_max = 0;
    assert_string_equal(tune(0, 0, 0), "heartbeats of 0 s;");
    assert_int_equal(connection.frame_max, UINT32_MAX);
}

/* --- open, close, update-secret --- */

static const char *open_vhost(const char *name) {
    struct amqp_method method = {.id = AMQP_CONNECTION_OPEN};
    method.connection_open.virtual_host = slice_from_text(name);
    connection.state = CONNECTION_AWAIT_OPEN;
    connection.user = user_find(broker, SLICE("guest"));
    handle(handle_connection_open, &method);
    return story;
}

static void open_is_answered_with_open_ok(void **state) {
    (void)state;
    assert_string_equal(open_vhost("/"), "connection.open-ok;");
    assert_int_equal(sent.connection_open_ok.known_hosts.len, 0);
    assert_int_equal(connection.state, CONNECTION_OPEN);
    assert_ptr_equal(connection.vhost, broker_find_vhost(broker, SLICE("/")));
}

static void unknown_vhost_is_refused(void **state) {
    (void)state;
    assert_string_equal(open_vhost("/nope"), "530 vhost /nope not found, connection.open;");
    assert_string_equal(open_vhost(""), "530 vhost  not found, connection.open;");
}

static void connection_limit_comes_before_the_vhost(void **state) {
    (void)state;
    broker->settings.connection_max = 3;
    broker->connection_count = 2;
    assert_string_equal(open_vhost("/"), "connection.open-ok;");
    broker->connection_count = 3;
    assert_string_equal(
        open_vhost("/nope"),
        "530 connection refused: node connection limit (3) is reached, connection.open;");
}

static void close_releases_before_it_answers(void **state) {
    (void)state;
    connection.state = CONNECTION_OPEN;
    connection.heartbeat_s = 5;
    handle(handle_connection_close, &(struct amqp_method){.id = AMQP_CONNECTION_CLOSE});
    assert_string_equal(story, "released;deadline 5000;connection.close-ok;");
    assert_int_equal(connection.state, CONNECTION_CLOSE_OK_SENT);
}

static void wait_for_the_client_is_half_a_minute_at_most(void **state) {
    static const uint16_t heartbeats[] = {0, 30, 60};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        connection.state = CONNECTION_OPEN;
        connection.heartbeat_s = heartbeats[i];
        handle(handle_connection_close, &(struct amqp_method){.id = AMQP_CONNECTION_CLOSE});
        assert_string_equal(story, "released;deadline 30000;connection.close-ok;");
    }
}

static void close_that_crosses_ours_is_answered_and_close_ok_ends(void **state) {
    (void)state;
    connection.state = CONNECTION_CLOSING;
    handle(handle_connection_close, &(struct amqp_method){.id = AMQP_CONNECTION_CLOSE});
    assert_string_equal(story, "connection.close-ok;");
    assert_int_equal(connection.state, CONNECTION_CLOSING);
    handle(handle_connection_close_ok, &(struct amqp_method){.id = AMQP_CONNECTION_CLOSE_OK});
    assert_string_equal(story, "ended;");
}

static void update_secret_is_always_accepted(void **state) {
    (void)state;
    handle(handle_connection_update_secret,
           &(struct amqp_method){.id = AMQP_CONNECTION_UPDATE_SECRET});
    assert_string_equal(story, "connection.update-secret-ok;");
}

#define HANDLER_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(start_offers_0_9_and_the_mechanisms),
        HANDLER_TEST(server_properties_are_texts_sorted_by_key),
        HANDLER_TEST(all_nine_capabilities_are_true),
        HANDLER_TEST(login_is_answered_with_tune),
        HANDLER_TEST(what_does_not_parse_is_not_answered),
        HANDLER_TEST(refused_login_is_told_to_those_who_understand),
        HANDLER_TEST(refused_login_is_silent_without_the_capability),
        HANDLER_TEST(only_a_table_of_true_booleans_counts_as_capabilities),
        HANDLER_TEST(tune_ok_sets_what_was_negotiated),
        HANDLER_TEST(tune_ok_out_of_range_is_not_answered),
        HANDLER_TEST(without_limits_of_ours_the_client_may_have_none),
        HANDLER_TEST(open_is_answered_with_open_ok),
        HANDLER_TEST(unknown_vhost_is_refused),
        HANDLER_TEST(connection_limit_comes_before_the_vhost),
        HANDLER_TEST(close_releases_before_it_answers),
        HANDLER_TEST(wait_for_the_client_is_half_a_minute_at_most),
        HANDLER_TEST(close_that_crosses_ours_is_answered_and_close_ok_ends),
        HANDLER_TEST(update_secret_is_always_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
