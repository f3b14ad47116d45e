/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timer wheel. A deadline is a number of eight digits in base 64 (milliseconds). A timer waits on
 * the level of the highest digit in which its deadline differs from the present, in the slot of
 * that digit. When the present reaches a slot of a higher level, the timers there move to lower
 * levels; at level 0 a slot is one millisecond and its timers are due. Invariants:
 *   1. Every deadline in the wheel is >= now_ms and agrees with it above the timer's level.
 *   2. Hence everything on a lower level is due before anything on a higher one, and slots of one
 *      level are due in their order.
 *   3. A bit of `occupied` is set exactly while its slot holds a timer.
 */
#include "broker/base/timer.h"

#include <assert.h>

#define BITS_PER_LEVEL 6
/* The last deadline the wheel can hold: the year 10889. Later ones count as that. */
#define DEADLINE_MAX ((INT64_C(1) << (BITS_PER_LEVEL * TIMER_LEVELS)) - 1)
/* How many timers of one slot timers_next_deadline() looks at. */
#define DEADLINE_SCAN_MAX 16

void timers_init(struct timers *timers, int64_t now_ms) {
    assert(now_ms >= 0);
    timers->now_ms = now_ms;
    timers->count = 0;
    for (int level = 0; level < TIMER_LEVELS; level++) {
        timers->occupied[level] = 0;
        for (int slot = 0; slot < TIMER_SLOTS; slot++)
            list_init(&timers->slots[level][slot]);
    }
}

/* Links `timer` where its deadline belongs, seen from now. */
static void place_timer(struct timers *timers, struct timer *timer) {
    uint64_t difference = (uint64_t)(timer->due_ms ^ timers->now_ms);
    int level = difference == 0 ? 0 : (63 - __builtin_clzll(difference)) / BITS_PER_LEVEL;
    int slot = (int)(timer->due_ms >> (level * BITS_PER_LEVEL)) & (TIMER_SLOTS - 1);

    list_append(&timers->slots[level][slot], &timer->link);
    timers->occupied[level] |= UINT64_C(1) << slot;
}

void timer_start(struct timers *timers, struct timer *timer, int64_t due_ms,
                 timer_callback *on_expire) {
    timer_stop(timers, timer);
    timer->due_ms = due_ms < timers->now_ms ? timers->now_ms : due_ms;
    if (timer->due_ms > DEADLINE_MAX)
        timer->due_ms = DEADLINE_MAX;
    timer->on_expire = on_expire;
    timers->count++;
    place_timer(timers, timer);
}

/* Clears the bit of the slot whose list head is `head`; other list heads are ignored. */
static void mark_slot_empty(struct timers *timers, const struct list *head) {
    const struct list *first = &timers->slots[0][0];
    if ((uintptr_t)head < (uintptr_t)first ||
        (uintptr_t)head >= (uintptr_t)(first + TIMER_LEVELS * TIMER_SLOTS))
        return;
    size_t index = (size_t)(head - first);
    timers->occupied[index / TIMER_SLOTS] &= ~(UINT64_C(1) << index % TIMER_SLOTS);
}

void timer_stop(struct timers *timers, struct timer *timer) {
    if (!timer_is_running(timer))
        return;
    if (timer->link.next == timer->link.previous) /* alone: the neighbour is the list head */
        mark_slot_empty(timers, timer->link.next);
    list_remove(&timer->link);
    timers->count--;
}

bool timer_is_running(const struct timer *timer) {
    return list_is_linked(&timer->link);
}

/* The lowest level that holds a timer, -1 when there is none; `ret_slot` is its first slot. */
static int first_slot(const struct timers *timers, int *ret_slot) {
    for (int level = 0; level < TIMER_LEVELS; level++) {
        if (timers->occupied[level] != 0) {
            *ret_slot = __builtin_ctzll(timers->occupied[level]);
            return level;
        }
    }
    return -1;
}

/* The first millisecond of a slot. */
static int64_t slot_start(const struct timers *timers, int level, int slot) {
    int shift = level * BITS_PER_LEVEL;
    int64_t above = timers->now_ms >> (shift + BITS_PER_LEVEL) << (shift + BITS_PER_LEVEL);
    return above | (int64_t)slot << shift;
}

int64_t timers_next_deadline(const struct timers *timers) {
    int slot;
    int level = first_slot(timers, &slot);

    if (level < 0)
        return TIMERS_NONE;
    if (level == 0)
        return slot_start(timers, level, slot);
    const struct list *list = &timers->slots[level][slot];
    int64_t earliest = TIMERS_NONE;
    int scanned = 0;
    LIST_FOR_EACH(list, at) {
        if (scanned++ == DEADLINE_SCAN_MAX)
            return slot_start(timers, level, slot);
        const struct timer *timer = LIST_ITEM(at, struct timer, link);
        earliest = timer->due_ms < earliest ? timer->due_ms : earliest;
    }
    return earliest;
}

/* Moves the timers of a slot that the present has reached to where they belong now. */
static void spread_slot(struct timers *timers, struct list *slot) {
    struct list *link;
    while ((link = list_take_first(slot)) != NULL)
        place_timer(timers, LIST_ITEM(link, struct timer, link));
}

/* Advances to `now_ms` and moves what is due to `due`, in order of the deadline. */
static void collect_due(struct timers *timers, int64_t now_ms, struct list *due) {
    int slot;
    int level;

    while ((level = first_slot(timers, &slot)) >= 0) {
        int64_t start = slot_start(timers, level, slot);
        if (start > now_ms)
            break;
        timers->now_ms = start;
        timers->occupied[level] &= ~(UINT64_C(1) << slot);
        if (level == 0)
            list_move_all(due, &timers->slots[0][slot]);
        else
            spread_slot(timers, &timers->slots[level][slot]);
    }
    timers->now_ms = now_ms;
}

void timers_expire(struct timers *timers, int64_t now_ms) {
    struct list due;
    struct list *link;

    if (now_ms < timers->now_ms)
        return;
    list_init(&due);
    collect_due(timers, now_ms, &due);
    while ((link = list_take_first(&due)) != NULL) {
        struct timer *timer = LIST_ITEM(link, struct timer, link);
        timers->count--;
        timer->on_expire(timer);
    }
}
