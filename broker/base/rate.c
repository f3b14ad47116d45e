/* SPDX-License-Identifier: Apache-2.0 */
/* Two moments of a row of counters. */
#include "broker/base/rate.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"

struct rate_window {
    int64_t older_ms;
    int64_t newer_ms;
    size_t count;
    uint64_t counters[]; /* at the older moment, then at the newer */
};

static void remember(struct rate_window *window, const uint64_t *counters, int64_t now_ms) {
    const size_t size = window->count * sizeof *counters;

    window->older_ms = window->newer_ms;
    memcpy(window->counters, window->counters + window->count, size);
    window->newer_ms = now_ms;
    memcpy(window->counters + window->count, counters, size);
}

void rate_window_update(struct rate_window **window, const uint64_t *counters, size_t count,
                        int64_t now_ms) {
    if (*window == NULL) {
        *window = xcalloc(1, sizeof **window + 2 * count * sizeof *counters);
        (*window)->count = count;
        remember(*window, counters, now_ms);
        remember(*window, counters, now_ms);
    } else if (now_ms - (*window)->newer_ms >= RATE_INTERVAL_MS) {
        remember(*window, counters, now_ms);
    }
}

double rate_per_second(const struct rate_window *window, size_t index, uint64_t counter,
                       int64_t now_ms) {
    const int64_t past_ms = now_ms - window->older_ms;

    return past_ms <= 0
               ? 0
               : (double)(int64_t)(counter - window->counters[index]) * 1000 / (double)past_ms;
}

void rate_window_destroy(struct rate_window *window) {
    free(window);
}
