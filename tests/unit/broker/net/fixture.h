/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loop with the tick of the server, and an endpoint that does as the test says: it uses input in
 * units (like frames) of `unit` octets, remembers all of it, and echoes when asked to.
 * run_until() waits for a condition, not for a time; an alarm ends a program that waits for ever.
 */
#ifndef LEVERET_TESTS_NET_FIXTURE_H
#define LEVERET_TESTS_NET_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker/base/env.h"
#include "broker/base/timer.h"
#include "broker/net/loop.h"
#include "broker/net/transport.h"

#define TEST_SECONDS_MAX 30

struct fixture {
    struct env env;
    struct timers timers;
    struct endpoint_lists lists;
    struct outbuf_pool pool;
    struct loop *loop;
    bool (*condition)(struct fixture *fixture);
    int ticks;
    int ticks_of_run;
    int64_t time_ahead_ms; /* the wheel runs this far ahead of the clock */

    /* the endpoints' side */
    size_t unit;
    bool echo;
    size_t share;       /* yield after this much in one feed, 0: never */
    size_t pause_after; /* pause input when this much was received, 0: never */
    uint8_t *received;
    size_t received_len;
    int feeds;
    int created, ended, drained, destroyed;
    struct endpoint *endpoint; /* the one created last */
    char peer_name[128];
    bool peer_is_loopback;
    int warnings;
};

static size_t fixture_feed(struct endpoint *endpoint, struct slice bytes);
static void fixture_end(struct endpoint *endpoint);
static void fixture_drained(struct endpoint *endpoint);
static void fixture_destroy(struct endpoint *endpoint);

static const struct endpoint_ops fixture_ops = {
    .feed = fixture_feed,
    .on_end_of_input = fixture_end,
    .on_output_drained = fixture_drained,
    .destroy = fixture_destroy,
};

struct test_endpoint {
    struct endpoint endpoint;
    struct fixture *fixture;
};

static struct fixture *fixture_of(struct endpoint *endpoint) {
    return ((struct test_endpoint *)(void *)endpoint)->fixture;
}

static void say(struct endpoint *endpoint, struct slice bytes) {
    outbuf_append(&endpoint->output, bytes);
    endpoint_is_congested(endpoint);
    endpoint_mark_dirty(endpoint);
}

static size_t fixture_feed(struct endpoint *endpoint, struct slice bytes) {
    struct fixture *fixture = fixture_of(endpoint);
    size_t used = 0;
    assert_false(endpoint->closing);
    fixture->feeds++;
    while (bytes.len - used >= fixture->unit && !endpoint->input_paused) {
        fixture->received = realloc(fixture->received, fixture->received_len + fixture->unit);
        memcpy(fixture->received + fixture->received_len, bytes.data + used, fixture->unit);
        fixture->received_len += fixture->unit;
        if (fixture->echo)
            say(endpoint, slice_of(bytes.data + used, fixture->unit));
        used += fixture->unit;
        if (fixture->share > 0 && used >= fixture->share) {
            endpoint_yield(endpoint);
            break;
        }
        if (fixture->pause_after > 0 && fixture->received_len >= fixture->pause_after)
            endpoint_pause_input(endpoint, true);
    }
    return used;
}

static void fixture_end(struct endpoint *endpoint) {
    assert_false(endpoint->closing);
    fixture_of(endpoint)->ended++;
}

static void fixture_drained(struct endpoint *endpoint) {
    assert_true(outbuf_size(&endpoint->output) <= OUTPUT_LOW_WATER);
    fixture_of(endpoint)->drained++;
}

static void fixture_destroy(struct endpoint *endpoint) {
    struct fixture *fixture = fixture_of(endpoint);
    assert_int_equal(outbuf_size(&endpoint->output), 0);
    fixture->destroyed++;
    if (fixture->endpoint == endpoint)
        fixture->endpoint = NULL;
    free(endpoint);
}

static struct endpoint *fixture_create(void *context, const struct transport_peer *peer) {
    struct fixture *fixture = context;
    struct test_endpoint *made = calloc(1, sizeof *made);
    made->fixture = fixture;
    endpoint_init(&made->endpoint, &fixture_ops, &fixture->lists, &fixture->pool);
    fixture->endpoint = &made->endpoint;
    fixture->created++;
    fixture->peer_is_loopback = peer->is_loopback;
    strncpy(fixture->peer_name, peer->name, sizeof fixture->peer_name - 1);
    return &made->endpoint;
}

static void fixture_tick(void *context) {
    struct fixture *fixture = context;
    fixture->ticks++;
    fixture->ticks_of_run++;
    timers_expire(&fixture->timers, fixture->env.now_ms + fixture->time_ahead_ms);
    transports_flush(fixture->loop, &fixture->lists);
    transports_reap(fixture->loop);
    if (fixture->condition != NULL && fixture->condition(fixture))
        loop_stop(fixture->loop);
}

static void count_warning(void *context, enum log_category category, enum log_level level,
                          const char *message) {
    (void)category;
    (void)message;
    ((struct fixture *)context)->warnings += level == LOG_WARNING;
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->unit = 1;
    fixture->env.log = (struct log){.sink = count_warning, .context = fixture};
    loop_read_clock(&fixture->env);
    timers_init(&fixture->timers, fixture->env.now_ms);
    list_init(&fixture->lists.dirty);
    outbuf_pool_init(&fixture->pool, 4);
    fixture->loop = loop_create(&fixture->env, &fixture->timers);
    loop_set_before_wait(fixture->loop, fixture_tick, fixture);
    *state = fixture;
    alarm(TEST_SECONDS_MAX);
    return fixture->loop == NULL;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    alarm(0);
    transports_close_all(fixture->loop);
    loop_destroy(fixture->loop);
    assert_int_equal(fixture->created, fixture->destroyed);
    assert_int_equal(fixture->timers.count, 0);
    outbuf_pool_clear(&fixture->pool);
    free(fixture->received);
    free(fixture);
    return 0;
}

/* Turns the loop until the condition holds at the end of a tick. */
static void run_until(struct fixture *fixture, bool (*condition)(struct fixture *fixture)) {
    fixture->condition = condition;
    fixture->ticks_of_run = 0;
    loop_run(fixture->loop);
}

#endif
