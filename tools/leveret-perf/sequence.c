/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/sequence.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"

#define WINDOW_MIN UINT64_C(1024)

void sequence_clear(struct sequence *s) {
    free(s->ahead);
    memset(s, 0, sizeof *s);
}

void sequence_restart(struct sequence *s, uint64_t next) {
    if (s->window > 0)
        memset(s->ahead, 0, s->window / 8);
    s->ahead_count = 0;
    s->seen = 0;
    s->next = next;
}

static bool test_bit(const struct sequence *s, uint64_t number) {
    uint64_t bit = number & (s->window - 1);
    return (s->ahead[bit / 64] >> (bit % 64) & 1) != 0;
}

static void flip_bit(struct sequence *s, uint64_t number) {
    uint64_t bit = number & (s->window - 1);
    s->ahead[bit / 64] ^= UINT64_C(1) << (bit % 64);
}

/* Moves `next` past the numbers that were seen already. */
static void skip_seen(struct sequence *s) {
    while (s->ahead_count > 0 && test_bit(s, s->next)) {
        flip_bit(s, s->next++);
        s->ahead_count--;
    }
}

/* A window of at least `distance` + 1 numbers from `next` on. */
static void widen(struct sequence *s, uint64_t distance) {
    struct sequence wider = *s;

    wider.window = s->window == 0 ? WINDOW_MIN : s->window;
    while (wider.window <= distance)
        wider.window *= 2;
    wider.ahead = xcalloc(wider.window / 64, sizeof *wider.ahead);
    for (uint64_t i = 0; i < s->window; i++) {
        if (test_bit(s, s->next + i))
            flip_bit(&wider, s->next + i);
    }
    free(s->ahead);
    *s = wider;
}

/* Gives up the oldest missing numbers until `number` is within the widest window. */
static void give_up_before(struct sequence *s, uint64_t number) {
    while (number - s->next >= SEQUENCE_WINDOW_MAX) {
        s->next++;
        skip_seen(s);
        if (s->ahead_count == 0)
            s->next = number - SEQUENCE_WINDOW_MAX + 1;
    }
}

bool sequence_take_unexpected(struct sequence *s, uint64_t number) {
    if (number < s->next)
        return false;
    if (number - s->next >= SEQUENCE_WINDOW_MAX)
        give_up_before(s, number);
    if (number - s->next >= s->window)
        widen(s, number - s->next);
    if (test_bit(s, number))
        return false;
    flip_bit(s, number);
    s->ahead_count++;
    s->seen++;
    skip_seen(s);
    return true;
}
