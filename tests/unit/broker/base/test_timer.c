/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* A timer that writes down when it fired, in one journal per test. */
struct alarm {
    struct timer timer;
    int64_t due_ms; /* what the model knows; -1 when not running */
    int fired;
    int64_t repeat_ms;    /* > 0: starts itself again that much later */
    struct alarm *victim; /* stopped when this one fires */
};

static struct timers timers;
static int64_t last_fired_due_ms;

static void alarm_fires(struct timer *timer) {
    struct alarm *alarm = (struct alarm *)(void *)timer;
    assert_true(alarm->due_ms >= 0);
    assert_true(alarm->due_ms <= timers.now_ms);
    assert_true(alarm->due_ms >= last_fired_due_ms);
    last_fired_due_ms = alarm->due_ms;
    alarm->fired++;
    alarm->due_ms = -1;
    if (alarm->victim != NULL) {
        timer_stop(&timers, &alarm->victim->timer);
        alarm->victim->due_ms = -1;
    }
    if (alarm->repeat_ms > 0) {
        alarm->due_ms = timers.now_ms + alarm->repeat_ms;
        timer_start(&timers, timer, alarm->due_ms, alarm_fires);
    }
}

static void alarm_start(struct alarm *alarm, int64_t due_ms) {
    alarm->due_ms = due_ms < timers.now_ms ? timers.now_ms : due_ms;
    timer_start(&timers, &alarm->timer, due_ms, alarm_fires);
}

static void advance(int64_t now_ms) {
    last_fired_due_ms = 0;
    timers_expire(&timers, now_ms);
}

static void a_timer_fires_at_its_deadline_and_not_before(void **state) {
    (void)state;
    const int64_t delays[] = {1, 63, 64, 65, 4095, 4096, 60000, 315360000000};
    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        struct alarm alarm = {0};
        timers_init(&timers, 1000);
        alarm_start(&alarm, 1000 + delays[i]);
        assert_int_equal(timers_next_deadline(&timers), 1000 + delays[i]);
        advance(1000 + delays[i] - 1);
        assert_int_equal(alarm.fired, 0);
        assert_true(timer_is_running(&alarm.timer));
        advance(1000 + delays[i]);
        assert_int_equal(alarm.fired, 1);
        assert_false(timer_is_running(&alarm.timer));
        assert_int_equal(timers_next_deadline(&timers), TIMERS_NONE);
    }
}

static void a_past_deadline_fires_at_the_next_expiry(void **state) {
    (void)state;
    struct alarm alarm = {0};
    timers_init(&timers, 5000);
    alarm_start(&alarm, 10);
    assert_int_equal(timers_next_deadline(&timers), 5000);
    advance(5000);
    assert_int_equal(alarm.fired, 1);
}

static void restarting_replaces_the_deadline(void **state) {
    (void)state;
    struct alarm alarm = {0};
    timers_init(&timers, 0);
    alarm_start(&alarm, 10);
    alarm_start(&alarm, 20);
    assert_int_equal(timers.count, 1);
    advance(15);
    assert_int_equal(alarm.fired, 0);
    advance(25);
    assert_int_equal(alarm.fired, 1);
}

static void a_callback_may_stop_a_timer_that_is_due_too(void **state) {
    (void)state;
    struct alarm second = {0}, first = {.victim = &second};
    timers_init(&timers, 0);
    alarm_start(&first, 10);
    alarm_start(&second, 11);
    advance(100);
    assert_int_equal(first.fired, 1);
    assert_int_equal(second.fired, 0);
    assert_int_equal(timers.count, 0);
}

static void a_callback_that_restarts_itself_fires_once_per_expiry(void **state) {
    (void)state;
    struct alarm alarm = {.repeat_ms = 5};
    timers_init(&timers, 0);
    alarm_start(&alarm, 5);
    advance(100);
    assert_int_equal(alarm.fired, 1);
    advance(104);
    assert_int_equal(alarm.fired, 1);
    advance(105);
    assert_int_equal(alarm.fired, 2);
}

