/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a running journal makes checkpoints, what they list, and what may go afterwards.
 *
 *   hand-over of batch N: snapshot of the state, mark the segments that hold something alive
 *   batch N is durable:   index and segments are known, the file goes to the writer
 *   file is durable:      segments that this checkpoint and the one before left out are gone
 *
 * The last two checkpoints are kept, and a segment goes only when neither lists it, so that the
 * older one can stand in when the newer is damaged.
 */
#include <assert.h>
#include <stdlib.h>

#include "persistence/journal_private.h"

enum { PAUSE_AFTER_FULL_DISK = 64, GARBAGE_SHARE = 4 };

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
    if (journal->job != NULL || journal->snapshot_taken || journal->checkpoint_pause > 0 ||
        (journal->last_index == 0 && batch_is_empty(journal->open)))
        return false;
    return journal->checkpoint_wanted ||
           journal->bytes_since_checkpoint >= journal->options.checkpoint_bytes ||
           garbage_bytes(journal) >= journal->options.checkpoint_bytes / GARBAGE_SHARE;
}

void journal_take_snapshot(struct journal *journal) {
    assert(!journal->snapshot_taken);
    checkpoint_state_encode(&journal->snapshot, &journal->live, &journal->definitions);
    for (uint32_t slot = 0; slot < journal->segment_slots; slot++)
        journal->segments[slot].in_snapshot = !is_garbage(journal, slot);
    journal->snapshot_taken = true;
    journal->checkpoint_wanted = false;
}

static int compare_numbers(const void *left, const void *right) {
    const struct checkpoint_segment *a = left, *b = right;

    return a->number < b->number ? -1 : a->number > b->number;
}

/* What the checkpoint lists and what it lets go of. */
static void choose_segments(struct journal *journal, struct checkpoint *checkpoint,
                            struct checkpoint_job *job) {
    checkpoint->segments = journal_allocate(journal->segment_slots, sizeof *checkpoint->segments);
    job->segments = journal_allocate(journal->segment_slots, sizeof *job->segments);
    for (uint32_t slot = 0; slot < journal->segment_slots; slot++) {
        struct journal_segment *segment = &journal->segments[slot];
        bool listed = segment->in_snapshot || slot == journal->current_segment;

        segment->left_out = segment->used && !listed;
        segment->unlinking = segment->left_out && segment->unlisted > 0 && !segment->salvaged;
        if (segment->unlinking)
            job->segments[job->segment_count++] = segment->number;
        if (segment->used && listed)
            checkpoint->segments[checkpoint->segment_count++] = (struct checkpoint_segment){
                segment->number, segment->first_index, segment->last_index, segment->end};
    }
    qsort(checkpoint->segments, checkpoint->segment_count, sizeof *checkpoint->segments,
          compare_numbers);
}

void journal_start_checkpoint(struct journal *journal) {
    struct checkpoint checkpoint = {
        .index = journal->last_index, .term = journal->term, .time_ms = journal->last_time_ms};
    struct writer_statistics writer;

    assert(journal->job == NULL);
    journal_writer_statistics(journal->writer, &writer);
    checkpoint.next_segment = writer.next_segment;
    journal->job = journal_allocate(1, sizeof *journal->job);
    journal->job->index = checkpoint.index;
    journal->job->has_old = journal->has_older_checkpoint;
    journal->job->old_index = journal->older_checkpoint_index;
    choose_segments(journal, &checkpoint, journal->job);
    checkpoint_encode(&journal->job->file, journal->uuid, &checkpoint, &journal->snapshot);
    checkpoint_clear(&checkpoint);
    octets_clear(&journal->snapshot.octets);
    journal->snapshot_taken = false;
    journal->bytes_since_checkpoint = 0;
    journal_writer_submit_job(journal->writer, journal->job);
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
        journal->checkpoint_index = job->index;
        journal->checkpoint_count++;
        forget_unlinked(journal);
    } else {
        journal->checkpoint_pause = PAUSE_AFTER_FULL_DISK;
    }
    octets_clear(&job->file);
    free(job->segments);
    free(job);
    journal->job = NULL;
}
