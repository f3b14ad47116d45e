/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats against a connection that only has counters; time is virtual. */
#include "broker/protocol/heartbeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/send.h"

static struct env env;
static struct broker broker;
static struct connection connection;
static int heartbeats; /* frames sent so far */
static int64_t ended_at_ms;

/* What heartbeat.c calls: a frame that leaves at once, and the end. */
void send_heartbeat(struct connection *sender) {
    heartbeats++;
    sender->endpoint.sent_bytes += AMQP_FRAME_OVERHEAD;
}

void connection_end(struct connection *ended, bool reset) {
    assert_true(reset);
    ended_at_ms = env.now_ms;
    heartbeat_stop(ended);
}

static int start(void **state) {
    (void)state;
    memset(&env, 0, sizeof env);
    memset(&broker, 0, sizeof broker);
    memset(&connection, 0, sizeof connection);
    heartbeats = 0;
    ended_at_ms = -1;
    broker.env = &env;
    timers_init(&broker.timers, 0);
    connection.broker = &broker;
    connection.endpoint.lists = &broker.endpoints;
    connection.name = (char *)(uintptr_t) "peer";
    connection.heartbeat_s = 2;
    connection.endpoint.sent_bytes = 500; /* the handshake */
    connection.endpoint.received_bytes = 500;
    heartbeat_start(&connection);
    return 0;
}

static void advance_to(int64_t now_ms) {
    env.now_ms = now_ms;
    timers_expire(&broker.timers, now_ms);
}

static void idle_connection_gets_a_frame_every_half_interval(void **state) {
    (void)state;
    advance_to(999);
    assert_int_equal(heartbeats, 0);
    for (int i = 1; i <= 4; i++) {
        advance_to(i * 1000);
        assert_int_equal(heartbeats, i);
    }
}

static void first_look_sends_although_octets_left(void **state) {
    (void)state;
    connection.endpoint.sent_bytes = 9000;
    advance_to(1000);
    assert_int_equal(heartbeats, 1);
}

static void octets_that_left_replace_the_frame(void **state) {
    (void)state;
    advance_to(1000);
    connection.endpoint.sent_bytes += 100;
    advance_to(2000);
    assert_int_equal(heartbeats, 1);
    advance_to(3000);
    assert_int_equal(heartbeats, 2);
}

static void nothing_is_put_behind_output_that_waits(void **state) {
    struct outbuf_pool pool;
    (void)state;
    outbuf_pool_init(&pool, 0);
    outbuf_init(&connection.endpoint.output, &pool);
    advance_to(1000);
    outbuf_append(&connection.endpoint.output, SLICE("stuck"));
    advance_to(2000);
    assert_int_equal(heartbeats, 1);
    outbuf_clear(&connection.endpoint.output);
    outbuf_pool_clear(&pool);
}

static void silent_peer_is_dropped_after_two_whole_intervals(void **state) {
    (void)state;
    advance_to(2000); /* the first look: the handshake was traffic */
    advance_to(4000);
    assert_int_equal(ended_at_ms, -1);
    advance_to(6000);
    assert_int_equal(ended_at_ms, 6000);
}

static void any_octet_is_a_sign_of_life(void **state) {
    (void)state;
    for (int64_t at = 2000; at <= 20000; at += 2000) {
        if (at % 4000 == 0) /* a single octet, every second interval */
            connection.endpoint.received_bytes++;
        advance_to(at);
    }
    assert_int_equal(ended_at_ms, -1);
}

/* A congested connection is not read from, so heartbeats of the peer cannot be seen. */
static void octets_a_congested_peer_takes_are_a_sign_of_life(void **state) {
    struct outbuf_pool pool;
    (void)state;
    outbuf_pool_init(&pool, 0);
    outbuf_init(&connection.endpoint.output, &pool);
    outbuf_append(&connection.endpoint.output, SLICE("much"));
    connection.endpoint.congested = true;
    for (int64_t at = 2000; at <= 20000; at += 2000) {
        connection.endpoint.sent_bytes += 1000;
        advance_to(at);
    }
    assert_int_equal(ended_at_ms, -1);
    advance_to(22000); /* now it takes nothing any more */
    advance_to(24000);
    assert_int_equal(ended_at_ms, 24000);
    outbuf_clear(&connection.endpoint.output);
    outbuf_pool_clear(&pool);
}

static void octets_that_leave_otherwise_are_none(void **state) {
    (void)state;
    for (int64_t at = 2000; at <= 6000; at += 2000) {
        connection.endpoint.sent_bytes += 1000;
        advance_to(at);
    }
    assert_int_equal(ended_at_ms, 6000);
}

static void receive_side_rests_while_paused(void **state) {
    (void)state;
    heartbeat_pause_receive(&connection);
    advance_to(60000);
    assert_int_equal(ended_at_ms, -1);
    assert_true(heartbeats > 0);
    heartbeat_resume_receive(&connection);
    advance_to(62000);
    advance_to(64000);
    assert_int_equal(ended_at_ms, -1);
    advance_to(66000);
    assert_int_equal(ended_at_ms, 66000);
}

static void zero_means_no_heartbeats(void **state) {
    (void)state;
    heartbeat_stop(&connection);
    connection.heartbeat_s = 0;
    heartbeat_start(&connection);
    heartbeat_resume_receive(&connection);
    assert_int_equal(broker.timers.count, 0);
}

static void stopped_heartbeats_leave_no_timer(void **state) {
    (void)state;
    heartbeat_stop(&connection);
    assert_int_equal(broker.timers.count, 0);
}

static uint64_t in_the_kernel;

static uint64_t progress(const struct endpoint *endpoint) {
    (void)endpoint;
    return in_the_kernel;
}

/* Nothing fits into the socket for longer than an interval, while the peer reads what is there. */
static void a_slow_reader_is_alive_as_the_kernel_tells(void **state) {
    (void)state;
    broker.endpoints.progress = progress;
    in_the_kernel = 1;
    connection.endpoint.congested = true;
    for (int64_t now_ms = 2000; now_ms <= 20000; now_ms += 2000) {
        advance_to(now_ms);
        in_the_kernel++;
    }
    assert_int_equal(ended_at_ms, -1);
    for (int64_t now_ms = 22000; now_ms <= 26000; now_ms += 2000)
        advance_to(now_ms);
    assert_int_equal(ended_at_ms, 26000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(idle_connection_gets_a_frame_every_half_interval, start),
        cmocka_unit_test_setup(first_look_sends_although_octets_left, start),
        cmocka_unit_test_setup(octets_that_left_replace_the_frame, start),
        cmocka_unit_test_setup(nothing_is_put_behind_output_that_waits, start),
        cmocka_unit_test_setup(silent_peer_is_dropped_after_two_whole_intervals, start),
        cmocka_unit_test_setup(any_octet_is_a_sign_of_life, start),
        cmocka_unit_test_setup(a_slow_reader_is_alive_as_the_kernel_tells, start),
        cmocka_unit_test_setup(octets_a_congested_peer_takes_are_a_sign_of_life, start),
        cmocka_unit_test_setup(octets_that_leave_otherwise_are_none, start),
        cmocka_unit_test_setup(receive_side_rests_while_paused, start),
        cmocka_unit_test_setup(zero_means_no_heartbeats, start),
        cmocka_unit_test_setup(stopped_heartbeats_leave_no_timer, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
