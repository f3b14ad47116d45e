/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies counted in buckets whose width grows with the value: 64 buckets per power of two, so
 * that every answer is within 1.6 % of the truth, from a nanosecond to 73 minutes, in 19 KiB and
 * without allocation.  Larger values are counted in the last bucket; minimum, maximum and mean are
 * exact.
 */
#ifndef LEVERET_PERF_HISTOGRAM_H
#define LEVERET_PERF_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS   6
#define HISTOGRAM_VALUE_BITS 42
#define HISTOGRAM_BUCKETS    ((HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t min_ns; /* meaningless while count is 0 */
    uint64_t max_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);

/* Counts `times` observations of the same value. */
void histogram_add(struct histogram *h, uint64_t value_ns, uint64_t times);

/* Adds all observations of `other`. */
void histogram_merge(struct histogram *h, const struct histogram *other);

/*
 * The least value that at least `percent` of the observations do not exceed, rounded up to the end
 * of its bucket but never above the maximum; 0 when nothing was observed.
 */
uint64_t histogram_percentile_ns(const struct histogram *h, double percent);

/* 0 when nothing was observed. */
double histogram_mean_ns(const struct histogram *h);

#endif
