/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer.
 *
 * What the two threads share is a handful of fields under one mutex: the batch and the job handed
 * over, the ones that are done, and a copy of the figures. Everything else belongs to whoever runs
 * the writer.
 *
 *   submit --> submitted --(writer: write, sync)--> finished --> take_finished
 *
 * When a batch does not fit behind the last one, the segment is sealed by a batch of its own, and
 * the next segment is a spare or is made now (journal_spares.h). Behind each batch there is at least
 * one block of zeros, so that the end of the journal looks the same in a segment that was used before as
 * in a new file. Spares and checkpoints are made in small steps, one after each batch or whenever there
 * is no batch, so that no batch ever waits for more than a step.
 */
#include "persistence/journal_writer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "persistence/checkpoint.h"
#include "persistence/encoder.h"
#include "persistence/journal_spares.h"

enum {
    SMALL_BATCH = 16 * 1024, /* see clear_behind() */
    JOB_SLICE = 1024 * 1024,
    QUIET_MS = 10,          /* without a batch: there is time for spares */
    STARVED_PAUSE_MS = 100, /* between two attempts on a full disk; no event says that room came */
};

struct journal_writer {
    struct writer_options options;
    /* Of whoever runs the writer. */
    struct segment_file current;
    struct journal_spares spares;
    int64_t dead_ms;   /* when a dead segment came or was used, of the thread's clock */
    int spare_trouble; /* why none could be made the last time, 0 since one was made */
    int checkpoint_trouble;
    struct encoder encoder;
    struct writer_statistics figures;
    int64_t last_batch_ms; /* of the thread's clock */
    /* Under `mutex`. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct batch *submitted;
    struct batch *finished;
    struct checkpoint_job *job;
    struct checkpoint_job *finished_job;
    struct writer_statistics published;
    int failure;
    bool stop;
    bool retry_spares; /* room may have come back */
    bool has_news;     /* something was handed over since the thread last looked */
    /* Of the loop thread. */
    pthread_t thread;
    bool has_thread;
    bool batch_out;
    bool job_out;
};

static void init_spares(struct journal_spares *spares, const struct writer_options *options) {
    journal_spares_init(spares);
    spares->io = options->io;
    memcpy(spares->uuid, options->uuid, sizeof spares->uuid);
    spares->epoch = options->epoch;
    spares->segment_size = options->segment_size;
    spares->next_segment = options->next_segment;
    spares->wanted = options->spares < SPARES_AT_MOST ? options->spares : SPARES_AT_MOST;
}

struct journal_writer *journal_writer_create(const struct writer_options *options) {
    struct journal_writer *writer = journal_allocate(1, sizeof *writer);
    pthread_condattr_t attributes;

    writer->options = *options;
    writer->current.handle = -1;
    init_spares(&writer->spares, options);
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    return writer;
}

void journal_writer_adopt(struct journal_writer *writer, int handle, uint64_t number, uint64_t size,
                          uint64_t offset, struct segment_index *index) {
    writer->current = (struct segment_file){handle, number, size, offset, offset, true};
    writer->encoder.index = *index;
    *index = (struct segment_index){0};
}

