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
 * the next segment is a spare or is made now. Spares and checkpoints are made in small steps, one
 * after each batch or whenever there is no batch, so that no batch ever waits for more than a step.
 */
#include "persistence/journal_writer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "persistence/checkpoint.h"
#include "persistence/encoder.h"

enum {
    SPARES_AT_MOST = 2,
    JOB_SLICE = 1024 * 1024,
    STARVED_PAUSE_MS = 100, /* between two attempts on a full disk; no event says that room came */
};

struct segment_file {
    int handle; /* -1: none */
    uint64_t number;
    uint64_t size;
    uint64_t offset; /* where the next batch goes */
};

struct journal_writer {
    struct writer_options options;
    /* Of whoever runs the writer. */
    struct segment_file current;
    struct segment_file spares[SPARES_AT_MOST]; /* in the order of their numbers */
    unsigned spare_count;
    struct segment_maker maker;
    bool is_making;
    bool spare_postponed; /* the disk was full; tried again with the next batch, or when told */
    struct encoder encoder;
    struct writer_statistics figures;
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

static const struct segment_content no_content;

struct journal_writer *journal_writer_create(const struct writer_options *options) {
    struct journal_writer *writer = journal_allocate(1, sizeof *writer);
    pthread_condattr_t attributes;

    writer->options = *options;
    writer->current.handle = -1;
    writer->maker.handle = -1;
    if (writer->options.spares > SPARES_AT_MOST)
        writer->options.spares = SPARES_AT_MOST;
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    return writer;
}

void journal_writer_adopt(struct journal_writer *writer, int handle, uint64_t number, uint64_t size,
                          uint64_t offset) {
    writer->current = (struct segment_file){handle, number, size, offset};
}

static void close_file(struct journal_writer *writer, struct segment_file *file) {
    if (file->handle >= 0)
        writer->options.io->ops->close(writer->options.io, file->handle);
    file->handle = -1;
}

void journal_writer_destroy(struct journal_writer *writer) {
    if (writer == NULL)
        return;
    journal_writer_stop_thread(writer);
    close_file(writer, &writer->current);
    for (unsigned i = 0; i < writer->spare_count; i++)
        close_file(writer, &writer->spares[i]);
    segment_maker_cancel(&writer->maker, writer->options.io);
    encoder_clear(&writer->encoder);
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

static bool is_full(int error) {
    return error == -ENOSPC || error == -EDQUOT;
}

static uint64_t monotonic_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
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

/* ---- segments ---- */

static void begin_making(struct journal_writer *writer, uint64_t size) {
    writer->maker = (struct segment_maker){.handle = -1};
    memcpy(writer->maker.header.uuid, writer->options.uuid, sizeof writer->maker.header.uuid);
    writer->maker.header.number = writer->options.next_segment++;
    writer->maker.header.size = size;
    writer->maker.header.epoch = writer->options.epoch;
    writer->is_making = true;
}

/* 1 when the segment is made and in `file`, 0 when more is to do, or an error. */
static int continue_making(struct journal_writer *writer, struct segment_file *file) {
    int done = segment_maker_step(&writer->maker, writer->options.io, &no_content);

    if (done == 0)
        return 0;
    writer->is_making = false;
    if (done < 0)
        return done;
    *file = (struct segment_file){writer->maker.handle, writer->maker.header.number,
                                  writer->maker.header.size, SEGMENT_BLOCK};
    writer->maker.handle = -1;
    return 1;
}

static int make_now(struct journal_writer *writer, uint64_t size) {
    int done = 0;

    if (!writer->is_making)
        begin_making(writer, size);
    while (done == 0)
        done = continue_making(writer, &writer->current);
    return done < 0 ? done : 0;
}

static void stop_making(struct journal_writer *writer) {
    segment_maker_cancel(&writer->maker, writer->options.io);
    writer->is_making = false;
}

static int drop_last_spare(struct journal_writer *writer) {
    struct segment_file *spare = &writer->spares[--writer->spare_count];
    char name[SEGMENT_NAME_SIZE];

    close_file(writer, spare);
    segment_name(name, spare->number);
    return writer->options.io->ops->unlink(writer->options.io, name);
}

/* Numbers must grow in the order of use: a spare cannot come after a segment made later. */
static int drop_spares(struct journal_writer *writer) {
    int error = 0;

    stop_making(writer);
    while (writer->spare_count > 0 && error == 0)
        error = drop_last_spare(writer);
    return error;
}

static void use_spare(struct journal_writer *writer) {
    writer->current = writer->spares[0];
    writer->spare_count--;
    for (unsigned i = 0; i < writer->spare_count; i++)
        writer->spares[i] = writer->spares[i + 1];
}

static uint64_t ordinary_size(const struct journal_writer *writer) {
    return writer->options.last_index == 0 ? writer->options.first_segment_size
                                           : writer->options.segment_size;
}

/* Makes a segment current that has room for `needed` octets of batches. */
static int open_segment(struct journal_writer *writer, uint64_t needed) {
    uint64_t size = ordinary_size(writer);
    int error;

    if (needed <= size - SEGMENT_BLOCK) {
        if (writer->spare_count > 0) {
            use_spare(writer);
            return 0;
        }
        return make_now(writer, size);
    }
    if (needed <= writer->options.segment_size - SEGMENT_BLOCK)
        size = writer->options.segment_size;
    else
        size = SEGMENT_BLOCK + needed;
    error = drop_spares(writer);
    return error < 0 ? error : make_now(writer, size);
}

/* ---- batches ---- */

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

/* Room for a sealing batch is always kept, so this fits. */
static int seal_current(struct journal_writer *writer, struct batch_result *result) {
    struct batch nothing = {0};
    int error = write_encoded(writer, &nothing, BATCH_SEAL);

    if (error < 0)
        return error;
    result->sealed = true;
    result->sealed_index = writer->options.last_index;
    result->sealed_end = writer->current.offset;
    close_file(writer, &writer->current);
    return 0;
}

/* A segment with room for `bound` octets and a sealing batch behind them. */
static int ensure_room(struct journal_writer *writer, uint64_t bound, struct batch_result *result) {
    uint64_t needed = bound + SEGMENT_BLOCK;
    int error;

    if (writer->current.handle >= 0 && writer->current.size - writer->current.offset < needed) {
        error = seal_current(writer, result);
        if (error < 0)
            return error;
    }
    if (writer->current.handle >= 0)
        return 0;
    error = open_segment(writer, needed);
    if (is_full(error))
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
    error = ensure_room(writer, encoder_bound(batch), result);
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
    writer->spare_postponed = false;
    return 0;
}

/* ---- work between batches ---- */

/* One step of the job: 1 when it is done, 0 when not, or an error. */
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
        return io->ops->unlink(io, name);
    }
    if (job->unlinked == job->segment_count)
        return 1;
    segment_name(name, job->segments[job->unlinked++]);
    return io->ops->unlink(io, name);
}

