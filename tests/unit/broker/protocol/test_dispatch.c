/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every method in every state. Handlers and exceptions are replaced by recorders, so that what is
 * tested is the table and the answers to what it does not allow (compat 1.7, 1.9 - 1.11).
 */
#include "broker/protocol/dispatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/entities/user.h"
#include "broker/protocol/authorize.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/exception.h"

static struct broker broker;
static struct connection connection;
static struct channel channel;
static struct user user;
static char answer[300]; /* what came of the last method */

static void record(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void record(const char *format, ...) {
    va_list arguments;
    assert_string_equal(answer, "ignored");
    va_start(arguments, format);
    vsnprintf(answer, sizeof answer, format, arguments);
    va_end(arguments);
}

void connection_doom(struct connection *doomed, const char *reason) {
    assert_ptr_equal(doomed, &connection);
    assert_non_null(reason);
    record("doomed");
}

static void record_failure(uint16_t reply_code, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void record_failure(uint16_t reply_code, const char *format, va_list arguments) {
    char text[256];
    vsnprintf(text, sizeof text, format, arguments);
    record("%u %s, %u.%u", reply_code, text, amqp_method_class_id(connection.current_method),
           amqp_method_method_id(connection.current_method));
}

void connection_fail(struct connection *failed, uint16_t reply_code, const char *format, ...) {
    va_list arguments;
    assert_ptr_equal(failed, &connection);
    va_start(arguments, format);
    record_failure(reply_code, format, arguments);
    va_end(arguments);
}

void channel_fail(struct channel *failed, uint16_t reply_code, const char *format, ...) {
    va_list arguments;
    assert_ptr_equal(failed, &channel);
    va_start(arguments, format);
    record_failure(reply_code, format, arguments);
    va_end(arguments);
}

void handle_channel_open(struct connection *opener, uint16_t channel_number) {
    assert_ptr_equal(opener, &connection);
    record("opens %u", channel_number);
}

/* The handlers' names are those of the methods. */
#define CONNECTION_RECORDER(name)                                                      \
    void handle_##name(struct connection *handled, const struct amqp_method *method) { \
        assert_ptr_equal(handled, &connection);                                        \
        assert_int_equal(method->id, connection.current_method);                       \
        record("handled " #name);                                                      \
    }
#define CHANNEL_RECORDER(name)                                                      \
    void handle_##name(struct channel *handled, const struct amqp_method *method) { \
        assert_ptr_equal(handled, &channel);                                        \
        assert_int_equal(method->id, connection.current_method);                    \
        record("handled " #name);                                                   \
    }

CONNECTION_RECORDER(connection_start_ok)
CONNECTION_RECORDER(connection_tune_ok)
CONNECTION_RECORDER(connection_open)
CONNECTION_RECORDER(connection_close)
CONNECTION_RECORDER(connection_close_ok)
CONNECTION_RECORDER(connection_update_secret)

/* What a client may say on an open channel. */
/* clang-format off */
#define CHANNEL_METHODS(X)                                                                    \
    X(channel_flow) X(channel_close) X(access_request)                                        \
    X(exchange_declare) X(exchange_delete) X(exchange_bind) X(exchange_unbind)                \
    X(queue_declare) X(queue_bind) X(queue_unbind) X(queue_purge) X(queue_delete)             \
    X(basic_qos) X(basic_consume) X(basic_cancel) X(basic_cancel_ok) X(basic_publish)         \
    X(basic_get) X(basic_ack) X(basic_nack) X(basic_reject) X(basic_recover)                  \
    X(basic_recover_async) X(confirm_select) X(tx_select) X(tx_commit) X(tx_rollback)
/* clang-format on */

CHANNEL_METHODS(CHANNEL_RECORDER)
CHANNEL_RECORDER(channel_close_ok)

/* Who asks for permissions, by the names of the methods that need one. */
/* clang-format off */
#define AUTHORIZED_METHODS(X)                                                                 \
    X(exchange_declare) X(exchange_delete) X(exchange_bind) X(exchange_unbind)                \
    X(queue_declare) X(queue_bind) X(queue_unbind) X(queue_purge) X(queue_delete)             \
    X(basic_consume) X(basic_get)
/* clang-format on */

static bool is_permitted;
static enum amqp_method_id asked_for; /* the method that was asked for */

#define AUTHORIZER(name)                                                                  \
    bool authorize_##name(struct channel *authorized, const struct amqp_method *method) { \
        assert_ptr_equal(authorized, &channel);                                           \
        asked_for = method->id;                                                           \
        if (!is_permitted)                                                                \
            record("refused " #name);                                                     \
        return is_permitted;                                                              \
    }

AUTHORIZED_METHODS(AUTHORIZER)

/* "basic_qos_ok" for AMQP_BASIC_QOS_OK. */
static const char *struct_name(enum amqp_method_id id) {
    static const char *const names[] = {
        "unknown",
#define METHOD(constant, name, wire_name, class_id, method_id, content) #name,
#define FIELD(method, type, name)
#define END(name)
#include "amqp/methods.def"
    };
    return names[id];
}

static bool is_channel_method(enum amqp_method_id id) {
    static const char *const names[] = {
#define AS_TEXT(name) #name,
        CHANNEL_METHODS(AS_TEXT)};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], struct_name(id)) == 0)
            return true;
    }
    return false;
}

