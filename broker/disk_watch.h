/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk alarm (compat section 6): publishers are blocked while less than `disk_free_limit` is free
 * where the journal is, or while the journal finds no room for what it makes ahead. Looked at
 * DISK_WATCH_MS after the journal began to write, and once a second while the alarm is set; never
 * while nothing is written.
 *
 * At the same times the log is told, once each, of what the journal could not do and goes on without: a
 * spare segment or a checkpoint that could not be made, and messages that were found to be damaged.
 */
#ifndef LEVERET_BROKER_DISK_WATCH_H
#define LEVERET_BROKER_DISK_WATCH_H

#include <stdint.h>

#include "broker/base/timer.h"

#define DISK_WATCH_MS       250
#define DISK_WATCH_ALARM_MS 1000

struct broker;
struct io;

struct disk_watch {
    struct broker *broker;
    struct io *io;
    struct timer look;
    uint64_t told_troubles; /* of the journal's figures: what the log knows of */
    uint64_t told_damaged;
};

/* Looks once. The broker has its journal and the limit, `io` is where the journal is. */
void disk_watch_init(struct disk_watch *watch, struct broker *broker, struct io *io);
void disk_watch_clear(struct disk_watch *watch);

/* A step of the tick, after the journal was given what there is to write. */
void disk_watch_tick(struct disk_watch *watch);

#endif
