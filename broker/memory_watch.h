/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory alarm (compat section 6): publishers are blocked while the resident memory of the
 * process is above the watermark. Looked at when the broker holds MEMORY_WATCH_STEP more octets of
 * messages than it did or has done MEMORY_WATCH_WORK more steps (a message takes memory in each of its
 * queues), when the limit was changed, and once a second while the alarm is set or anything at all
 * happens; never while nothing happens.
 *
 * It also hands memory back that malloc keeps after a backlog was consumed: bodies above
 * POOL_BLOCK_MAX leave holes in the heap which only malloc_trim() returns to the system.
 */
#ifndef LEVERET_BROKER_MEMORY_WATCH_H
#define LEVERET_BROKER_MEMORY_WATCH_H

#include <stdint.h>

#include "broker/base/timer.h"

#define MEMORY_WATCH_STEP      (4u * 1024u * 1024u)
#define MEMORY_WATCH_WORK      1000000u
#define MEMORY_WATCH_MS        1000
#define MEMORY_WATCH_TRIM_STEP (64u * 1024u * 1024u)

struct broker;

struct memory_watch {
    struct broker *broker;
    uint64_t bytes_before; /* the least of broker->messages.bytes since the last look */
    uint64_t work_before;  /* broker->work at the last look */
    uint64_t bytes_peak;   /* the most of it since memory was handed back */
    int64_t next_look_ms;  /* when something happens after that */
    int statm_fd;          /* /proc/self/statm, -1 when there is none: no alarm then */
    struct timer recheck;  /* runs while the alarm is set */
};

/* The memory that this process may use: the machine's or its control group's, in octets. */
uint64_t memory_available(void);

/* Looks once; broker->resources has the limit. */
void memory_watch_init(struct memory_watch *watch, struct broker *broker);
void memory_watch_clear(struct memory_watch *watch);

/* A step of the tick; almost always one comparison. */
void memory_watch_tick(struct memory_watch *watch);

#endif
