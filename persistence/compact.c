/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compaction: the live messages of mostly dead segments are copied to the end of the journal, so
 * that the segments can go. One long-lived message costs its own size and not its segment.
 *
 *   choose   the segments with the least to copy for their size become victims, some at a time
 *   search   the pool of handles is walked through once for all of them, a slice with each batch
 *   copy     records of ordinary batches, read from the old place by the writer thread
 *
 * The message stays where it is until the batch with its copy is durable; then its handle points to
 * the copy. The record says that it is a copy, and copies bring nothing to life in replay: a target
 * settled between is settled. The old segment then has nothing alive and is left out of the next
 * checkpoints.
 *
 * What cannot be read whole is damaged: it stays where it is, its octets are put aside, and the
 * journal's statistics count it, until its queue finds it unreadable and lets go of it. Only then its
 * segment goes.
 *
 * While messages are published, copying takes a quarter of what is written, or a trickle; when
 * nobody publishes, or when the disk is full, all there is.
 */
#include <assert.h>

#include "persistence/journal_private.h"

enum {
    VICTIM_LIVE_PERCENT = 50,
    VICTIMS_AT_MOST = 16,
    SLICE_OCTETS =
        256 * 1024,    /* copied in one batch at most, so that confirms do not wait for it */
    SLICE_CHUNKS = 64, /* of the pool looked through for one batch: below a millisecond */
    SEGMENT_SHARE = 4,
    SHARE_OF_WRITTEN = 3, /* a third of what others write is a quarter of all */
    TRICKLE_PER_MS = 16 * 1024,
    TRICKLE_MS_AT_MOST = 100,
};

static bool can_be_victim(const struct journal *journal, uint32_t slot) {
    const struct journal_segment *segment = &journal->segments[slot];

    return segment->used && segment->sealed && !segment->victim &&
           segment->live_bytes > segment->damaged_bytes && slot != journal->current_segment &&
           segment->live_bytes * 100 < (segment->size - SEGMENT_BLOCK) * VICTIM_LIVE_PERCENT;
}

/* The one with the least to copy for its size. */
static uint32_t find_victim(const struct journal *journal) {
    uint32_t best = NO_SEGMENT;

    for (uint32_t slot = 0; slot < journal->segment_slots; slot++) {
        const struct journal_segment *segment = &journal->segments[slot];

        if (!can_be_victim(journal, slot))
            continue;
        if (best == NO_SEGMENT || segment->live_bytes * journal->segments[best].size <
                                      journal->segments[best].live_bytes * segment->size)
            best = slot;
    }
    return best;
}

void journal_make_victim(struct journal *journal, uint32_t slot) {
    if (!journal->segments[slot].victim)
        journal->victim_count++;
    journal->segments[slot].victim = true;
    journal->chunks_left = journal->pool.chunk_count;
}

static void choose_victims(struct journal *journal) {
    uint32_t slot;

    while (journal->victim_count < VICTIMS_AT_MOST && (slot = find_victim(journal)) != NO_SEGMENT)
        journal_make_victim(journal, slot);
}

/* All their messages are on their way: those of them that still have some are chosen again. */
static void end_round(struct journal *journal) {
    for (uint32_t slot = 0; slot < journal->segment_slots; slot++)
        journal->segments[slot].victim = false;
    journal->victim_count = 0;
}

static uint64_t add_relocation(struct journal *journal, struct stored_message *message) {
    struct pending_relocation *relocation = batch_add_relocation(journal->open);

    relocation->message = message;
    relocation->segment = journal->segments[message->segment].number;
    relocation->offset = (uint64_t)message->place * RECORD_ALIGNMENT;
    relocation->length = message->length;
    message->relocating = 1;
    return message->length;
}

static bool is_to_be_moved(const struct journal *journal, const struct stored_message *message) {
    return message->segment < journal->segment_slots &&
           journal->segments[message->segment].victim && message->targets > 0 &&
           !message->relocating && !message->damaged;
}