void journal_writer_destroy(struct journal_writer *writer) {
    if (writer == NULL)
        return;
    journal_writer_stop_thread(writer);
    segment_file_close(&writer->current, writer->options.io);
    journal_spares_clear(&writer->spares);
    encoder_clear(&writer->encoder);
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

static uint64_t monotonic_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int64_t clock_ms(void) {
    return (int64_t)(monotonic_us() / 1000);
}

static int timed_sync(struct journal_writer *writer, int handle) {
    uint64_t begun = monotonic_us();
    int error = writer->options.io->ops->sync(writer->options.io, handle);
    uint64_t took = monotonic_us() - begun;

    writer->figures.syncs++;
    if (writer->figures.sync_us_max < took)
        writer->figures.sync_us_max = took;
    return error;
}

/* ---- batches ---- */

/*
 * Zeros behind what is encoded. In a segment that was used before, the end of the journal must not
 * look like what stands there from another life. Ahead of small batches more is cleared at a time,
 * in blank segments too: a sync of blocks that were written once is a third faster than one that has
 * to tell the file system that they were. A large batch is better off without writing them twice.
 */
static void clear_behind(struct journal_writer *writer) {
    struct segment_file *file = &writer->current;
    uint64_t length = writer->encoder.length;
    uint64_t end = file->offset + length, until;

    if (end + SEGMENT_BLOCK <= file->cleared || file->cleared == file->size ||
        (file->is_blank && length > SMALL_BATCH))
        return;
    until = end + (length <= SMALL_BATCH ? CLEARED_AHEAD : SEGMENT_BLOCK);
    until = until < file->size ? until : file->size;
    encoder_add_zeros(&writer->encoder, (size_t)(until - end));
    file->cleared = until;
}

static int write_encoded(struct journal_writer *writer, struct batch *batch, uint32_t flags) {
    struct segment_file *file = &writer->current;
    struct segment_place place = {writer->options.uuid, file->number, file->offset};
    struct batch_header header = {.term = writer->options.term,
                                  .index = writer->options.last_index + 1,
                                  .time_ms = writer->options.last_time_ms,
                                  .flags = flags};
    int error;

    encoder_encode(&writer->encoder, writer->options.io, batch, &place, &header);
    assert(file->size - file->offset >= writer->encoder.length);
    clear_behind(writer);
    error = io_write_all(writer->options.io, file->handle, writer->encoder.pieces,
                         writer->encoder.piece_count, file->offset);
    if (error == 0)
        error = timed_sync(writer, file->handle);
    if (error < 0)
        return error;
    file->offset += writer->encoder.length;
    writer->options.last_index = header.index;
    writer->figures.batches++;
    writer->figures.records += header.record_count;
    writer->figures.bytes_written += writer->encoder.length;
    return 0;
}

/* Room for a sealing batch is always kept, if not always for the index. */
static int seal_current(struct journal_writer *writer, struct batch_result *result) {
    const struct segment_file *file = &writer->current;
    struct batch nothing = {0};
    uint64_t offset = file->offset;
    int error;

    writer->encoder.index_dropped =
        encoder_seal_bound(&writer->encoder, &nothing) > file->size - offset;
    error = write_encoded(writer, &nothing, BATCH_SEAL);
    if (error < 0)
        return error;
    result->sealed = true;
    result->sealed_offset = writer->encoder.index_dropped ? 0 : offset;
    result->sealed_index = writer->options.last_index;
    result->sealed_end = writer->current.offset;
    segment_file_close(&writer->current, writer->options.io);
    return 0;
}

static bool must_seal(const struct journal_writer *writer, const struct batch *batch,
                      uint64_t needed) {
    const struct segment_file *file = &writer->current;

    return file->handle >= 0 && (file->size - file->offset < needed ||
                                 (batch->seal_first && file->offset > SEGMENT_BLOCK));
}

/* A segment with room for `needed` octets of batches; a small one when it is the last of this life. */
static int open_segment(struct journal_writer *writer, uint64_t needed, bool is_last) {
    const struct writer_options *options = &writer->options;
    bool is_small = is_last || options->last_index == 0;

    return journal_spares_take(&writer->spares, needed,
                               is_small ? options->first_segment_size : options->segment_size,
                               &writer->current);
}

/* A segment with room for the batch and a sealing batch behind it. */
static int ensure_room(struct journal_writer *writer, const struct batch *batch,
                       struct batch_result *result) {
    uint64_t needed = encoder_bound(batch) + encoder_seal_bound(&writer->encoder, batch);
    int error;

    if (must_seal(writer, batch, needed)) {
        error = seal_current(writer, result);
        if (error < 0)
            return error;
    }
    if (writer->current.handle >= 0)
        return 0;
    segment_index_reset(&writer->encoder.index);
    needed = encoder_bound(batch) + encoder_seal_bound(&writer->encoder, batch);
    error = open_segment(writer, needed, batch->seal_first);
    if (io_is_full(error))
        writer->figures.starved = true;
    return error;
}

/* 0 when done; a full disk before anything was written; another error, which is final. */
static int write_batch(struct journal_writer *writer, struct batch *batch) {
    struct batch_result *result = &batch->result;
    int error;

    if (batch->wall_ms > writer->options.last_time_ms)
        writer->options.last_time_ms = batch->wall_ms;
    writer->figures.starved = false;
    error = ensure_room(writer, batch, result);
    if (error < 0)
        return error;
    result->segment = writer->current.number;
    result->segment_size = writer->current.size;
    result->offset = writer->current.offset;
    error = write_encoded(writer, batch, batch->flags);
    if (error < 0)
        return error;
    result->end = writer->current.offset;
    result->index = writer->options.last_index;
    writer->spares.postponed = false;
    return 0;
}

/* ---- work between batches ---- */

/* One step of the job: 1 when it is done, 0 when not, or why the checkpoint cannot be made. */
static int job_step(struct journal_writer *writer, struct checkpoint_job *job) {
    struct io *io = writer->options.io;
    char name[SEGMENT_NAME_SIZE];

    if (!job->is_durable) {
        int done = checkpoint_write_step(job, io, JOB_SLICE);

        return done < 0 ? done : 0;
    }
    if (job->has_old) {
        job->has_old = false;
        checkpoint_name(name, job->old_index);
        io->ops->unlink(io, name); /* if it stays, a start takes it away */
        return 0;
    }
    if (job->unlinked == job->segment_count)
        return 1;
    journal_spares_add_dead(&writer->spares, job->segments[job->unlinked].number,
                            job->segments[job->unlinked].size);
    writer->dead_ms = clock_ms();
    job->unlinked++;
    return 0;
}

/* What a step of making that file came to: `done` is 1 when it was the last one, 0, or an error. */
static void note_maintenance(struct journal_writer *writer, int *trouble, int done,
                             const char *file) {
    struct writer_statistics *figures = &writer->figures;

    if (done < 0 && done != *trouble) {
        figures->maintenance_troubles++;
        figures->maintenance_cause = done;
        snprintf(figures->maintenance_file, sizeof figures->maintenance_file, "%s", file);
    }
    if (done != 0)
        *trouble = done < 0 ? done : 0;
}

static void spare_step(struct journal_writer *writer) {
    char name[SEGMENT_NAME_SIZE];
    uint64_t number;
    int done = journal_spares_step(&writer->spares, &number);

    writer->dead_ms = clock_ms();
    segment_name(name, number);
    note_maintenance(writer, &writer->spare_trouble, done, name);
}

static bool wants_spare(const struct journal_writer *writer) {
    return journal_spares_want_one(&writer->spares, &writer->current);
}

/* One step of whatever there is; false when there is nothing. */
static bool background_step(struct journal_writer *writer, struct checkpoint_job *job,
                            bool *ret_job_done) {
    char name[CHECKPOINT_NAME_SIZE];
    int done;

    if (job == NULL) {
        if (!wants_spare(writer))
            return false;
        spare_step(writer);
        return true;
    }
    done = job_step(writer, job);
    /* A checkpoint is what frees segments, so a spare makes room for it. */
    if (io_is_full(done) && journal_spares_give_room(&writer->spares)) {
        job->written = 0;
        return true;
    }
    checkpoint_name(name, job->checkpoint.index);
    note_maintenance(writer, &writer->checkpoint_trouble, done, name);
    job->error = done < 0 ? done : 0;
    *ret_job_done = done != 0;
    return true;
}

/* ---- the two threads ---- */

static void publish(struct journal_writer *writer, int error) {
    const struct journal_spares *spares = &writer->spares;

    writer->figures.spares = spares->count;
    writer->figures.recycled_segments = spares->recycled_count;
    writer->figures.disk_full = writer->figures.starved || spares->postponed;
    writer->figures.next_segment = spares->next_segment;
    writer->published = writer->figures;
    if (error < 0)
        writer->failure = error;
}

/*
 * Writes the submitted batch. False when the disk is full: it still waits. Called locked. Behind the
 * one that failed none comes: who took that back knows.
 */
static bool run_batch(struct journal_writer *writer) {
    struct batch *batch = writer->submitted;
    int error;

    assert(writer->failure == 0);
    pthread_mutex_unlock(&writer->mutex);
    error = write_batch(writer, batch);
    pthread_mutex_lock(&writer->mutex);
    publish(writer, writer->figures.starved ? 0 : error);
    if (writer->figures.starved)
        return false;
    batch->result.error = error;
    writer->submitted = NULL;
    writer->finished = batch;
    return true;
}

/* A step between batches; false when there is nothing to do. Called locked. */
static bool run_background(struct journal_writer *writer) {
    struct checkpoint_job *job = writer->job;
    bool job_done = false, did;

    if (writer->failure < 0) {
        if (job == NULL)
            return false;
        job->error = writer->failure;
        job_done = did = true;
    } else {
        if (writer->retry_spares)
            journal_spares_retry(&writer->spares);
        writer->retry_spares = false;
        pthread_mutex_unlock(&writer->mutex);
        did = background_step(writer, job, &job_done);
        pthread_mutex_lock(&writer->mutex);
        publish(writer, 0);
    }
    if (job_done) {
        writer->job = NULL;
        writer->finished_job = job;
    }
    return did;
}

void journal_writer_run(struct journal_writer *writer) {
    pthread_mutex_lock(&writer->mutex);
    if (writer->submitted != NULL)
        run_batch(writer);
    while (run_background(writer))
        continue;
    pthread_mutex_unlock(&writer->mutex);
}

static void notify_unlocked(struct journal_writer *writer) {
    pthread_mutex_unlock(&writer->mutex);
    writer->options.notify(writer->options.notify_context);
    pthread_mutex_lock(&writer->mutex);
}

static void wait_at_most(struct journal_writer *writer, int64_t pause_ms) {
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += pause_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&writer->wake, &writer->mutex, &until);
}

