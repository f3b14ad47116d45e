/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a running journal makes checkpoints, what they list, and what may go afterwards.
 *
 *   hand-over of batch S: the capture of the state begins, the segments that hold something alive
 *                         are marked; with later batches it goes on, a slice each
 *   batch S is durable:   index and segments are known
 *   hand-over of batch E: the capture is complete
 *   batch E is durable:   the file goes to the writer
 *   file is durable:      segments that this checkpoint and the one before left out are gone
 *
 * The last two checkpoints are kept, and a segment goes only when neither lists it, so that the
 * older one can stand in when the newer is damaged.
 */
#include <assert.h>
#include <stdlib.h>

#include "persistence/journal_private.h"

enum {
    PAUSE_AFTER_FAILURE = 64,
    GARBAGE_SHARE = 4,
    CAPTURE_SLICE = 4096, /* pieces: well below a millisecond */
};

static bool is_garbage(const struct journal *journal, uint32_t slot) {
    const struct journal_segment *segment = &journal->segments[slot];

    return segment->used && slot != journal->current_segment && segment->live_count == 0;
}

static uint64_t garbage_bytes(const struct journal *journal) {
    uint64_t bytes = 0;

    for (uint32_t slot = 0; slot < journal->segment_slots; slot++)
        if (is_garbage(journal, slot))
            bytes += journal->segments[slot].size;
    return bytes;
}

bool journal_checkpoint_is_due(const struct journal *journal) {
    if (journal->capturing)
        return true;
    if (journal->job != NULL || journal->checkpoint_pause > 0 ||
        (journal->last_index == 0 && batch_is_empty(journal->open)))
        return false;
    return journal->checkpoint_wanted ||
           journal->bytes_since_checkpoint >= journal->options.checkpoint_bytes ||
           garbage_bytes(journal) >= journal->options.checkpoint_bytes / GARBAGE_SHARE;
}

void journal_capture_slice(struct journal *journal) {
    if (!journal->capturing) {
        checkpoint_capture_begin(&journal->capture, &journal->live, &journal->definitions);
        for (uint32_t slot = 0; slot < journal->segment_slots; slot++)
            journal->segments[slot].in_snapshot = !is_garbage(journal, slot);
        journal->capturing = true;
        journal->checkpoint_wanted = false;
    }
    journal->captured = checkpoint_capture_step(&journal->capture, &journal->live,
                                                &journal->definitions, CAPTURE_SLICE);
    journal->open->is_forced = true; /* the state is that of a batch, and somebody must go on */
}

static int compare_numbers(const void *left, const void *right) {
    const struct checkpoint_segment *a = left, *b = right;

    return a->number < b->number ? -1 : a->number > b->number;
}

static void list_segment(struct checkpoint *checkpoint, const struct journal_segment *segment) {
    checkpoint->segments[checkpoint->segment_count++] =
        (struct checkpoint_segment){.number = segment->number,
                                    .first_index = segment->first_index,
                                    .last_index = segment->last_index,
                                    .end = segment->end,
                                    .seal_offset = segment->seal_offset};
}

/* What the checkpoint lists and what it lets go of. */
static void choose_segments(struct journal *journal, struct checkpoint_job *job) {
    struct checkpoint *checkpoint = &job->checkpoint;

    checkpoint->segments = journal_allocate(journal->segment_slots, sizeof *checkpoint->segments);
    job->segments = journal_allocate(journal->segment_slots, sizeof *job->segments);
    for (uint32_t slot = 0; slot < journal->segment_slots; slot++) {
        struct journal_segment *segment = &journal->segments[slot];
        bool listed = segment->in_snapshot || slot == journal->current_segment;

        segment->left_out = segment->used && !listed;
        segment->unlinking = segment->left_out && segment->unlisted > 0 && !segment->salvaged;
        if (segment->unlinking)
            job->segments[job->segment_count++] =
                (struct job_segment){segment->number, segment->size};
        if (segment->used && listed)
            list_segment(checkpoint, segment);
    }
    qsort(checkpoint->segments, checkpoint->segment_count, sizeof *checkpoint->segments,
          compare_numbers);
}

static void describe(struct journal *journal) {
    struct checkpoint_job *job = journal_allocate(1, sizeof *job);

    memcpy(job->uuid, journal->uuid, sizeof job->uuid);
    job->checkpoint = (struct checkpoint){
        .index = journal->last_index, .term = journal->term, .time_ms = journal->last_time_ms};
    choose_segments(journal, job);
    journal->described = job;
    journal->bytes_since_checkpoint = 0;
}

static void start_job(struct journal *journal) {
    struct checkpoint_job *job = journal->described;
    struct writer_statistics writer;

    assert(journal->job == NULL);
    journal_writer_statistics(journal->writer, &writer);
    job->checkpoint.next_segment = writer.next_segment;
    job->checkpoint.end_index = journal->last_index;
    job->has_old = journal->has_older_checkpoint;
    job->old_index = journal->older_checkpoint_index;
    job->state = journal->capture;
    journal->capture = (struct checkpoint_state){0};
    journal->job = job;
    journal->described = NULL;
    journal->capturing = journal->captured = false;
    journal_writer_submit_job(journal->writer, job);
}

void journal_go_on_with_checkpoint(struct journal *journal) {
    if (!journal->capturing)
        return;
    if (journal->described == NULL)
        describe(journal);
    if (journal->captured)
        start_job(journal);
}

void checkpoint_job_destroy(struct checkpoint_job *job) {
    if (job == NULL)
        return;
    checkpoint_state_clear(&job->state);
    checkpoint_clear(&job->checkpoint);
    octets_clear(&job->file);
    free(job->segments);
    free(job);
}

static void forget_unlinked(struct journal *journal) {
    for (uint32_t slot = 0; slot < journal->segment_slots; slot++) {
        struct journal_segment *segment = &journal->segments[slot];

        if (!segment->used || !segment->left_out)
            continue;
        segment->unlisted++;
        segment->left_out = false;
        if (!segment->unlinking)
            continue;
        journal_remove_segment(journal, slot);
        journal->unlinked_count++;
    }
}

void journal_collect_checkpoint(struct journal *journal) {
    struct checkpoint_job *job = journal_writer_take_finished_job(journal->writer);

    if (job == NULL)
        return;
    assert(job == journal->job);
    if (job->is_durable) {
        journal->has_older_checkpoint = journal->has_checkpoint;
        journal->older_checkpoint_index = journal->checkpoint_index;
        journal->has_checkpoint = true;
        journal->checkpoint_index = job->checkpoint.index;
        journal->checkpoint_count++;
        forget_unlinked(journal);
    } else {
        journal->checkpoint_pause = PAUSE_AFTER_FAILURE;
    }
    checkpoint_job_destroy(job);
    journal->job = NULL;
}
