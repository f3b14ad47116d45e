/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hierarchical timer wheel on virtual time: millions of deadlines, constant cost to start and stop,
 * nothing at all while unused. Time is an argument; resolution is one millisecond. A timer fires
 * never before its deadline; timers due at the same call fire in order of their deadline.
 */
#ifndef LEVERET_BROKER_BASE_TIMER_H
#define LEVERET_BROKER_BASE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/base/list.h"

#define TIMERS_NONE  INT64_MAX
#define TIMER_LEVELS 8
#define TIMER_SLOTS  64

struct timer;
typedef void timer_callback(struct timer *timer);

/* Embedded in its owner. A zeroed timer is a stopped one. */
struct timer {
    struct list link;
    int64_t due_ms;
    timer_callback *on_expire; /* may start or stop any timer, also its own, and free its owner */
};

struct timers {
    int64_t now_ms;
    size_t count;
    uint64_t occupied[TIMER_LEVELS]; /* bit per slot that holds a timer */
    struct list slots[TIMER_LEVELS][TIMER_SLOTS];
};

void timers_init(struct timers *timers, int64_t now_ms);

/* (Re)starts `timer` to fire at `due_ms`. A time before timers->now_ms counts as that: it fires at the
 * next timers_expire(), never within the call that is running. */
void timer_start(struct timers *timers, struct timer *timer, int64_t due_ms,
                 timer_callback *on_expire);

/* Does nothing when not running. */
void timer_stop(struct timers *timers, struct timer *timer);

bool timer_is_running(const struct timer *timer);

/* The earliest deadline, TIMERS_NONE without timers. When many timers share it about, a time somewhat
 * earlier: timers_expire() at that time makes the next answer closer. */
int64_t timers_next_deadline(const struct timers *timers);

/* Advances the wheel to `now_ms` and calls what is due. Time never goes backwards. */
void timers_expire(struct timers *timers, int64_t now_ms);

#endif