static bool wants_spare(const struct journal_writer *writer) {
    return writer->current.handle >= 0 && !writer->spare_postponed &&
           writer->spare_count < writer->options.spares;
}

/* Asked before a spare is begun, so that a full disk is not filled to its last block for nothing. */
static bool has_room_for_spare(const struct journal_writer *writer) {
    int64_t room = writer->options.io->ops->free_space(writer->options.io);

    return room < 0 || (uint64_t)room > writer->options.segment_size;
}

static int spare_step(struct journal_writer *writer) {
    int done;

    if (!writer->is_making && !has_room_for_spare(writer)) {
        writer->spare_postponed = true;
        return 0;
    }
    if (!writer->is_making)
        begin_making(writer, writer->options.segment_size);
    done = continue_making(writer, &writer->spares[writer->spare_count]);
    if (done == 1)
        writer->spare_count++;
    if (is_full(done)) {
        writer->spare_postponed = true;
        return 0;
    }
    return done < 0 ? done : 0;
}

/*
 * A checkpoint is what frees segments, so on a full disk a spare makes room for it and is made
 * again afterwards.
 */
static int give_room(struct journal_writer *writer, struct checkpoint_job *job) {
    bool was_making = writer->is_making;

    writer->spare_postponed = true;
    job->written = 0;
    stop_making(writer);
    return was_making ? 0 : drop_last_spare(writer);
}