static bool needs_permission(enum amqp_method_id id) {
    static const char *const names[] = {AUTHORIZED_METHODS(AS_TEXT)};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], struct_name(id)) == 0)
            return true;
    }
    return false;
}

static int start(void **state) {
    (void)state;
    is_permitted = true;
    memset(&user, 0, sizeof user);
    user.name = SLICE("alice");
    user.limits.max_channels = -1;
    memset(&broker, 0, sizeof broker);
    memset(&connection, 0, sizeof connection);
    memset(&channel, 0, sizeof channel);
    broker.settings.cluster_name = "rabbit@test";
    connection.broker = &broker;
    connection.user = &user;
    connection.state = CONNECTION_OPEN;
    connection.channel_max = 2047;
    channel.connection = &connection;
    channel.number = 1;
    channel.state = CHANNEL_OPEN;
    return 0;
}

static const char *dispatch(enum amqp_method_id id, uint16_t channel_number,
                            struct channel *open_channel) {
    struct amqp_method method = {.id = id};
    strcpy(answer, "ignored");
    dispatch_method(&connection, channel_number, open_channel, &method);
    return answer;
}

static void expect(const char *got, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void expect(const char *got, const char *format, ...) {
    char wanted[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wanted, sizeof wanted, format, arguments);
    va_end(arguments);
    assert_string_equal(got, wanted);
}

#define FOR_EACH_METHOD(id) \
    for (enum amqp_method_id id = AMQP_METHOD_UNKNOWN; id < AMQP_METHOD_COUNT; id++)

static void handshake_takes_one_method_per_state(void **state) {
    static const struct {
        enum connection_state state;
        enum amqp_method_id method;
    } expected[] = {
        {CONNECTION_AWAIT_START_OK, AMQP_CONNECTION_START_OK},
        {CONNECTION_AWAIT_TUNE_OK, AMQP_CONNECTION_TUNE_OK},
        {CONNECTION_AWAIT_OPEN, AMQP_CONNECTION_OPEN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        connection.state = expected[i].state;
        FOR_EACH_METHOD(id) {
            if (id == expected[i].method)
                expect(dispatch(id, 0, NULL), "handled %s", struct_name(id));
            else if (expected[i].state == CONNECTION_AWAIT_OPEN)
                expect(dispatch(id, 0, NULL),
                       "504 unexpected method in connection state opening, %u.%u",
                       amqp_method_class_id(id), amqp_method_method_id(id));
            else
                expect(dispatch(id, 0, NULL), "doomed");
            expect(dispatch(id, 1, NULL), "doomed");
        }
    }
}

static void channel_0_takes_close_and_update_secret(void **state) {
    (void)state;
    FOR_EACH_METHOD(id) {
        if (id == AMQP_CONNECTION_CLOSE || id == AMQP_CONNECTION_UPDATE_SECRET)
            expect(dispatch(id, 0, NULL), "handled %s", struct_name(id));
        else
            expect(dispatch(id, 0, NULL),
                   "504 unexpected method in connection state running, %u.%u",
                   amqp_method_class_id(id), amqp_method_method_id(id));
    }
}

static void closing_connection_hears_close_and_close_ok(void **state) {
    (void)state;
    connection.state = CONNECTION_CLOSING;
    FOR_EACH_METHOD(id) {
        if (id == AMQP_CONNECTION_CLOSE || id == AMQP_CONNECTION_CLOSE_OK)
            expect(dispatch(id, 0, NULL), "handled %s", struct_name(id));
        else
            expect(dispatch(id, 0, NULL), "ignored");
        expect(dispatch(id, 1, NULL), "ignored");
    }
}

static void ended_connection_hears_nothing(void **state) {
    static const enum connection_state states[] = {CONNECTION_CLOSE_OK_SENT, CONNECTION_DOOMED,
                                                   CONNECTION_CLOSED};
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        connection.state = states[i];
        FOR_EACH_METHOD(id) {
            expect(dispatch(id, 0, NULL), "ignored");
            expect(dispatch(id, 5, NULL), "ignored");
        }
    }
}

static void new_channel_must_begin_with_channel_open(void **state) {
    (void)state;
    FOR_EACH_METHOD(id) {
        if (id == AMQP_CHANNEL_OPEN)
            expect(dispatch(id, 900, NULL), "opens 900");
        else
            expect(dispatch(id, 900, NULL), "504 expected 'channel.open', %u.%u",
                   amqp_method_class_id(id), amqp_method_method_id(id));
    }
}

static void open_channel_takes_what_clients_say(void **state) {
    (void)state;
    FOR_EACH_METHOD(id) {
        if (id == AMQP_CHANNEL_OPEN)
            expect(dispatch(id, 1, &channel), "504 second 'channel.open' seen, 20.10");
        else if (is_channel_method(id))
            expect(dispatch(id, 1, &channel), "handled %s", struct_name(id));
        else
            expect(dispatch(id, 1, &channel), "503 unimplemented method, %u.%u",
                   amqp_method_class_id(id), amqp_method_method_id(id));
    }
}

static void closing_channel_hears_close_and_close_ok(void **state) {
    (void)state;
    channel.state = CHANNEL_CLOSING;
    FOR_EACH_METHOD(id) {
        if (id == AMQP_CHANNEL_CLOSE || id == AMQP_CHANNEL_CLOSE_OK)
            expect(dispatch(id, 1, &channel), "handled %s", struct_name(id));
        else
            expect(dispatch(id, 1, &channel), "ignored");
    }
}

static void channel_limit_counts_channels_and_blames_no_method(void **state) {
    (void)state;
    connection.channel_max = 2;
    connection.channel_count = 1;
    expect(dispatch(AMQP_CHANNEL_OPEN, 65535, NULL), "opens 65535");
    connection.channel_count = 2;
    expect(dispatch(AMQP_CHANNEL_OPEN, 1, NULL),
           "530 number of channels opened (2) has reached the negotiated channel_max (2), 0.0");
    /* the limit is looked at before the method */
    expect(dispatch(AMQP_QUEUE_DECLARE, 1, NULL),
           "530 number of channels opened (2) has reached the negotiated channel_max (2), 0.0");
    connection.channel_max = 0;
    expect(dispatch(AMQP_CHANNEL_OPEN, 1, NULL), "opens 1");
}

static void node_limit_counts_channels_of_all_connections(void **state) {
    (void)state;
    broker.settings.channel_max_per_node = 10;
    broker.channel_count = 9;
    expect(dispatch(AMQP_CHANNEL_OPEN, 1, NULL), "opens 1");
    broker.channel_count = 10;
    expect(dispatch(AMQP_CHANNEL_OPEN, 1, NULL),
           "530 number of channels opened on node 'rabbit@test' has reached the maximum allowed "
           "limit of 10, 0.0");
}

static void user_limit_counts_channels_of_the_user(void **state) {
    (void)state;
    user.limits.max_channels = 3;
    user.channel_count = 2;
    expect(dispatch(AMQP_CHANNEL_OPEN, 1, NULL), "opens 1");
    user.channel_count = 3;
    expect(dispatch(AMQP_CHANNEL_OPEN, 1, NULL),
           "530 number of channels opened for user 'alice' has reached the maximum allowed user "
           "limit of 3, 0.0");
    user.limits.max_channels = 0;
    user.channel_count = 0;
    expect(dispatch(AMQP_CHANNEL_OPEN, 1, NULL),
           "530 number of channels opened for user 'alice' has reached the maximum allowed user "
           "limit of 0, 0.0");
}

static void permission_is_asked_for_before_the_handler_runs(void **state) {
    (void)state;
    FOR_EACH_METHOD(id) {
        if (!is_channel_method(id))
            continue;
        asked_for = AMQP_METHOD_UNKNOWN;
        is_permitted = true;
        expect(dispatch(id, 1, &channel), "handled %s", struct_name(id));
        assert_int_equal(asked_for, needs_permission(id) ? id : AMQP_METHOD_UNKNOWN);
        is_permitted = false;
        expect(dispatch(id, 1, &channel), "%s %s", needs_permission(id) ? "refused" : "handled",
               struct_name(id));
    }
}

static void permission_column_names_who_asks(void **state) {
    (void)state;
    for (enum amqp_method_id id = AMQP_METHOD_UNKNOWN + 1; id < AMQP_METHOD_COUNT; id++) {
        const char *permission = dispatch_permission(id);
        assert_non_null(permission);
        if (needs_permission(id))
            assert_string_equal(permission, struct_name(id));
        else if (id == AMQP_BASIC_PUBLISH)
            assert_string_equal(permission, "when_complete");
        else if (id == AMQP_CONNECTION_OPEN || id == AMQP_CONNECTION_START_OK)
            assert_string_equal(permission, "by_handler");
        else
            assert_true(strcmp(permission, "not_needed") == 0 ||
                        strcmp(permission, "nobody_may") == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(handshake_takes_one_method_per_state, start),
        cmocka_unit_test_setup(channel_0_takes_close_and_update_secret, start),
        cmocka_unit_test_setup(closing_connection_hears_close_and_close_ok, start),
        cmocka_unit_test_setup(ended_connection_hears_nothing, start),
        cmocka_unit_test_setup(new_channel_must_begin_with_channel_open, start),
        cmocka_unit_test_setup(open_channel_takes_what_clients_say, start),
        cmocka_unit_test_setup(closing_channel_hears_close_and_close_ok, start),
        cmocka_unit_test_setup(channel_limit_counts_channels_and_blames_no_method, start),
        cmocka_unit_test_setup(node_limit_counts_channels_of_all_connections, start),
        cmocka_unit_test_setup(user_limit_counts_channels_of_the_user, start),
        cmocka_unit_test_setup(permission_is_asked_for_before_the_handler_runs, start),
        cmocka_unit_test_setup(permission_column_names_who_asks, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
