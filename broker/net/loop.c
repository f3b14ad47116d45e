/* SPDX-License-Identifier: Apache-2.0 */
/* libev, reduced to what a broker needs: epoll, one hook, one deadline. */
#include "broker/net/loop_private.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "broker/base/alloc.h"
#include "broker/net/transport.h"

/* loop_expect_input(): asked again so soon it keeps the loop awake for so long. */
#define EXPECTED_AGAIN_US 100
#define AWAKE_US          50

static const int handled_signals[LOOP_SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGHUP};

static int64_t clock_us(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

void loop_read_fine_clock(struct env *env) {
    env->now_us = clock_us(CLOCK_MONOTONIC);
}

void loop_read_clock(struct env *env) {
    loop_read_fine_clock(env);
    env->now_ms = env->now_us / 1000;
    env->wall_ms = clock_us(CLOCK_REALTIME) / 1000;
}

void loop_expect_input(struct loop *loop) {
    int64_t now_us = clock_us(CLOCK_MONOTONIC);

    if (now_us - loop->expected_us < EXPECTED_AGAIN_US)
        loop->awake_until_us = now_us + AWAKE_US;
    loop->expected_us = now_us;
}

static void stay_awake(struct loop *loop) {
    if (clock_us(CLOCK_MONOTONIC) >= loop->awake_until_us) {
        loop->awake_until_us = 0;
        return;
    }
    sched_yield();
    loop_poll_again(loop);
}

/* Wakes the loop when the wheel's next timer is due; the kernel is not told, libev is. */
static void follow_deadline(struct loop *loop) {
    int64_t deadline_ms = timers_next_deadline(loop->timers);

    if (deadline_ms == loop->deadline_ms)
        return;
    loop->deadline_ms = deadline_ms;
    ev_timer_stop(loop->ev, &loop->deadline);
    if (deadline_ms == TIMERS_NONE)
        return;
    /* A millisecond more: when it was set one had begun, and nothing that has a delay comes early. */
    int64_t delay_ms = deadline_ms >= loop->env->now_ms ? deadline_ms - loop->env->now_ms + 1 : 0;
    ev_timer_set(&loop->deadline, (double)delay_ms / 1000, 0.);
    ev_timer_start(loop->ev, &loop->deadline);
}

static void on_prepare(struct ev_loop *ev, ev_prepare *watcher, int events) {
    struct loop *loop = watcher->data;

    (void)events;
    ev_idle_stop(ev, &loop->idle);
    if (loop->before_wait != NULL)
        loop->before_wait(loop->before_wait_context);
    follow_deadline(loop);
    if (loop->awake_until_us != 0)
        stay_awake(loop);
}

/* Runs right after the wait, before any socket's callback. */
static void on_check(struct ev_loop *ev, ev_check *watcher, int events) {
    struct loop *loop = watcher->data;

    (void)ev;
    (void)events;
    loop_read_clock(loop->env);
}

/* The next on_prepare expires the wheel; here it is enough to have woken. */
static void on_deadline(struct ev_loop *ev, ev_timer *watcher, int events) {
    struct loop *loop = watcher->data;

    (void)ev;
    (void)events;
    loop->deadline_ms = TIMERS_NONE;
}

static void on_idle(struct ev_loop *ev, ev_idle *watcher, int events) {
    (void)ev;
    (void)watcher;
    (void)events;
}

static void on_ev_signal(struct ev_loop *ev, ev_signal *watcher, int events) {
    struct loop *loop = watcher->data;

    (void)ev;
    (void)events;
    if (loop->on_signal != NULL)
        loop->on_signal(loop->on_signal_context, watcher->signum);
}

static void on_periodic(struct ev_loop *ev, ev_periodic *watcher, int events) {
    (void)ev;
    (void)watcher;
    (void)events;
}

/*
 * libev wakes every minute to see whether somebody has set the clock, unless the kernel is to tell
 * (timerfd), for which it asks with the first periodic watcher.
 */
static void sleep_through_minutes(struct ev_loop *ev) {
    ev_periodic periodic;

    ev_periodic_init(&periodic, on_periodic, ev_now(ev) + 1e9, 0., NULL);
    ev_periodic_start(ev, &periodic);
    ev_periodic_stop(ev, &periodic);
}

struct loop *loop_create(struct env *env, struct timers *timers) {
    struct ev_loop *ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (ev == NULL)
        return NULL;
    sleep_through_minutes(ev);
    struct loop *loop = xcalloc(1, sizeof *loop);
    loop->ev = ev;
    loop->env = env;
    loop->timers = timers;
    loop->deadline_ms = TIMERS_NONE;
    list_init(&loop->transports);
    list_init(&loop->ended_transports);
    list_init(&loop->handshakes);
    list_init(&loop->paused_listeners);

    ev_prepare_init(&loop->prepare, on_prepare);
    ev_check_init(&loop->check, on_check);
    ev_set_priority(&loop->check, EV_MAXPRI);
    ev_idle_init(&loop->idle, on_idle);
    ev_timer_init(&loop->deadline, on_deadline, 0., 0.);
    loop->prepare.data = loop->check.data = loop->deadline.data = loop;
    ev_prepare_start(ev, &loop->prepare);
    ev_check_start(ev, &loop->check);
    return loop;
}

void loop_destroy(struct loop *loop) {
    if (loop == NULL)
        return;
    assert(loop->transport_count == 0);
    assert(list_is_empty(&loop->paused_listeners));
    if (loop->on_signal != NULL) {
        for (int i = 0; i < LOOP_SIGNAL_COUNT; i++)
            ev_signal_stop(loop->ev, &loop->signals[i]);
    }
    if (loop->on_wake != NULL)
        ev_async_stop(loop->ev, &loop->wake);
    ev_loop_destroy(loop->ev);
    free(loop->input);
    free(loop->ciphertext);
    tls_buffer_clear(&loop->tls_output);
    free(loop);
}

void loop_set_before_wait(struct loop *loop, void (*before_wait)(void *context), void *context) {
    loop->before_wait = before_wait;
    loop->before_wait_context = context;
}

void loop_set_on_signal(struct loop *loop, void (*on_signal)(void *context, int number),
                        void *context) {
    assert(loop->on_signal == NULL);
    loop->on_signal = on_signal;
    loop->on_signal_context = context;
    for (int i = 0; i < LOOP_SIGNAL_COUNT; i++) {
        ev_signal_init(&loop->signals[i], on_ev_signal, handled_signals[i]);
        loop->signals[i].data = loop;
        ev_signal_start(loop->ev, &loop->signals[i]);
    }
}

static void on_async(struct ev_loop *ev, ev_async *watcher, int events) {
    struct loop *loop = watcher->data;

    (void)ev;
    (void)events;
    loop->on_wake(loop->on_wake_context);
}

void loop_set_on_wake(struct loop *loop, void (*on_wake)(void *context), void *context) {
    assert(loop->on_wake == NULL);
    loop->on_wake = on_wake;
    loop->on_wake_context = context;
    ev_async_init(&loop->wake, on_async);
    loop->wake.data = loop;
    ev_async_start(loop->ev, &loop->wake);
}

void loop_wake(struct loop *loop) {
    ev_async_send(loop->ev, &loop->wake);
}

void loop_run(struct loop *loop) {
    ev_run(loop->ev, 0);
}

void loop_stop(struct loop *loop) {
    ev_break(loop->ev, EVBREAK_ALL);
}

void loop_poll_again(struct loop *loop) {
    ev_idle_start(loop->ev, &loop->idle);
}

size_t loop_transport_count(const struct loop *loop) {
    return loop->transport_count;
}

uint8_t *loop_input(struct loop *loop, size_t size) {
    if (size > loop->input_capacity) {
        free(loop->input);
        loop->input = try_malloc(size);
        loop->input_capacity = loop->input == NULL ? 0 : size;
    }
    return loop->input;
}

uint8_t *loop_ciphertext(struct loop *loop) {
    if (loop->ciphertext == NULL)
        loop->ciphertext = try_malloc(TRANSPORT_READ_SIZE);
    return loop->ciphertext;
}