/* One step of whatever there is; false when there is nothing. `ret_error` ends the journal. */
static bool background_step(struct journal_writer *writer, struct checkpoint_job *job,
                            bool *ret_job_done, int *ret_error) {
    int done;

    if (job == NULL) {
        if (!wants_spare(writer))
            return false;
        *ret_error = spare_step(writer);
        return true;
    }
    done = job_step(writer, job);
    if (is_full(done) && !job->is_durable && (writer->is_making || writer->spare_count > 0)) {
        *ret_error = give_room(writer, job);
        return true;
    }
    if (done < 0)
        job->error = done;
    if (done < 0 && !(is_full(done) && !job->is_durable))
        *ret_error = done;
    *ret_job_done = done != 0;
    return true;
}

/* ---- the two threads ---- */

static void publish(struct journal_writer *writer, int error) {
    writer->figures.spares = writer->spare_count;
    writer->figures.disk_full = writer->figures.starved || writer->spare_postponed;
    writer->figures.next_segment = writer->options.next_segment;
    writer->published = writer->figures;
    if (error < 0 && writer->failure == 0)
        writer->failure = error;
}

static void notify(struct journal_writer *writer) {
    if (writer->options.notify != NULL)
        writer->options.notify(writer->options.notify_context);
}

/* Writes the submitted batch. False when the disk is full: it still waits. Called locked. */
static bool run_batch(struct journal_writer *writer) {
    struct batch *batch = writer->submitted;
    int error;

    if (writer->failure == 0) {
        pthread_mutex_unlock(&writer->mutex);
        error = write_batch(writer, batch);
        pthread_mutex_lock(&writer->mutex);
        publish(writer, writer->figures.starved ? 0 : error);
        if (error < 0 && writer->figures.starved)
            return false;
    } else {
        error = writer->failure;
    }
    batch->result.error = error;
    writer->submitted = NULL;
    writer->finished = batch;
    return true;
}

/* A step between batches; false when there is nothing to do. Called locked. */
static bool run_background(struct journal_writer *writer) {
    struct checkpoint_job *job = writer->job;
    bool job_done = false, did;
    int error = 0;

    if (writer->failure < 0) {
        if (job == NULL)
            return false;
        job->error = writer->failure;
        job_done = did = true;
    } else {
        if (writer->retry_spares)
            writer->spare_postponed = false;
        writer->retry_spares = false;
        pthread_mutex_unlock(&writer->mutex);
        did = background_step(writer, job, &job_done, &error);
        pthread_mutex_lock(&writer->mutex);
        publish(writer, error);
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
    notify(writer);
    pthread_mutex_lock(&writer->mutex);
}

static void wait_for_room(struct journal_writer *writer) {
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += STARVED_PAUSE_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&writer->wake, &writer->mutex, &until);
}

/*
 * Locked. A background step follows each batch, or no spare would ever be made under load. What is
 * handed over while the mutex is free says so in `has_news`, since nobody waits for the signal then.
 */
static void thread_step(struct journal_writer *writer) {
    bool had_job = writer->job != NULL;
    int failure = writer->failure;
    bool wrote = false, worked;

    writer->has_news = false;
    if (writer->submitted != NULL) {
        wrote = run_batch(writer);
        if (wrote)
            notify_unlocked(writer);
    }
    if (writer->stop)
        return;
    worked = run_background(writer);
    if ((had_job && writer->job == NULL) || writer->failure != failure)
        notify_unlocked(writer);
    if (worked || wrote || writer->has_news)
        return;
    if (writer->submitted == NULL)
        pthread_cond_wait(&writer->wake, &writer->mutex);
    else
        wait_for_room(writer);
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
    int error = pthread_create(&writer->thread, NULL, thread_main, writer);

    writer->has_thread = error == 0;
    return -error;
}

void journal_writer_stop_thread(struct journal_writer *writer) {
    if (!writer->has_thread) {
        writer->options.spares = 0; /* nobody will need them */
        return;
    }
    pthread_mutex_lock(&writer->mutex);
    writer->stop = writer->has_news = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->mutex);
    pthread_join(writer->thread, NULL);
    writer->has_thread = false;
    writer->options.spares = 0;
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
