/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the resource alarms are about: how much memory and disk there is, how much is used, and the limits,
 * which administrators change at run time. memory_watch.c and disk_watch.c measure and set the alarms
 * (protocol/blocking.h); a changed limit makes them look in the same tick.
 */
#ifndef LEVERET_BROKER_ENTITIES_ALARM_H
#define LEVERET_BROKER_ENTITIES_ALARM_H

#include <stdbool.h>
#include <stdint.h>

struct broker;

struct resources {
    uint64_t memory_total; /* that this process may use; octets, as everything here */
    uint64_t memory_limit; /* resident memory above it: the memory alarm */
    uint64_t memory_used;  /* resident memory at the last look */
    uint64_t disk_limit;   /* less free space: the disk alarm */
    uint64_t disk_free;    /* at the last look; 0 before the first and without a data directory */
    bool memory_limit_changed;
    bool disk_limit_changed;
};

/* `set_vm_memory_high_watermark absolute N`. 0 sets the alarm whatever is used. */
void broker_set_memory_limit(struct broker *broker, uint64_t octets);

/* `set_vm_memory_high_watermark F`: of the memory there is. False unless 0 <= fraction <= 1. */
bool broker_set_memory_fraction(struct broker *broker, double fraction);

/* `set_disk_free_limit N`. */
void broker_set_disk_free_limit(struct broker *broker, uint64_t octets);

/* `set_disk_free_limit mem_relative F`: of the memory there is. False when negative or no number. */
bool broker_set_disk_free_fraction(struct broker *broker, double fraction);

#endif
