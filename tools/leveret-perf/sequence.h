/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sequence numbers of one producer came out of one queue.  Several consumers of a queue share
 * its numbers, so they arrive out of order as a whole: everything below `next` has been seen, and a
 * bitmap tells which of the numbers above it have.  The bitmap grows with the distance between the
 * oldest missing and the newest number; past SEQUENCE_WINDOW_MAX the oldest is given up as missing.
 */
#ifndef LEVERET_PERF_SEQUENCE_H
#define LEVERET_PERF_SEQUENCE_H

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_WINDOW_MAX (UINT64_C(1) << 26)

struct sequence {
    uint64_t next;        /* the lowest number not seen */
    uint64_t seen;        /* different numbers seen */
    uint64_t ahead_count; /* of them, those above `next` */
    uint64_t *ahead;      /* bit (number % window) of each of those */
    uint64_t window;      /* bits in `ahead`, a power of two or 0 */
};

/* A zeroed sequence expects 0 first and may be cleared. */
void sequence_clear(struct sequence *s);

/* Restarts at `next`, as if all numbers below had been seen; keeps its memory. */
void sequence_restart(struct sequence *s, uint64_t next);

/* For sequence_take(): any number but the expected one. */
bool sequence_take_unexpected(struct sequence *s, uint64_t number);

/* False when the number was seen before. */
static inline bool sequence_take(struct sequence *s, uint64_t number) {
    if (number != s->next || s->ahead_count != 0)
        return sequence_take_unexpected(s, number);
    s->next++;
    s->seen++;
    return true;
}

#endif
