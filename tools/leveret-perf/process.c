/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The beginning of /proc/PID/<name>, NUL-terminated. */
static bool read_proc(int64_t pid, const char *name, char *text, size_t size) {
    char path[64];
    size_t len;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%" PRId64 "/%s", pid, name);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    fclose(file);
    return len > 0;
}

/* utime and stime are fields 14 and 15; the name in field 2 may contain anything, even blanks. */
static bool parse_cpu(const char *stat, double *ret_seconds) {
    const char *after_name = strrchr(stat, ')');
    unsigned long user, system;

    if (after_name == NULL || sscanf(after_name,
                                     ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
                                     " %lu %lu",
                                     &user, &system) != 2)
        return false;
    *ret_seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    return true;
}

static uint64_t parse_kib(const char *status, const char *key) {
    const char *line = strstr(status, key);
    return line == NULL ? 0 : strtoull(line + strlen(key), NULL, 10);
}

bool process_usage_read(int64_t pid, struct process_usage *ret_usage) {
    char text[4096];
    struct process_usage usage;

    if (!read_proc(pid, "stat", text, sizeof text) || !parse_cpu(text, &usage.cpu_seconds))
        return false;
    if (!read_proc(pid, "status", text, sizeof text))
        return false;
    usage.rss_kib = parse_kib(text, "VmRSS:");
    usage.rss_peak_kib = parse_kib(text, "VmHWM:");
    *ret_usage = usage;
    return true;
}

double process_own_cpu_seconds(void) {
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}