static void free_owner(struct timer *timer) {
    free(timer);
}

static void a_callback_may_free_its_owner(void **state) {
    (void)state;
    timers_init(&timers, 0);
    for (int i = 0; i < 3; i++) {
        struct timer *timer = calloc(1, sizeof *timer);
        timer_start(&timers, timer, 7, free_owner);
    }
    advance(7);
    assert_int_equal(timers.count, 0);
}

static void a_crowded_slot_still_names_a_time_that_leads_on(void **state) {
    (void)state;
    static struct alarm alarms[100];
    timers_init(&timers, 0);
    for (int i = 0; i < 100; i++)
        alarm_start(&alarms[i], 10000 + i % 7);
    int wakes = 0;
    while (timers.count > 0) {
        int64_t next = timers_next_deadline(&timers);
        assert_true(next > timers.now_ms);
        assert_true(next <= 10000 || timers.now_ms >= 10000);
        advance(next);
        wakes++;
    }
    assert_true(wakes <= 3 + 7);
}

/* --- a thousand timers under random operations against the obvious model --- */

enum { ALARMS = 1000 };

static int64_t model_earliest(const struct alarm *alarms) {
    int64_t earliest = TIMERS_NONE;
    for (int i = 0; i < ALARMS; i++) {
        if (alarms[i].due_ms >= 0 && alarms[i].due_ms < earliest)
            earliest = alarms[i].due_ms;
    }
    return earliest;
}

static size_t model_count(const struct alarm *alarms) {
    size_t count = 0;
    for (int i = 0; i < ALARMS; i++)
        count += alarms[i].due_ms >= 0;
    return count;
}

static int64_t random_delay(unsigned *seed) {
    static const int64_t spans[] = {1, 10, 70, 5000, 300000, 20000000, INT64_C(1) << 45};
    int64_t span = spans[rand_r(seed) % 7];
    int64_t number = (int64_t)rand_r(seed) << 31 | rand_r(seed);
    return number % span - (rand_r(seed) % 50 == 0 ? 100 : 0);
}

static void random_operations_agree_with_the_model(void **state) {
    (void)state;
    static struct alarm alarms[ALARMS];
    unsigned seed = 11;
    timers_init(&timers, 123456789);
    for (int i = 0; i < ALARMS; i++)
        alarms[i].due_ms = -1;
    for (int step = 0; step < 30000; step++) {
        struct alarm *alarm = &alarms[rand_r(&seed) % ALARMS];
        int choice = rand_r(&seed) % 10;
        if (choice < 5) {
            alarm_start(alarm, timers.now_ms + random_delay(&seed));
        } else if (choice < 7) {
            timer_stop(&timers, &alarm->timer);
            alarm->due_ms = -1;
        } else {
            int64_t delay = random_delay(&seed) % 1000000;
            advance(timers.now_ms + (delay < 0 ? 0 : delay));
            assert_true(model_earliest(alarms) > timers.now_ms);
        }
        assert_int_equal(timers.count, model_count(alarms));
        int64_t earliest = model_earliest(alarms);
        int64_t next = timers_next_deadline(&timers);
        assert_true(next <= earliest);
        assert_true(next >= timers.now_ms);
        if (earliest == TIMERS_NONE || earliest >> 6 == timers.now_ms >> 6)
            assert_int_equal(next, earliest);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_at_its_deadline_and_not_before),
        cmocka_unit_test(a_past_deadline_fires_at_the_next_expiry),
        cmocka_unit_test(restarting_replaces_the_deadline),
        cmocka_unit_test(a_callback_may_stop_a_timer_that_is_due_too),
        cmocka_unit_test(a_callback_that_restarts_itself_fires_once_per_expiry),
        cmocka_unit_test(a_callback_may_free_its_owner),
        cmocka_unit_test(a_crowded_slot_still_names_a_time_that_leads_on),
        cmocka_unit_test(random_operations_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