/* From where the search stands in its chunk to its end, or until enough was found. */
static uint64_t copy_from_chunk(struct journal *journal, uint64_t allowance) {
    struct stored_message *messages;
    size_t count = message_pool_chunk(&journal->pool, journal->scanned_chunk, &messages);
    uint64_t copied = 0;

    while (journal->scanned_handle < count && copied < allowance) {
        struct stored_message *message = &messages[journal->scanned_handle++];

        if (is_to_be_moved(journal, message))
            copied += add_relocation(journal, message);
    }
    if (journal->scanned_handle == count) {
        journal->scanned_handle = 0;
        journal->scanned_chunk++;
        journal->chunks_left--;
    }
    return copied;
}

static uint64_t copy_slice(struct journal *journal, uint64_t allowance) {
    uint64_t copied = 0;

    for (unsigned i = 0; i < SLICE_CHUNKS && journal->chunks_left > 0 && copied < allowance; i++) {
        if (journal->scanned_chunk >= journal->pool.chunk_count)
            journal->scanned_chunk = journal->scanned_handle = 0;
        copied += copy_from_chunk(journal, allowance - copied);
    }
    return copied;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Octets that may be copied with the open batch. */
static uint64_t allowance(struct journal *journal, int64_t wall_ms) {
    int64_t passed = wall_ms - journal->credit_ms;
    struct writer_statistics writer;

    passed = passed < 0 ? 0 : passed > TRICKLE_MS_AT_MOST ? TRICKLE_MS_AT_MOST : passed;
    journal->credit_ms = wall_ms;
    journal->credit +=
        journal->open->content_bytes / SHARE_OF_WRITTEN + (uint64_t)passed * TRICKLE_PER_MS;
    if (journal->credit > SLICE_OCTETS || journal->open->live_message_count == 0)
        journal->credit = SLICE_OCTETS;
    journal_writer_statistics(journal->writer, &writer);
    /* What needs a segment of its own would soon be a victim again. */
    return least(writer.disk_full ? SLICE_OCTETS : journal->credit,
                 journal->options.segment_size / SEGMENT_SHARE);
}

void journal_compact(struct journal *journal, int64_t wall_ms) {
    uint64_t allowed, copied;

    if (journal->open->relocation_count > 0)
        return;
    if (journal->victim_count == 0)
        choose_victims(journal);
    if (journal->victim_count == 0)
        return;
    allowed = allowance(journal, wall_ms);
    copied = copy_slice(journal, allowed);
    journal->credit -= least(copied, journal->credit);
    if (journal->chunks_left == 0)
        end_round(journal);
    else
        journal->open->is_forced = true; /* somebody must come by again to go on */
}

void journal_drop_dead_relocations(struct journal *journal) {
    struct batch *batch = journal->open;
    size_t kept = 0;

    for (size_t i = 0; i < batch->relocation_count; i++) {
        struct pending_relocation *relocation = &batch->relocations[i];

        if (relocation->message->targets > 0)
            batch->relocations[kept++] = *relocation;
        else
            message_pool_give_back(&journal->pool, relocation->message);
    }
    batch->relocation_count = kept;
}

void journal_collect_relocations(struct journal *journal, const struct batch *batch) {
    for (size_t i = 0; i < batch->relocation_count; i++) {
        const struct pending_relocation *relocation = &batch->relocations[i];
        struct stored_message *message = relocation->message;

        message->relocating = 0;
        if (message->targets == 0) {
            message_pool_give_back(&journal->pool, message);
        } else if (relocation->ret_failed) {
            journal_quarantine_message(journal, message);
        } else {
            journal_unplace_message(journal, message);
            journal_place_message(journal, message, journal->current_segment,
                                  relocation->ret_offset, relocation->length);
            journal->relocated_bytes += relocation->length;
        }
    }
}
