/* SPDX-License-Identifier: Apache-2.0 */
/* The time of day, for lines of the log. What the broker itself goes by is in its env. */
#ifndef LEVERET_BROKER_WALL_CLOCK_H
#define LEVERET_BROKER_WALL_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t wall_clock_us(void) {
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

#endif
