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
 */
#ifndef LEVERET_PERSISTENCE_JOURNAL_WRITER_H
#define LEVERET_PERSISTENCE_JOURNAL_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "persistence/batch.h"
#include "persistence/io.h"
#include "persistence/segment.h"

struct journal_writer;

/* A checkpoint on its way to disk, and what may go when it is there. */
struct checkpoint_job {
    uint64_t index;
    struct octets file;
    uint64_t *segments; /* to unlink afterwards */
    size_t segment_count;
    bool has_old; /* an old checkpoint to unlink */
    uint64_t old_index;
    int error;       /* by the writer; -ENOSPC means that it is not there and all is as before */
    bool is_durable; /* the writer: renamed and synced */
    int handle;      /* of the writer, as are those below */
    uint64_t written;
    size_t unlinked;
};

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
    void (*notify)(void *context);
    void *notify_context;
};

struct journal_writer *journal_writer_create(const struct writer_options *options);
/*
 * Goes on behind what recovery wrote to a new segment; takes the handle. Before anything is
 * submitted.
 */
void journal_writer_adopt(struct journal_writer *writer, int handle, uint64_t number, uint64_t size,
                          uint64_t offset);
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
};
void journal_writer_statistics(struct journal_writer *writer, struct writer_statistics *ret);

#endif
