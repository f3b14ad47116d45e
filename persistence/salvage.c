/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage: telling it from a torn tail, and, in salvage, what can still be taken from it. The end of
 * salvage is in quarantine.c.
 */
#include <inttypes.h>
#include <stdio.h>

#include "amqp/cursor.h"
#include "persistence/replay_private.h"

/*
 * Behind the last valid batch it is not known how many there were; what stands there from another life
 * of the file is older.
 */
enum { BATCHES_AT_THE_END = 64 };

/* Salvage: any record between `offset` and `end` that is whole and of a batch that can be there. */
static int visit_remains(struct replay *replay, struct found_segment *segment, uint64_t offset,
                         uint64_t end, uint64_t next_index, record_visitor visit) {
    uint32_t seed = record_journal_seed(replay->journal->uuid);
    uint32_t batches =
        next_index == 0 ? BATCHES_AT_THE_END : (uint32_t)(next_index - replay->previous_index - 1);
    struct octets octets = {0};
    uint64_t at = offset;
    int error = 0;
    ssize_t got = io_read_all(replay->io, segment->handle, octets_extend(&octets, end - offset),
                              (size_t)(end - offset), offset);

    while (got > 0 && error == 0 && at < offset + (uint64_t)got) {
        struct cursor c = cursor_over(octets_slice(&octets));
        struct record record;

        cursor_bytes(&c, (size_t)(at - offset));
        if (record_next(&c, record_seed(seed, segment->number, at), &record) < 0 ||
            record.batch - (uint32_t)replay->previous_index - 1 >= batches) {
            at += RECORD_ALIGNMENT;
            continue;
        }
        error = visit(replay, segment, offset, at, &record);
        at += record_padded_length(record.body.len);
    }
    octets_clear(&octets);
    return error;
}

static bool is_all_zero(struct replay *replay, struct found_segment *segment, uint64_t offset) {
    uint8_t block[SEGMENT_BLOCK] = {0};

    io_read_all(replay->io, segment->handle, block, sizeof block, offset);
    for (size_t i = 0; i < sizeof block; i++)
        if (block[i] != 0)
            return false;
    return true;
}

/*
 * What to do about an invalid batch. 1: this is the end of what was written here; 0: damage that
 * salvage passed over, and `offset` is behind it; or the error.
 */
int salvage_judge(struct replay *replay, struct found_segment *segment, uint64_t *offset,
                  uint64_t limit, bool must_reach, bool wrong_index, record_visitor visit) {
    struct segment_place behind = replay_place(replay, segment, *offset + SEGMENT_BLOCK);
    struct batch_header next = {0};
    uint64_t next_offset = limit;
    int found = wrong_index ? 0
                            : segment_find_batch(replay->io, segment->handle, behind, limit,
                                                 replay->previous_index + 1, &next_offset);
    int error;

    if (found < 0)
        return replay_io_error(replay, found, "journal segment");
    must_reach = must_reach ||
                 (replay->has_checkpoint && replay->previous_index < replay->checkpoint.end_index);
    if (found == 0 && !must_reach && !wrong_index) {
        segment->ends_torn = !is_all_zero(replay, segment, *offset);
        return 1;
    }
    error = replay_damage_in(replay, segment, *offset,
                             wrong_index ? "batch out of order: batches before it are missing"
                                         : "invalid batch");
    if (error < 0)
        return error;
    if (wrong_index) {
        *offset +=
            replay->any_gap ? SEGMENT_BLOCK : 0; /* an older batch: nothing to take from it */
        replay->any_gap = true;
        return 0;
    }
    if (found == 1) {
        struct segment_place place = replay_place(replay, segment, next_offset);
        uint8_t head[BATCH_HEADER];

        io_read_all(replay->io, segment->handle, head, sizeof head, next_offset);
        batch_header_decode(slice_of(head, sizeof head), &place, &next);
    }
    error = visit_remains(replay, segment, *offset, next_offset, next.index, visit);
    replay->any_gap = true;
    *offset = next_offset;
    return error;
}

int salvage_take_remains(struct replay *replay, struct found_segment *segment,
                         record_visitor visit) {
    int error = replay_open_segment(replay, segment);

    if (error == 0)
        error = visit_remains(replay, segment, segment->end, segment->limit, 0, visit);
    replay_close_segment(replay, segment);
    segment->end = segment->limit;
    return error;
}

/* Salvage: what is alive by the books and nowhere in the files is lost. */
int salvage_account(struct replay *replay) {
    const struct live_page *page;
    uint64_t lost = 0;
    char text[64];

    live_set_begin_walk(&replay->unclaimed);
    while ((page = live_set_next_page(&replay->unclaimed)) != NULL) {
        for (uint64_t i = 0; i < LIVE_PAGE_SEQUENCES; i++)
            if ((page->bits[i / 8] & 1u << (i % 8)) != 0)
                live_set_remove(&replay->journal->live, page->queue_id,
                                page->number * LIVE_PAGE_SEQUENCES + i);
        lost += page->population;
    }
    if (lost == 0)
        return 0;
    snprintf(text, sizeof text, "%" PRIu64 " messages are missing", lost);
    return replay_damage(replay, NULL, "journal", 0, text);
}
