/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what the kernel knows of our memory and sets or clears the alarm. */
#include "broker/memory_watch.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/entities/broker.h"
#include "broker/protocol/blocking.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* --- how much there is --- */

/* The number in a file; UINT64_MAX when there is none ("max" means that too). */
static uint64_t read_number(const char *path) {
    unsigned long long number = UINT64_MAX;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return UINT64_MAX;
    if (fscanf(file, "%llu", &number) != 1)
        number = UINT64_MAX;
    fclose(file);
    return number;
}

/* The smallest limit of a control group and those around it. */
static uint64_t group_limit(const char *hierarchy, const char *group, const char *file_name) {
    char path[512], name[256];
    uint64_t limit = UINT64_MAX;
    snprintf(name, sizeof name, "%s", group);
    for (;;) {
        snprintf(path, sizeof path, "%s%s/%s", hierarchy, name, file_name);
        uint64_t number = read_number(path);
        limit = number < limit ? number : limit;
        char *slash = strrchr(name, '/');
        if (slash == NULL)
            return limit;
        *slash = '\0';
    }
}

/* /proc/self/cgroup: `0::/group` of the unified hierarchy, `4:memory:/group` of the older one. */
static uint64_t cgroup_limit(void) {
    char line[256];
    uint64_t limit = UINT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file == NULL)
        return UINT64_MAX;
    while (fgets(line, sizeof line, file) != NULL) {
        uint64_t number = UINT64_MAX;
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (group == NULL)
            continue;
        *group++ = '\0';
        if (controllers[1] == '\0')
            number = group_limit(CGROUP_ROOT, group, "memory.max");
        else if (strcmp(controllers + 1, "memory") == 0)
            number = group_limit(CGROUP_ROOT "/memory", group, "memory.limit_in_bytes");
        limit = number < limit ? number : limit;
    }
    fclose(file);
    return limit;
}

uint64_t memory_available(void) {
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = cgroup_limit();
    return group < machine ? group : machine;
}

/* --- how much we use --- */

static uint64_t resident_memory(const struct memory_watch *watch) {
    char text[128];
    unsigned long long size, resident;
    ssize_t len = watch->statm_fd < 0 ? -1 : pread(watch->statm_fd, text, sizeof text - 1, 0);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    if (sscanf(text, "%llu %llu", &size, &resident) != 2)
        return 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void check(struct memory_watch *watch);

static void on_recheck(struct timer *timer) {
    check(LIST_ITEM(timer, struct memory_watch, recheck));
}

static bool is_above(struct memory_watch *watch) {
    struct resources *resources = &watch->broker->resources;
    resources->memory_used = resident_memory(watch);
    return resources->memory_used > resources->memory_limit;
}

static void check(struct memory_watch *watch) {
    struct broker *broker = watch->broker;
    broker->resources.memory_limit_changed = false;
    watch->bytes_before = broker->messages.bytes;
    watch->work_before = broker->work;
    watch->next_look_ms = broker->env->now_ms + MEMORY_WATCH_MS;
    bool above = is_above(watch);
    if (above) {
        malloc_trim(0); /* what is free must not count */
        above = is_above(watch);
    }
    if (above != broker->memory_alarm)
        broker_set_memory_alarm(broker, above);
    if (above)
        timer_start(&broker->timers, &watch->recheck, watch->next_look_ms, on_recheck);
}

void memory_watch_init(struct memory_watch *watch, struct broker *broker) {
    *watch = (struct memory_watch){.broker = broker};
    watch->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    check(watch);
}

void memory_watch_clear(struct memory_watch *watch) {
    timer_stop(&watch->broker->timers, &watch->recheck);
    if (watch->statm_fd >= 0)
        close(watch->statm_fd);
}

static void hand_memory_back(struct memory_watch *watch) {
    malloc_trim(0);
    watch->bytes_peak = watch->broker->messages.bytes;
}

static bool is_time_to_look(const struct memory_watch *watch) {
    const struct broker *broker = watch->broker;
    return broker->messages.bytes - watch->bytes_before >= MEMORY_WATCH_STEP ||
           broker->work - watch->work_before >= MEMORY_WATCH_WORK ||
           broker->env->now_ms >= watch->next_look_ms || broker->resources.memory_limit_changed;
}

void memory_watch_tick(struct memory_watch *watch) {
    uint64_t bytes = watch->broker->messages.bytes;

    if (bytes < watch->bytes_before)
        watch->bytes_before = bytes;
    if (is_time_to_look(watch))
        check(watch);
    if (bytes > watch->bytes_peak)
        watch->bytes_peak = bytes;
    else if (watch->bytes_peak - bytes >= MEMORY_WATCH_TRIM_STEP && bytes < watch->bytes_peak / 2)
        hand_memory_back(watch);
}
