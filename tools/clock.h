/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of the programs behind tools/bench. */
#ifndef LEVERET_TOOLS_CLOCK_H
#define LEVERET_TOOLS_CLOCK_H

#include <time.h>

/* Seconds from some moment on, which never go back. */
static inline double now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#endif
