/* SPDX-License-Identifier: Apache-2.0 */
/* Resource alarms against two bare connections, one of which understands connection.blocked. */
#include "broker/protocol/blocking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/entities/broker.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/heartbeat.h"
#include "broker/protocol/send.h"

static struct env env;
static struct broker broker;
static struct connection told, mute;
static int blocked_count, unblocked_count;
static char last_reason[64];
static bool told_is_watched; /* the receive side of its heartbeats */

void send_method(struct connection *connection, uint16_t channel_number,
                 const struct amqp_method *method) {
    assert_ptr_equal(connection, &told);
    assert_int_equal(channel_number, 0);
    if (method->id == AMQP_CONNECTION_BLOCKED) {
        struct slice reason = method->connection_blocked.reason;
        blocked_count++;
        memcpy(last_reason, reason.data, reason.len);
        last_reason[reason.len] = '\0';
    } else {
        assert_int_equal(method->id, AMQP_CONNECTION_UNBLOCKED);
        unblocked_count++;
    }
}

void heartbeat_pause_receive(struct connection *connection) {
    if (connection == &told)
        told_is_watched = false;
}

void heartbeat_resume_receive(struct connection *connection) {
    if (connection == &told)
        told_is_watched = true;
}

static void add_connection(struct connection *connection) {
    memset(connection, 0, sizeof *connection);
    connection->broker = &broker;
    connection->state = CONNECTION_OPEN;
    connection->endpoint.lists = &broker.endpoints;
    list_append(&broker.connections, &connection->broker_link);
}

static int start(void **state) {
    (void)state;
    memset(&broker, 0, sizeof broker);
    broker.env = &env;
    list_init(&broker.connections);
    list_init(&broker.endpoints.dirty);
    add_connection(&told);
    add_connection(&mute);
    told.connection_blocked = true;
    blocked_count = unblocked_count = 0;
    told_is_watched = true;
    return 0;
}

static void nothing_happens_until_a_publish(void **state) {
    (void)state;
    broker_set_memory_alarm(&broker, true);
    assert_false(told.endpoint.input_paused);
    assert_int_equal(blocked_count, 0);
    broker_set_memory_alarm(&broker, false);
    assert_int_equal(unblocked_count, 0);
}

static void publisher_is_blocked_once_and_told_why(void **state) {
    (void)state;
    broker_set_memory_alarm(&broker, true);
    blocking_on_publish(&told);
    blocking_on_publish(&told);
    assert_int_equal(blocked_count, 1);
    assert_string_equal(last_reason, "low on memory");
    assert_true(told.endpoint.input_paused);
    assert_false(told_is_watched);
    assert_false(mute.endpoint.input_paused);
}

static void reason_names_every_alarm(void **state) {
    (void)state;
    broker_set_disk_alarm(&broker, true);
    blocking_on_publish(&told);
    assert_string_equal(last_reason, "low on disk");
    broker_set_disk_alarm(&broker, false);
    broker_set_memory_alarm(&broker, true);
    broker_set_disk_alarm(&broker, true);
    blocking_on_publish(&told);
    assert_string_equal(last_reason, "low on memory & disk");
}

static void last_alarm_to_clear_unblocks(void **state) {
    (void)state;
    broker_set_memory_alarm(&broker, true);
    broker_set_disk_alarm(&broker, true);
    blocking_on_publish(&told);
    broker_set_memory_alarm(&broker, false);
    assert_true(told.endpoint.input_paused);
    broker_set_disk_alarm(&broker, false);
    assert_int_equal(unblocked_count, 1);
    assert_false(told.endpoint.input_paused);
    assert_true(told_is_watched);
}

static void client_without_the_capability_is_blocked_silently(void **state) {
    (void)state;
    broker_set_memory_alarm(&broker, true);
    blocking_on_publish(&mute); /* send_method() accepts only the other one */
    assert_true(mute.endpoint.input_paused);
    broker_set_memory_alarm(&broker, false);
    assert_false(mute.endpoint.input_paused);
}

static void closing_connection_is_left_alone(void **state) {
    (void)state;
    broker_set_memory_alarm(&broker, true);
    told.state = CONNECTION_CLOSING;
    blocking_on_publish(&told);
    assert_false(told.endpoint.input_paused);
    assert_int_equal(blocked_count, 0);
}

static void publishing_without_an_alarm_changes_nothing(void **state) {
    (void)state;
    blocking_on_publish(&told);
    assert_false(told.blocked);
    assert_false(told.endpoint.input_paused);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_happens_until_a_publish, start),
        cmocka_unit_test_setup(publisher_is_blocked_once_and_told_why, start),
        cmocka_unit_test_setup(reason_names_every_alarm, start),
        cmocka_unit_test_setup(last_alarm_to_clear_unblocks, start),
        cmocka_unit_test_setup(client_without_the_capability_is_blocked_silently, start),
        cmocka_unit_test_setup(closing_connection_is_left_alone, start),
        cmocka_unit_test_setup(publishing_without_an_alarm_changes_nothing, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
