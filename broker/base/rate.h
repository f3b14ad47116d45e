/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates of counters without a timer. Whoever is asked for a rate keeps the counters' values of two
 * earlier moments; the rate looks back to the older one, so over RATE_INTERVAL_MS to twice that while it is
 * asked for often, and over the time since the last question otherwise. Nobody asks: no memory, no time.
 */
#ifndef LEVERET_BROKER_BASE_RATE_H
#define LEVERET_BROKER_BASE_RATE_H

#include <stddef.h>
#include <stdint.h>

#define RATE_INTERVAL_MS 5000

struct rate_window;

/* Takes the moment down in *window, made at the first call. The number of counters is always the same. */
void rate_window_update(struct rate_window **window, const uint64_t *counters, size_t count,
                        int64_t now_ms);

/* Of the counter at `index`, whose value is `counter` now, a second; 0 at the first question. Negative for
 * what can become less, like the length of a queue. */
double rate_per_second(const struct rate_window *window, size_t index, uint64_t counter,
                       int64_t now_ms);

/* NULL is allowed. */
void rate_window_destroy(struct rate_window *window);

#endif
