/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public face of the journal: appending, handing over, taking back.
 *
 * Memory is always ahead: the live set, the definitions and the counts change when something is
 * appended; the disk follows batch by batch. The open batch has the LSN that appends return. When
 * it is handed over, a new one opens; when it comes back, safe_lsn moves to its LSN and its
 * messages have a place.
 *
 *   1. LSNs count hand-overs, batch indexes count what is on disk. They differ, because an open
 *      batch from which everything was settled away takes no write: its LSN is safe at once.
 *   2. A message is placed (in a segment's list, counted there) exactly when its batch has come
 *      back and a target is left.
 *   3. A settle of a message in the open batch changes that batch; any other is a record in the
 *      open batch.
 *
 * If you add a kind of record, also touch encoder.c, replay.c and, when it is state, checkpoint.c.
 */
#include "persistence/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "persistence/journal_private.h"
#include "persistence/journal_reader.h"

/* What makes a clean stop longer and the next start shorter: a share of a checkpoint's octets. */
enum { ROUND_OFF_SHARE = 4, ROUND_OFF_BYTES = 4 * 1024 * 1024 };

static void set_failed(struct journal *journal, int error) {
    if (journal->state != JOURNAL_OPEN)
        return;
    journal->state = JOURNAL_FAILED;
    journal->failure = error;
}

static uint64_t or_default(uint64_t value, uint64_t otherwise) {
    return value == 0 ? otherwise : value;
}

static struct journal *journal_create(const struct journal_options *options) {
    struct journal *journal = journal_allocate(1, sizeof *journal);

    journal->options = *options;
    journal->options.segment_size =
        segment_round_up(or_default(options->segment_size, DEFAULT_SEGMENT_SIZE));
    journal->options.first_segment_size =
        segment_round_up(or_default(options->first_segment_size, DEFAULT_FIRST_SEGMENT_SIZE));
    if (journal->options.first_segment_size > journal->options.segment_size)
        journal->options.first_segment_size = journal->options.segment_size;
    journal->options.checkpoint_bytes =
        or_default(options->checkpoint_bytes, DEFAULT_CHECKPOINT_BYTES);
    if (options->dead_kept_ms == 0)
        journal->options.dead_kept_ms = DEFAULT_DEAD_KEPT_MS;
    memcpy(journal->uuid, options->uuid, sizeof journal->uuid);
    journal->term = 1;
    journal->current_segment = NO_SEGMENT;
    journal->batches[1].id = 1;
    journal->open = &journal->batches[0];
    return journal;
}

static void release_all(struct batch *batch) {
    for (size_t i = 0; i < batch->message_count; i++)
        if (batch->messages[i].message != NULL && batch->messages[i].release != NULL)
            batch->messages[i].release(batch->messages[i].owner);
}

static void journal_destroy(struct journal *journal) {
    journal_writer_destroy(journal->writer);
    for (uint32_t slot = 0; slot < journal->segment_slots; slot++)
        journal_remove_segment(journal, slot);
    free(journal->segments);
    journal_reader_destroy(journal->reader);
    for (int i = 0; i < 2; i++) {
        release_all(&journal->batches[i]);
        batch_clear(&journal->batches[i]);
    }
    checkpoint_job_destroy(journal->job);
    checkpoint_job_destroy(journal->described);
    checkpoint_state_clear(&journal->capture);
    live_set_clear(&journal->live);
    definitions_clear(&journal->definitions);
    message_pool_clear(&journal->pool);
    free(journal);
}

int journal_open(const struct journal_options *options, const struct replay_sink *sink,
                 bool salvage, struct journal **ret_journal, struct journal_report *ret_report,
                 struct journal_error *ret_error) {
    struct journal *journal = journal_create(options);
    int error;

    *ret_report = (struct journal_report){0};
    *ret_error = (struct journal_error){0};
    error = journal_replay(journal, sink, salvage, ret_report, ret_error);
    if (error == 0 && journal->options.threaded)
        error = journal_writer_start_thread(journal->writer);
    if (error < 0) {
        ret_error->code = error;
        journal_destroy(journal);
        return error;
    }
    *ret_journal = journal;
    return 0;
}

/* ---- the segment table ---- */

uint32_t journal_add_segment(struct journal *journal, uint64_t number, uint64_t size) {
    uint32_t slot = 0;

    while (slot < journal->segment_slots && journal->segments[slot].used)
        slot++;
    if (slot == journal->segment_slots) {
        journal->segments =
            journal_reallocate(journal->segments, slot + 1u, sizeof *journal->segments);
        journal->segment_slots++;
    }
    journal->segments[slot] = (struct journal_segment){
        .used = true, .number = number, .size = size, .end = SEGMENT_BLOCK};
    return slot;
}

void journal_remove_segment(struct journal *journal, uint32_t slot) {
    struct journal_segment *segment = &journal->segments[slot];

    if (!segment->used)
        return;
    if (journal->reader != NULL)
        journal_reader_rest(journal->reader);
    if (segment->victim)
        journal->victim_count--;
    segment->used = segment->victim = false;
}

void journal_place_message(struct journal *journal, struct stored_message *message, uint32_t slot,
                           uint64_t offset, uint32_t length) {
    struct journal_segment *segment = &journal->segments[slot];

    assert(offset / RECORD_ALIGNMENT <= UINT32_MAX);
    message->segment = slot;
    message->place = (uint32_t)(offset / RECORD_ALIGNMENT);
    message->length = length;
    segment->live_bytes += length;
    segment->live_count++;
}

void journal_unplace_message(struct journal *journal, struct stored_message *message) {
    struct journal_segment *segment = &journal->segments[message->segment];

    assert(segment->live_count > 0);
    if (message->damaged)
        segment->damaged_bytes -= message->length;
    segment->live_bytes -= message->length;
    segment->live_count--;
    message->segment = STORED_NOWHERE;
}

/* ---- appending ---- */

static uint64_t touch(struct journal *journal) {
    journal->open->touched = true;
    return journal->open->lsn;
}

uint64_t journal_put_meta(struct journal *journal, uint8_t kind, struct slice key,
                          struct slice payload) {
    definitions_put(&journal->definitions, kind, key, payload);
    batch_add_meta(journal->open, RECORD_META_PUT, kind, key, payload);
    return touch(journal);
}

uint64_t journal_delete_meta(struct journal *journal, uint8_t kind, struct slice key) {
    definitions_delete(&journal->definitions, kind, key);
    batch_add_meta(journal->open, RECORD_META_DELETE, kind, key, slice_of(NULL, 0));
    return touch(journal);
}

uint64_t journal_append_message(struct journal *journal, const struct journal_content *content,
                                const struct journal_target *targets, size_t target_count,
                                void (*release)(void *owner), void *owner,
                                struct stored_message **ret_message) {
    struct stored_message *message = message_pool_take(&journal->pool);
    struct pending_message *pending;

    assert(target_count > 0);
    assert(target_count <= STORED_TARGETS_AT_MOST);
    for (size_t i = 0; i < target_count; i++) {
        /* A sequence that comes again would let replay confuse two messages. */
        assert(targets[i].sequence > live_set_highest(&journal->live, targets[i].queue_id));
        live_set_add(&journal->live, targets[i].queue_id, targets[i].sequence);
    }
    message->segment = STORED_IN_BATCH(journal->open->id);
    message->place = (uint32_t)journal->open->message_count;
    message->targets = (uint32_t)target_count & STORED_TARGETS_AT_MOST;
    pending = batch_add_message(journal->open, content, targets, target_count);
    pending->message = message;
    pending->release = release;
    pending->owner = owner;
    *ret_message = message;
    return touch(journal);
}

/* The message was never handed over and nobody wants it any more: it leaves the batch. */
static void cancel_message(struct journal *journal, struct pending_message *pending) {
    message_pool_give_back(&journal->pool, pending->message);
    pending->message = NULL;
    journal->open->live_message_count--;
    if (pending->release != NULL)
        pending->release(pending->owner);
}

static void settle_in_open_batch(struct journal *journal, struct stored_message *message,
                                 struct journal_target target) {
    struct pending_message *pending = &journal->open->messages[message->place];

    pending_message_remove_target(pending, target);
    if (message->targets == 0)
        cancel_message(journal, pending);
}

static void settle_handed_over(struct journal *journal, struct stored_message *message,
                               struct journal_target target, bool was_alive) {
    if (was_alive)
        batch_add_settled(journal->open, target);
    if (message->targets > 0 || stored_message_is_pending(message))
        return;
    journal_unplace_message(journal, message);
    if (!message->relocating)
        message_pool_give_back(&journal->pool, message);
}

uint64_t journal_settle(struct journal *journal, struct stored_message *message,
                        struct journal_target target) {
    /* Of a deleted queue nothing is alive, and nothing need be said about it. */
    bool was_alive = live_set_remove(&journal->live, target.queue_id, target.sequence);

    assert(message->targets > 0);
    message->targets = (message->targets - 1) & STORED_TARGETS_AT_MOST;
    if (message->segment == STORED_IN_BATCH(journal->open->id))
        settle_in_open_batch(journal, message, target);
    else
        settle_handed_over(journal, message, target, was_alive);
    return touch(journal);
}

bool journal_is_borrowing(const struct journal *journal, const struct stored_message *message) {
    return stored_message_is_pending(message) &&
           message->segment != STORED_IN_BATCH(journal->open->id);
}

uint64_t journal_delete_queue(struct journal *journal, uint64_t queue_id) {
    live_set_remove_queue(&journal->live, queue_id);
    batch_add_queue_delete(journal->open, queue_id);
    return touch(journal);
}

void journal_begin_atomic(struct journal *journal) {
    journal->atomic_depth++;
}

void journal_end_atomic(struct journal *journal) {
    assert(journal->atomic_depth > 0);
    journal->atomic_depth--;
}

/* ---- handing over and taking back ---- */

static void open_next(struct journal *journal, struct batch *next) {
    next->lsn = journal->open->lsn + 1;
    journal->open = next;
}

static void hand_over(struct journal *journal, int64_t wall_ms) {
    struct batch *batch = journal->open;

    batch->wall_ms = wall_ms;
    open_next(journal, &journal->batches[1 - batch->id]);
    journal_writer_submit(journal->writer, batch);
}

/* Nothing is left to write, but somebody may wait for the LSN: it is as safe as all before it. */
static bool skip_empty_batch(struct journal *journal) {
    uint64_t lsn = journal->open->lsn;

    if (!journal->open->touched)
        return false;
    batch_reset(journal->open);
    journal->open->lsn = lsn + 1;
    journal->safe_lsn = lsn;
    return true;
}

bool journal_submit(struct journal *journal, int64_t wall_ms) {
    if (journal->state != JOURNAL_OPEN || journal->atomic_depth > 0 ||
        !journal_writer_is_idle(journal->writer))
        return false;
    if (journal->checkpoint_pause > 0)
        journal->checkpoint_pause--;
    journal_compact(journal, wall_ms);
    journal_drop_dead_relocations(journal);
    if (journal_checkpoint_is_due(journal))
        journal_capture_slice(journal);
    if (batch_is_empty(journal->open))
        return skip_empty_batch(journal);
    hand_over(journal, wall_ms);
    return false;
}

static void collect_segment(struct journal *journal, const struct batch_result *result) {
    struct journal_segment *segment;
    uint32_t slot = journal->current_segment;

    if (result->sealed) {
        journal->segments[slot].sealed = true;
        journal->segments[slot].last_index = result->sealed_index;
        journal->segments[slot].end = result->sealed_end;
        journal->segments[slot].seal_offset = result->sealed_offset;
        if (journal->segments[slot].first_index == 0)
            journal->segments[slot].first_index = result->sealed_index;
    }
    if (slot == NO_SEGMENT || journal->segments[slot].number != result->segment)
        slot = journal_add_segment(journal, result->segment, result->segment_size);
    journal->current_segment = slot;
    segment = &journal->segments[slot];
    if (segment->first_index == 0)
        segment->first_index = result->index;
    journal->bytes_since_checkpoint += result->end - result->offset;
    journal->last_index = segment->last_index = result->index;
    segment->end = result->end;
}

static void collect_messages(struct journal *journal, struct batch *batch) {
    for (size_t i = 0; i < batch->message_count; i++) {
        struct pending_message *pending = &batch->messages[i];

        if (pending->message == NULL)
            continue;
        if (pending->message->targets == 0)
            message_pool_give_back(&journal->pool, pending->message);
        else
            journal_place_message(journal, pending->message, journal->current_segment,
                                  pending->ret_offset, pending->ret_length);
        if (pending->release != NULL)
            pending->release(pending->owner);
    }
}

static void collect_batch(struct journal *journal, struct batch *batch) {
    if (batch->result.error < 0) {
        set_failed(journal, batch->result.error);
        return; /* its messages are released when the journal is closed */
    }
    collect_segment(journal, &batch->result);
    collect_messages(journal, batch);
    journal_collect_relocations(journal, batch);
    if (batch->wall_ms > journal->last_time_ms)
        journal->last_time_ms = batch->wall_ms;
    journal_go_on_with_checkpoint(journal);
    journal->safe_lsn = batch->lsn;
    batch_reset(batch);
}

void journal_collect(struct journal *journal) {
    struct batch *finished = journal_writer_take_finished(journal->writer);
    int failure;

    if (finished != NULL)
        collect_batch(journal, finished);
    journal_collect_checkpoint(journal);
    failure = journal_writer_failure(journal->writer);
    if (failure < 0)
        set_failed(journal, failure);
}

void journal_write_now(struct journal *journal) {
    assert(!journal->options.threaded);
    journal_writer_run(journal->writer);
}

/* Runs the writer here until it has nothing of ours left. */
static int drain(struct journal *journal) {
    journal_writer_run(journal->writer);
    journal_collect(journal);
    if (journal->state == JOURNAL_FAILED)
        return journal->failure;
    return journal_writer_is_idle(journal->writer) ? 0 : -ENOSPC;
}

/*
 * A segment that ends here and a checkpoint behind it: the next start reads its index instead of its
 * messages. Not worth it when there is little to read.
 */
static int round_off(struct journal *journal) {
    uint64_t worth = journal->options.checkpoint_bytes / ROUND_OFF_SHARE;

    if (journal->bytes_since_checkpoint < (worth < ROUND_OFF_BYTES ? worth : ROUND_OFF_BYTES))
        return 0;
    journal->open->seal_first = journal->open->is_forced = true;
    journal->checkpoint_pause = 0;
    journal_request_checkpoint(journal);
    journal_submit(journal, journal->last_time_ms);
    return drain(journal);
}

/* The open batch, then one that says that this was all. */
static int close_cleanly(struct journal *journal) {
    int error = drain(journal);

    assert(journal->atomic_depth == 0);
    if (error < 0 || (journal->last_index == 0 && batch_is_empty(journal->open)))
        return error;
    error = round_off(journal);
    if (error < 0)
        return error;
    journal->open->flags |= BATCH_CLEAN;
    journal_submit(journal, journal->last_time_ms);
    return drain(journal);
}

int journal_close(struct journal *journal, bool clean) {
    int error = 0;

    if (journal == NULL)
        return 0;
    journal_writer_stop_thread(journal->writer);
    if (clean)
        error = close_cleanly(journal);
    journal_destroy(journal);
    return error;
}

/* ---- questions ---- */

uint64_t journal_open_lsn(const struct journal *journal) {
    return journal->open->lsn;
}

uint64_t journal_safe_lsn(const struct journal *journal) {
    return journal->safe_lsn;
}

enum journal_state journal_state(const struct journal *journal) {
    return journal->state;
}

int journal_failure(const struct journal *journal) {
    return journal->failure;
}

bool journal_is_writing(const struct journal *journal) {
    return !journal_writer_is_idle(journal->writer);
}

void journal_request_checkpoint(struct journal *journal) {
    journal->checkpoint_wanted = true;
}

void journal_retry_space(struct journal *journal) {
    journal->checkpoint_pause = 0;
    journal_writer_retry_spares(journal->writer);
}

int journal_read(struct journal *journal, const struct stored_message *message, uint8_t **buffer,
                 size_t *capacity, struct journal_content *ret_content, struct slice *ret_body) {
    struct journal_place place;
    int error = journal_locate(journal, message, &place);

    if (error < 0)
        return error;
    if (journal->reader == NULL)
        journal->reader = journal_reader_create(journal);
    return journal_reader_read(journal->reader, &place, buffer, capacity, ret_content, ret_body);
}

uint64_t journal_damaged_messages(const struct journal *journal) {
    return journal->damaged_messages;
}

void journal_statistics(const struct journal *journal, struct journal_statistics *ret_statistics) {
    struct journal_statistics all = {.last_index = journal->last_index,
                                     .relocated_bytes = journal->relocated_bytes,
                                     .checkpoints = journal->checkpoint_count,
                                     .unlinked_segments = journal->unlinked_count,
                                     .live_messages = journal->pool.used,
                                     .damaged_messages = journal->damaged_messages,
                                     .damaged_segment = journal->damaged_segment,
                                     .damaged_offset = journal->damaged_offset};
    struct writer_statistics writer;

    journal_writer_statistics(journal->writer, &writer);
    all.batches = writer.batches;
    all.records = writer.records;
    all.bytes_written = writer.bytes_written;
    all.syncs = writer.syncs;
    all.sync_us_max = writer.sync_us_max;
    all.spares = writer.spares;
    all.starved = writer.starved;
    all.disk_full = writer.disk_full;
    all.recycled_segments = writer.recycled_segments;
    all.maintenance_troubles = writer.maintenance_troubles;
    all.maintenance_cause = writer.maintenance_cause;
    memcpy(all.maintenance_file, writer.maintenance_file, sizeof all.maintenance_file);
    for (uint32_t slot = 0; slot < journal->segment_slots; slot++) {
        const struct journal_segment *segment = &journal->segments[slot];

        if (!segment->used)
            continue;
        all.segments++;
        all.total_bytes += segment->size;
        all.live_bytes += segment->live_bytes;
    }
    *ret_statistics = all;
}
