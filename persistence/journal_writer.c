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
 * the next segment is a spare or is made now. A spare is best a dead segment under a new number: its
 * blocks are written already, which makes a sync a third faster. What stands in it is stale; behind
 * each batch there is at least one block of zeros, so that the end of the journal looks the same as in
 * a new file. Two spares are held; one is made at once, the second when the segment is half full, if
 * none has died until then. Spares and checkpoints are made in small steps, one
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
    SMALL_BATCH = 16 * 1024,
    CLEARED_AHEAD = 64 * 1024, /* behind a small batch, see clear_behind() */
    JOB_SLICE = 1024 * 1024,
    QUIET_MS = 10,          /* without a batch: there is time for spares */
    STARVED_PAUSE_MS = 100, /* between two attempts on a full disk; no event says that room came */
};

struct segment_file {
    int handle; /* -1: none */
    uint64_t number;
    uint64_t size;
    uint64_t offset;  /* where the next batch goes */
    uint64_t cleared; /* zeros were written from there up to here */
    bool is_blank;    /* what was never written reads as zeros: it was no other segment before */
};

struct journal_writer {
    struct writer_options options;
    /* Of whoever runs the writer. */
    struct segment_file current;
    struct segment_file spares[SPARES_AT_MOST]; /* in the order of their numbers */
    unsigned spare_count;
    struct job_segment dead[SPARES_AT_MOST]; /* to be used again */
    unsigned dead_count;
    struct segment_maker maker;
    bool is_making;
    bool spare_postponed; /* the disk was full; tried again with the next batch, or when told */
    bool spare_failed;    /* otherwise; tried again with the next segment, or when told */
    int spare_trouble;    /* why none could be made the last time, 0 since one was made */
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
                          uint64_t offset, struct segment_index *index) {
    writer->current = (struct segment_file){handle, number, size, offset, offset, true};
    writer->encoder.index = *index;
    *index = (struct segment_index){0};
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

static struct segment_header header_of_next(struct journal_writer *writer, uint64_t size) {
    struct segment_header header = {
        .number = writer->options.next_segment++, .size = size, .epoch = writer->options.epoch};

    memcpy(header.uuid, writer->options.uuid, sizeof header.uuid);
    return header;
}

static void begin_making(struct journal_writer *writer, uint64_t size) {
    writer->maker = (struct segment_maker){.header = header_of_next(writer, size), .handle = -1};
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
    *file = (struct segment_file){writer->maker.handle,      writer->maker.header.number,
                                  writer->maker.header.size, SEGMENT_BLOCK,
                                  writer->maker.written,     true};
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

static void unlink_segment(struct journal_writer *writer, uint64_t number) {
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, number);
    /* What stays is garbage for recovery. */
    writer->options.io->ops->unlink(writer->options.io, name);
}

static void drop_last_spare(struct journal_writer *writer) {
    struct segment_file *spare = &writer->spares[--writer->spare_count];

    close_file(writer, spare);
    unlink_segment(writer, spare->number);
}

/* Numbers must grow in the order of use: a spare cannot come after a segment made later. */
static void drop_spares(struct journal_writer *writer) {
    stop_making(writer);
    while (writer->spare_count > 0)
        drop_last_spare(writer);
}

static void drop_dead(struct journal_writer *writer) {
    while (writer->dead_count > 0)
        unlink_segment(writer, writer->dead[--writer->dead_count].number);
}

void journal_writer_add_dead(struct journal_writer *writer, uint64_t number, uint64_t size) {
    if (size == writer->options.segment_size &&
        writer->spare_count + writer->dead_count < writer->options.spares)
        writer->dead[writer->dead_count++] = (struct job_segment){number, size};
    else
        unlink_segment(writer, number);
}

/* Makes a spare of a dead segment: 1, or an error. */
static int recycle(struct journal_writer *writer) {
    struct job_segment dead = writer->dead[--writer->dead_count];
    struct segment_header header = header_of_next(writer, dead.size);
    uint64_t cleared =
        dead.size < SEGMENT_BLOCK + CLEARED_AHEAD ? dead.size : SEGMENT_BLOCK + CLEARED_AHEAD;
    int handle;
    int error = segment_recycle(writer->options.io, dead.number, &header, cleared, &handle);

    if (error < 0)
        return error;
    writer->spares[writer->spare_count++] =
        (struct segment_file){handle, header.number, header.size, SEGMENT_BLOCK, cleared, false};
    writer->figures.recycled_segments++;
    return 1;
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

/*
 * Makes a segment current that has room for `needed` octets of batches; a small one when it is the
 * last of this life.
 */
static int open_segment(struct journal_writer *writer, uint64_t needed, bool is_last) {
    uint64_t size = is_last ? writer->options.first_segment_size : ordinary_size(writer);

    writer->spare_failed = false;
    if (writer->spare_count > 0 && needed <= writer->spares[0].size - SEGMENT_BLOCK) {
        use_spare(writer);
        return 0;
    }
    if (writer->spare_count == 0 && needed <= size - SEGMENT_BLOCK)
        return make_now(writer, size);
    if (needed <= writer->options.segment_size - SEGMENT_BLOCK)
        size = writer->options.segment_size;
    else
        size = SEGMENT_BLOCK + needed;
    drop_spares(writer);
    return make_now(writer, size);
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
    close_file(writer, &writer->current);
    return 0;
}

static bool must_seal(const struct journal_writer *writer, const struct batch *batch,
                      uint64_t needed) {
    const struct segment_file *file = &writer->current;

    return file->handle >= 0 && (file->size - file->offset < needed ||
                                 (batch->seal_first && file->offset > SEGMENT_BLOCK));
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
    writer->spare_postponed = false;
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
    journal_writer_add_dead(writer, job->segments[job->unlinked].number,
                            job->segments[job->unlinked].size);
    job->unlinked++;
    return 0;
}

/* The second one may take its time: a segment may die until it is needed. */
static bool wants_spare(const struct journal_writer *writer) {
    const struct segment_file *file = &writer->current;

    if (file->handle < 0 || writer->spare_failed || writer->spare_count >= writer->options.spares)
        return false;
    if (writer->is_making || writer->dead_count > 0)
        return true;
    return !writer->spare_postponed && (writer->spare_count == 0 || file->offset * 2 > file->size);
}

/* Asked before a spare is begun, so that a full disk is not filled to its last block for nothing. */
static bool has_room_for_spare(const struct journal_writer *writer) {
    int64_t room = writer->options.io->ops->free_space(writer->options.io);

    return room < 0 || (uint64_t)room > writer->options.segment_size;
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

/* 1 when the spare is made, 0 when more is to do, or an error. */
static int fresh_spare_step(struct journal_writer *writer) {
    int done;

    if (!writer->is_making && !has_room_for_spare(writer))
        return -ENOSPC;
    if (!writer->is_making)
        begin_making(writer, writer->options.segment_size);
    done = continue_making(writer, &writer->spares[writer->spare_count]);
    if (done == 1)
        writer->spare_count++;
    return done;
}

static void spare_step(struct journal_writer *writer) {
    uint64_t number =
        writer->is_making ? writer->maker.header.number : writer->options.next_segment;
    char name[SEGMENT_NAME_SIZE];
    int done =
        !writer->is_making && writer->dead_count > 0 ? recycle(writer) : fresh_spare_step(writer);

    if (is_full(done))
        writer->spare_postponed = true;
    else
        writer->spare_failed = done < 0;
    segment_name(name, number);
    note_maintenance(writer, &writer->spare_trouble, done, name);
}

/*
 * A checkpoint is what frees segments, so on a full disk a spare makes room for it and is made
 * again afterwards. False when there is nothing to give.
 */
static bool give_room(struct journal_writer *writer, struct checkpoint_job *job) {
    bool was_making = writer->is_making;

    if (!was_making && writer->spare_count == 0 && writer->dead_count == 0)
        return false;
    writer->spare_postponed = true;
    job->written = 0;
    stop_making(writer);
    if (writer->dead_count > 0)
        drop_dead(writer);
    else if (!was_making)
        drop_last_spare(writer);
    return true;
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
    if (is_full(done) && give_room(writer, job))
        return true;
    checkpoint_name(name, job->checkpoint.index);
    note_maintenance(writer, &writer->checkpoint_trouble, done, name);
    job->error = done < 0 ? done : 0;
    *ret_job_done = done != 0;
    return true;
}

/* ---- the two threads ---- */

static void publish(struct journal_writer *writer, int error) {
    writer->figures.spares = writer->spare_count;
    writer->figures.disk_full = writer->figures.starved || writer->spare_postponed;
    writer->figures.next_segment = writer->options.next_segment;
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
            writer->spare_postponed = writer->spare_failed = false;
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

static void wait_at_most(struct journal_writer *writer, long pause_ms) {
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += pause_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&writer->wake, &writer->mutex, &until);
}

static int64_t clock_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The spare is nearer to its end than the segment in use, or one is there. */
static bool spare_is_ahead(const struct journal_writer *writer) {
    const struct segment_file *file = &writer->current;
    const struct segment_maker *maker = &writer->maker;

    return writer->spare_count > 0 ||
           (writer->is_making && (double)maker->filled / (double)maker->header.size >
                                     (double)file->offset / (double)file->size);
}

/*
 * Making spares is for quiet moments. While batches come one after the other it only keeps pace with
 * them, so that each batch waits for as little of it as possible.
 */
static bool spare_can_wait(const struct journal_writer *writer) {
    return writer->job == NULL && wants_spare(writer) && spare_is_ahead(writer) &&
           clock_ms() - writer->last_batch_ms < QUIET_MS;
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
    worked = run_background(writer);
    if (had_job && writer->job == NULL)
        notify_unlocked(writer);
    if (worked || wrote || writer->has_news)
        return;
    if (writer->submitted == NULL)
        pthread_cond_wait(&writer->wake, &writer->mutex);
    else
        wait_at_most(writer, STARVED_PAUSE_MS);
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
