/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leveret-perf says: a line per interval, the summary, the JSON line, and what is wrong.
 */
#ifndef LEVERET_PERF_REPORT_H
#define LEVERET_PERF_REPORT_H

struct perf;

/* The interval that ends now; begins the next one. */
void report_interval(struct perf *perf);

/* Rates, latencies and the findings of the whole measurement. */
void report_end(const struct perf *perf);

#endif
