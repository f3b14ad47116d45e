/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spares: segments that are ready before they are needed, and the making of segments altogether. A
 * part of the writer, used by whoever runs it: nothing here is locked.
 *
 * A spare is best a dead segment under a new number: its blocks are written already, which makes a
 * sync a third faster, and one of a large batch several times: in a flood whose messages go again, all
 * segments come from those that died at the last checkpoints. What stands in it is stale. Two spares are held; one is made at once, the
 * second when the segment in use is half full, if none has died until then. They are made in small
 * steps, between batches.
 *
 *   1. Numbers grow in the order of use: a spare that was passed over is dropped.
 *   2. On a full disk spares are what is given up first; a new one is tried after the next batch.
 *   3. What fails otherwise is tried again with the next segment.
 *   4. Both are tried at once after journal_spares_retry().
 */
#ifndef LEVERET_PERSISTENCE_JOURNAL_SPARES_H
#define LEVERET_PERSISTENCE_JOURNAL_SPARES_H

#include <stdbool.h>
#include <stdint.h>

#include "persistence/checkpoint.h"
#include "persistence/io.h"
#include "persistence/segment.h"

enum {
    SPARES_AT_MOST = 2,
    DEAD_AT_MOST = 4, /* what is filled between two checkpoints of usual size, and dies at one */
    CLEARED_AHEAD = 64 * 1024, /* octets of zeros there behind the last batch, where that pays */
};

/* A segment's file, open for writing. */
struct segment_file {
    int handle; /* -1: none */
    uint64_t number;
    uint64_t size;
    uint64_t offset;  /* where the next batch goes */
    uint64_t cleared; /* zeros were written from there up to here */
    bool is_blank;    /* what was never written reads as zeros: it was no other segment before */
};

struct journal_spares {
    /* Set by the owner; io, uuid and epoch of the headers, and the size, stay. */
    struct io *io;
    uint8_t uuid[16];
    uint64_t epoch;
    uint64_t segment_size;
    uint64_t next_segment; /* the number of the next one that is begun */
    unsigned wanted;       /* SPARES_AT_MOST or less; 0 when nobody will need any more */

    struct segment_file files[SPARES_AT_MOST]; /* in the order of their numbers */
    unsigned count;
    struct job_segment dead[DEAD_AT_MOST]; /* to be used again */
    unsigned dead_count;
    struct segment_maker maker;
    bool is_making;
    bool
        postponed; /* the disk was full: waits for the next batch, unless there is a dead segment */
    bool failed;   /* otherwise: waits for the next segment */
    uint64_t recycled_count;
};

void segment_file_close(struct segment_file *file, struct io *io);

/* Before anything else; the fields of the owner are set afterwards. */
void journal_spares_init(struct journal_spares *spares);
/* Closes what is open; the spares stay on the disk, where a start takes them away. */
void journal_spares_clear(struct journal_spares *spares);

/*
 * A segment for the next batches in `ret`: a spare if it has room for `needed` octets of them, else
 * one made now, of `size` octets or more. 0 or the error, after which it may be tried again.
 */
int journal_spares_take(struct journal_spares *spares, uint64_t needed, uint64_t size,
                        struct segment_file *ret);

/* A segment that is dead and garbage for recovery: kept to be used again, or unlinked. */
void journal_spares_add_dead(struct journal_spares *spares, uint64_t number, uint64_t size);

/* Unlinks one that was kept; false when there is none. */
bool journal_spares_drop_one_dead(struct journal_spares *spares);

/* Whether a step towards one is due; `current` is the segment in use. */
bool journal_spares_want_one(const struct journal_spares *spares,
                             const struct segment_file *current);
/* One is there, or nearer to its end than the segment in use. */
bool journal_spares_are_ahead(const struct journal_spares *spares,
                              const struct segment_file *current);
/*
 * When one is wanted: 1 when it is made, 0 when more is to do, or why it cannot be made. `ret_number`
 * is that of its segment.
 */
int journal_spares_step(struct journal_spares *spares, uint64_t *ret_number);

/*
 * On a full disk: gives up dead segments, or else what is being made, or else a spare. False when there
 * is nothing to give.
 */
bool journal_spares_give_room(struct journal_spares *spares);
void journal_spares_retry(struct journal_spares *spares);

#endif