/*
 * Making spares is for quiet moments. While batches come one after the other it only keeps pace with
 * them, so that each batch waits for as little of it as possible.
 */
static bool spare_can_wait(const struct journal_writer *writer) {
    return writer->job == NULL && wants_spare(writer) &&
           journal_spares_are_ahead(&writer->spares, &writer->current) &&
           clock_ms() - writer->last_batch_ms < QUIET_MS;
}

/*
 * Locked. Dead segments that nobody needed for long are not kept for a flood that may never come. One
 * in a step; false when there is nothing to do.
 */
static bool let_dead_go(struct journal_writer *writer) {
    if (writer->spares.dead_count == 0 ||
        clock_ms() - writer->dead_ms < writer->options.dead_kept_ms)
        return false;
    pthread_mutex_unlock(&writer->mutex);
    journal_spares_drop_one_dead(&writer->spares);
    pthread_mutex_lock(&writer->mutex);
    return true;
}

static void wait_for_news(struct journal_writer *writer) {
    if (writer->submitted != NULL)
        wait_at_most(writer, STARVED_PAUSE_MS);
    else if (writer->spares.dead_count > 0)
        wait_at_most(writer, writer->options.dead_kept_ms);
    else
        pthread_cond_wait(&writer->wake, &writer->mutex);
}

