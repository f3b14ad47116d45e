/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bucket 0..63 hold one value each.  From 64 on a value is cut to its 7 leading bits: the position
 * of the first one chooses a row of 64 buckets, the 6 bits after it the bucket in the row.
 */
#include "tools/leveret-perf/histogram.h"

#include <string.h>

#define ROW (1U << HISTOGRAM_SUB_BITS)

static unsigned bucket_of(uint64_t value) {
    unsigned magnitude, shift, bucket;

    if (value < ROW)
        return (unsigned)value;
    magnitude = 63 - (unsigned)__builtin_clzll(value);
    shift = magnitude - HISTOGRAM_SUB_BITS;
    bucket = (shift + 1) * ROW + ((unsigned)(value >> shift) & (ROW - 1));
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t bucket_end(unsigned bucket) {
    unsigned row = bucket / ROW;
    uint64_t within = bucket % ROW;

    if (row == 0)
        return within;
    return ((ROW + within + 1) << (row - 1)) - 1;
}

void histogram_clear(struct histogram *h) {
    memset(h, 0, sizeof *h);
}

void histogram_add(struct histogram *h, uint64_t value_ns, uint64_t times) {
    if (times == 0)
        return;
    if (h->count == 0 || value_ns < h->min_ns)
        h->min_ns = value_ns;
    if (value_ns > h->max_ns)
        h->max_ns = value_ns;
    h->count += times;
    h->sum_ns += value_ns * times;
    h->buckets[bucket_of(value_ns)] += times;
}

void histogram_merge(struct histogram *h, const struct histogram *other) {
    if (other->count == 0)
        return;
    if (h->count == 0 || other->min_ns < h->min_ns)
        h->min_ns = other->min_ns;
    if (other->max_ns > h->max_ns)
        h->max_ns = other->max_ns;
    h->count += other->count;
    h->sum_ns += other->sum_ns;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        h->buckets[i] += other->buckets[i];
}

uint64_t histogram_percentile_ns(const struct histogram *h, double percent) {
    double wanted = percent / 100.0 * (double)h->count;
    uint64_t seen = 0;

    if (h->count == 0)
        return 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += h->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return bucket_end(i) < h->max_ns ? bucket_end(i) : h->max_ns;
    }
    return h->max_ns;
}

double histogram_mean_ns(const struct histogram *h) {
    return h->count == 0 ? 0 : (double)h->sum_ns / (double)h->count;
}
