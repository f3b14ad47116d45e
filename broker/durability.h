/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a broker needs to keep things: its data directory, the journal and the pager in it, and the watch
 * over the disk's space. All of it is optional: without durability_open() nothing is kept.
 *
 *     durability_init -> durability_open -> (every tick) -> durability_close -> durability_clear
 */
#ifndef LEVERET_BROKER_DURABILITY_H
#define LEVERET_BROKER_DURABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/base/text.h"
#include "broker/disk_watch.h"

struct broker;
struct config;
struct io;
struct loop;
struct pager;

struct durability {
    struct broker *broker;
    struct loop *loop;
    const struct config *config;
    char *path;             /* of the data directory, NULL: nothing is kept */
    struct io *io;          /* the data directory */
    struct pager *pager;    /* of queues deeper than memory */
    struct disk_watch disk; /* all zero without a journal */
    bool has_finished;      /* a thread of the journal has something for us */
    int64_t submitted_us;   /* when the journal got the batch that it is writing */
};

/* All outlive it. The journal's threads wake `loop`. */
void durability_init(struct durability *durability, struct broker *broker, struct loop *loop,
                     const struct config *config);

/*
 * Locks the data directory at `path`, recovers the broker from the journal in it and goes on writing
 * there. 0, or an exit code of sysexits with the reason in `error`.
 */
int durability_open(struct durability *durability, const char *path, struct text *error);

/* Hands over the next batch, if there is one and the last is written; true when more is safe than before. */
bool durability_submit(struct durability *durability);

/* Takes what the journal's threads have finished; false when there was nothing. */
bool durability_collect(struct durability *durability);

/* A step of the tick, after the journal was given what there is to write: the disk's space. */
void durability_tick(struct durability *durability);

/*
 * Writes what is left and marks a clean stop, unless the journal has failed before (`has_failed`).
 * EX_OK, or EX_IOERR when it cannot promise that everything is there.
 */
int durability_close(struct durability *durability, bool has_failed);

/* Unlocks the directory, after the broker was destroyed. */
void durability_clear(struct durability *durability);

#endif