/*
 * Locked. A background step follows each batch, or a checkpoint would never end under load. What is
 * handed over while the mutex is free says so in `has_news`, since nobody waits for the signal then.
 */
static void thread_step(struct journal_writer *writer) {
    bool had_job = writer->job != NULL;
    bool wrote = false, worked;

    writer->has_news = false;
    if (writer->submitted != NULL) {
        wrote = run_batch(writer);
        if (wrote) {
            writer->last_batch_ms = clock_ms();
            notify_unlocked(writer);
        }
    }
    if (spare_can_wait(writer)) {
        if (!wrote) /* and the mutex was never free */
            wait_at_most(writer, QUIET_MS);
        return;
    }
    worked = run_background(writer) || let_dead_go(writer);
    if (had_job && writer->job == NULL)
        notify_unlocked(writer);
    if (!worked && !wrote && !writer->has_news)
        wait_for_news(writer);
}

static void *thread_main(void *argument) {
    struct journal_writer *writer = argument;

    pthread_mutex_lock(&writer->mutex);
    while (!writer->stop)
        thread_step(writer);
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

int journal_writer_start_thread(struct journal_writer *writer) {
    int error;

    assert(writer->options.notify != NULL);
    error = pthread_create(&writer->thread, NULL, thread_main, writer);
    writer->has_thread = error == 0;
    return -error;
}

void journal_writer_stop_thread(struct journal_writer *writer) {
    if (!writer->has_thread) {
        writer->spares.wanted = 0; /* nobody will need them */
        return;
    }
    pthread_mutex_lock(&writer->mutex);
    writer->stop = writer->has_news = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    writer->has_thread = false;
    writer->spares.wanted = 0;
}

bool journal_writer_is_idle(const struct journal_writer *writer) {
    return !writer->batch_out;
}

void journal_writer_submit(struct journal_writer *writer, struct batch *batch) {
    assert(!writer->batch_out);
    writer->batch_out = true;
    pthread_mutex_lock(&writer->mutex);
    writer->submitted = batch;
    writer->has_news = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
}

struct batch *journal_writer_take_finished(struct journal_writer *writer) {
    struct batch *finished;

    if (!writer->batch_out)
        return NULL;
    pthread_mutex_lock(&writer->mutex);
    finished = writer->finished;
    writer->finished = NULL;
    pthread_mutex_unlock(&writer->mutex);
    writer->batch_out = finished == NULL;
    return finished;
}

void journal_writer_submit_job(struct journal_writer *writer, struct checkpoint_job *job) {
    assert(!writer->job_out);
    writer->job_out = true;
    job->handle = -1;
    pthread_mutex_lock(&writer->mutex);
    writer->job = job;
    writer->has_news = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
}

struct checkpoint_job *journal_writer_take_finished_job(struct journal_writer *writer) {
    struct checkpoint_job *finished;

    if (!writer->job_out)
        return NULL;
    pthread_mutex_lock(&writer->mutex);
    finished = writer->finished_job;
    writer->finished_job = NULL;
    pthread_mutex_unlock(&writer->mutex);
    writer->job_out = finished == NULL;
    return finished;
}

void journal_writer_add_dead(struct journal_writer *writer, uint64_t number, uint64_t size) {
    journal_spares_add_dead(&writer->spares, number, size);
    writer->dead_ms = clock_ms();
}

void journal_writer_retry_spares(struct journal_writer *writer) {
    pthread_mutex_lock(&writer->mutex);
    writer->retry_spares = writer->has_news = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
}

int journal_writer_failure(struct journal_writer *writer) {
    int failure;

    pthread_mutex_lock(&writer->mutex);
    failure = writer->failure;
    pthread_mutex_unlock(&writer->mutex);
    return failure;
}

void journal_writer_statistics(struct journal_writer *writer, struct writer_statistics *ret) {
    pthread_mutex_lock(&writer->mutex);
    *ret = writer->published;
    pthread_mutex_unlock(&writer->mutex);
}
