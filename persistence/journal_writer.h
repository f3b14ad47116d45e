/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer: takes one batch at a time, writes it and syncs it, and does the slow work of the
 * journal in between: spare segments, checkpoints, unlinking.
 *
 * It runs on a thread of its own, or, unthreaded, whenever journal_writer_run() is called; tests
 * step through it that way. Everything here is called on the loop thread. Between submit and
 * take_finished a batch is the writer's.
 *
 *   1. One batch is under way at any time: the next is accepted after the one before was taken
 *      back.
 *   2. The first failed write or sync of a batch is the last call for the journal's files: the
 *      writer has failed for good. A sync that is repeated after an error says 0 and proves
 *      nothing.
 *   3. A segment that cannot be made because the disk is full is no failure: nothing was
 *      promised to be in it. The batch waits, the writer is starved, and tries again.
 *   4. A spare or a checkpoint that cannot be made, for whatever reason, is no failure either; it is
 *      told in the statistics and tried again later. A segment that is needed now and fails with
 *      anything but a full disk is one.
 */
#ifndef LEVERET_PERSISTENCE_JOURNAL_WRITER_H
#define LEVERET_PERSISTENCE_JOURNAL_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "persistence/batch.h"
#include "persistence/checkpoint.h"
#include "persistence/io.h"
#include "persistence/segment.h"
#include "persistence/segment_index.h"

struct journal_writer;

struct writer_options {
    struct io *io;
    uint8_t uuid[16];
    uint64_t segment_size;
    uint64_t first_segment_size;
    uint64_t epoch;
    uint64_t term;
    uint64_t last_index;
    int64_t last_time_ms;
    uint64_t next_segment;
    unsigned spares;
    int64_t dead_kept_ms;
    void (*notify)(void *context);
    void *notify_context;
};

struct journal_writer *journal_writer_create(const struct writer_options *options);
/*
 * Goes on behind what recovery wrote to a new segment; takes the handle and the index of what is
 * there. Before anything is submitted.
 */
void journal_writer_adopt(struct journal_writer *writer, int handle, uint64_t number, uint64_t size,
                          uint64_t offset, struct segment_index *index);
int journal_writer_start_thread(struct journal_writer *writer);
/*
 * Finishes the batch under way unless starved, and ends the thread; unthreaded work goes on as
 * before.
 */
void journal_writer_stop_thread(struct journal_writer *writer);
/* Stops and frees; batches and jobs in it are the caller's to know. */
void journal_writer_destroy(struct journal_writer *writer);

bool journal_writer_is_idle(const struct journal_writer *writer);
/* Only when idle. */
void journal_writer_submit(struct journal_writer *writer, struct batch *batch);
/* The batch that is done, or NULL. */
struct batch *journal_writer_take_finished(struct journal_writer *writer);

/* Only when the job before was taken back. */
void journal_writer_submit_job(struct journal_writer *writer, struct checkpoint_job *job);
struct checkpoint_job *journal_writer_take_finished_job(struct journal_writer *writer);

/* Unthreaded: does everything there is to do. */
void journal_writer_run(struct journal_writer *writer);

/*
 * A segment that is dead and garbage for recovery: used again for a spare, or unlinked; when there are
 * many, or by the thread when they were not needed for `dead_kept_ms`. When the writer is not running.
 */
void journal_writer_add_dead(struct journal_writer *writer, uint64_t number, uint64_t size);

/* Room may have come back: spares that could not be made are tried again. */
void journal_writer_retry_spares(struct journal_writer *writer);

/* The error it failed with, negative, or 0. */
int journal_writer_failure(struct journal_writer *writer);

struct writer_statistics {
    uint64_t batches, records, bytes_written, syncs, sync_us_max;
    unsigned spares;
    bool starved;
    bool disk_full;
    uint64_t next_segment;
    /*
     * Spares and checkpoints that could not be made. The same cause counts once until a spare, or a
     * checkpoint, was made; attempts under way say nothing.
     */
    uint64_t maintenance_troubles;
    int maintenance_cause; /* of the last trouble, and its file */
    char maintenance_file[SEGMENT_NAME_SIZE];
    uint64_t recycled_segments;
};
void journal_writer_statistics(struct journal_writer *writer, struct writer_statistics *ret);

#endif
