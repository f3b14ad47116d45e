/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compaction: the live messages of a mostly dead segment are copied to the end of the journal, so
 * that the segment can go. One long-lived message costs its own size and not its segment.
 *
 * The copy is a record of an ordinary batch, read from the old place by the writer thread. The
 * message stays where it is until that batch is durable; then its handle points to the copy. The
 * record says that it is a copy, and copies bring nothing to life in replay: a target settled
 * between is settled. The old segment then has nothing alive and is left out of the next
 * checkpoints.
 */
#include <assert.h>

#include "persistence/journal_private.h"

enum {
    VICTIM_LIVE_PERCENT = 50,
    SLICE_OCTETS =
        256 * 1024, /* copied in one batch at most, so that confirms do not wait for it */
};

static bool can_be_victim(const struct journal *journal, uint32_t slot) {
    const struct journal_segment *segment = &journal->segments[slot];

    return segment->used && segment->sealed && !segment->damaged && segment->live_count > 0 &&
           slot != journal->current_segment &&
           segment->live_bytes * 100 < (segment->size - SEGMENT_BLOCK) * VICTIM_LIVE_PERCENT;
}

/* The one with the least to copy for its size. */
static uint32_t choose_victim(const struct journal *journal) {
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

static void add_relocation(struct journal *journal, struct stored_message *message) {
    struct pending_relocation *relocation = batch_add_relocation(journal->open);

    relocation->message = message;
    relocation->segment = journal->segments[message->segment].number;
    relocation->offset = (uint64_t)message->place * RECORD_ALIGNMENT;
    relocation->length = message->length;
    message->relocating = 1;
}

/* A slice of the victim's messages that are not on their way yet. */
static void copy_slice(struct journal *journal, const struct journal_segment *victim) {
    struct stored_message *message = message_pool_get(&journal->pool, victim->first_message);
    uint64_t copied = 0;

    while (message != NULL && copied < SLICE_OCTETS) {
        struct stored_message *next = message_pool_get(&journal->pool, message->next);

        if (!message->relocating) {
            add_relocation(journal, message);
            copied += message->length;
        }
        message = next;
    }
}

void journal_compact(struct journal *journal) {
    struct journal_segment *victim;

    if (journal->open->relocation_count > 0)
        return;
    if (journal->victim == NO_SEGMENT)
        journal->victim = choose_victim(journal);
    if (journal->victim == NO_SEGMENT)
        return;
    victim = &journal->segments[journal->victim];
    if (!victim->used || victim->damaged || victim->live_count == 0)
        journal->victim = NO_SEGMENT;
    else
        copy_slice(journal, victim);
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
            journal->segments[message->segment].damaged = true;
        } else {
            journal_unplace_message(journal, message);
            journal_place_message(journal, message, journal->current_segment,
                                  relocation->ret_offset, relocation->length);
            journal->relocated_bytes += relocation->length;
        }
    }
}
