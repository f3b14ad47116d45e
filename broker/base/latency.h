/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long something took, as a histogram: plain integers of the owning thread, for a scrape to read. The
 * bounds go from what a disk takes at best to what a client notices.
 */
#ifndef LEVERET_BROKER_BASE_LATENCY_H
#define LEVERET_BROKER_BASE_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#define LATENCY_BUCKETS 13

struct latencies {
    uint64_t counts[LATENCY_BUCKETS]; /* up to latency_bounds_us[i]; the last is of longer ones */
    uint64_t sum_us;
};

extern const int64_t latency_bounds_us[LATENCY_BUCKETS - 1];

/* `count` times the same. */
static inline void latencies_add(struct latencies *latencies, int64_t us, uint64_t count) {
    size_t bucket = 0;

    while (bucket < LATENCY_BUCKETS - 1 && us > latency_bounds_us[bucket])
        bucket++;
    latencies->counts[bucket] += count;
    latencies->sum_us += us > 0 ? (uint64_t)us * count : 0;
}

#endif
