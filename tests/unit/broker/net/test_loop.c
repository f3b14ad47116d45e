/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/net/loop.h"

#include <signal.h>
#include <time.h>

#include "fixture.h"

static int64_t monotonic_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int fired;
static int64_t fired_at_ms;
static struct fixture *firing_fixture;

static void timer_fires(struct timer *timer) {
    (void)timer;
    fired++;
    fired_at_ms = firing_fixture->env.now_ms;
}

static bool timer_has_fired(struct fixture *fixture) {
    (void)fixture;
    return fired > 0;
}

static void the_loop_sleeps_until_the_next_deadline(void **state) {
    struct fixture *fixture = *state;
    struct timer timer = {0};
    firing_fixture = fixture;
    fired = 0;
    int64_t due_ms = fixture->env.now_ms + 60;
    timer_start(&fixture->timers, &timer, due_ms, timer_fires);
    run_until(fixture, timer_has_fired);
    assert_int_equal(fired, 1);
    assert_true(fired_at_ms >= due_ms);
    assert_true(monotonic_ms() >= due_ms);
    /* First tick, perhaps a rounded-down wake-up, and the one at the deadline: no busy waiting. */
    assert_true(fixture->ticks <= 4);
}

static void start_earlier_timer(struct timer *timer) {
    static struct timer earlier;
    (void)timer;
    timer_start(&firing_fixture->timers, &earlier, firing_fixture->env.now_ms + 1, timer_fires);
}

static void a_nearer_deadline_replaces_the_one_that_was_set(void **state) {
    struct fixture *fixture = *state;
    struct timer far = {0}, near = {0};
    firing_fixture = fixture;
    fired = 0;
    timer_start(&fixture->timers, &far, fixture->env.now_ms + 3600000, timer_fires);
    timer_start(&fixture->timers, &near, fixture->env.now_ms + 5, start_earlier_timer);
    run_until(fixture, timer_has_fired);
    assert_int_equal(fired, 1);
    timer_stop(&fixture->timers, &far);
}

static bool three_ticks_passed(struct fixture *fixture) {
    loop_poll_again(fixture->loop);
    return fixture->ticks >= 3;
}

static void polling_again_does_not_wait(void **state) {
    struct fixture *fixture = *state;
    run_until(fixture, three_ticks_passed); /* would wait for ever: nothing else can happen */
    assert_int_equal(fixture->ticks, 3);
}

static bool input_was_expected_twice(struct fixture *fixture) {
    if (fixture->ticks == 1) {
        loop_expect_input(fixture->loop);
        loop_expect_input(fixture->loop);
    }
    return fired > 0;
}

static bool input_was_expected_once(struct fixture *fixture) {
    if (fixture->ticks == 1)
        loop_expect_input(fixture->loop);
    return fired > 0;
}

/* A look takes a microsecond, so that it ends long before the timer. */
static void input_that_does_not_come_is_not_awaited_for_long(void **state) {
    struct fixture *fixture = *state;
    struct timer timer = {0};
    firing_fixture = fixture;
    fired = 0;
    timer_start(&fixture->timers, &timer, fixture->env.now_ms + 60, timer_fires);
    run_until(fixture, input_was_expected_twice);
    assert_true(fixture->ticks < 1000);
}

static void input_that_is_expected_now_and_then_is_slept_for(void **state) {
    struct fixture *fixture = *state;
    struct timer timer = {0};
    firing_fixture = fixture;
    fired = 0;
    timer_start(&fixture->timers, &timer, fixture->env.now_ms + 60, timer_fires);
    run_until(fixture, input_was_expected_once);
    assert_true(fixture->ticks < 20);
}

static int last_signal;

static void keep_signal(void *context, int number) {
    (void)context;
    last_signal = number;
}

static bool signal_was_seen(struct fixture *fixture) {
    (void)fixture;
    return last_signal != 0;
}

static void signals_are_handled_in_the_loop(void **state) {
    struct fixture *fixture = *state;
    const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    loop_set_on_signal(fixture->loop, keep_signal, NULL);
    for (size_t i = 0; i < 3; i++) {
        last_signal = 0;
        kill(getpid(), signals[i]);
        run_until(fixture, signal_was_seen);
        assert_int_equal(last_signal, signals[i]);
    }
}

static void both_clocks_are_set(void **state) {
    struct fixture *fixture = *state;
    struct env env = {0};
    (void)fixture;
    loop_read_clock(&env);
    assert_true(env.now_ms > 0 && env.now_ms <= monotonic_ms());
    assert_true(env.wall_ms / 1000 <= time(NULL));
    assert_true(env.wall_ms / 1000 >= time(NULL) - 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_loop_sleeps_until_the_next_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_nearer_deadline_replaces_the_one_that_was_set, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(polling_again_does_not_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(input_that_does_not_come_is_not_awaited_for_long, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(input_that_is_expected_now_and_then_is_slept_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(signals_are_handled_in_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_clocks_are_set, set_up, tear_down),
    };
    (void)fixture_create;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
