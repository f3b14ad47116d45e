/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time and memory of a process, usually the broker under test, as /proc tells them.
 */
#ifndef LEVERET_PERF_PROCESS_H
#define LEVERET_PERF_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process_usage {
    double cpu_seconds; /* user and system, all threads, in steps of 10 ms */
    uint64_t rss_kib;
    uint64_t rss_peak_kib;
};

/* False when there is no such process or its files cannot be read. */
bool process_usage_read(int64_t pid, struct process_usage *ret_usage);

/* CPU time of this process itself. */
double process_own_cpu_seconds(void);

#endif
