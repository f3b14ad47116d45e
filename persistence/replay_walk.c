/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking through the batches of one segment, in the scan and once more to hand out what is alive.
 */
#include <errno.h>

#include "amqp/cursor.h"
#include "persistence/replay_private.h"

struct segment_place replay_place(const struct replay *replay, const struct found_segment *segment,
                                  uint64_t offset) {
    return (struct segment_place){replay->journal->uuid, segment->number, offset};
}

static bool index_follows(const struct replay *replay, uint64_t index) {
    return index == replay->previous_index + 1 ||
           (replay->any_gap && index > replay->previous_index);
}

static int visit_batch(struct replay *replay, struct found_segment *segment, uint64_t offset,
                       const struct batch_header *header, record_visitor visit) {
    struct cursor all = cursor_over(octets_slice(&replay->buffer));
    struct record record;
    struct cursor c;
    int error = 0;

    cursor_bytes(&all, BATCH_HEADER);
    c = cursor_sub(&all, (size_t)header->length - BATCH_HEADER);
    while (error == 0 && !cursor_at_end(&c)) {
        uint64_t at = offset + header->length - cursor_remaining(&c);

        record_next_again(&c, &record); /* segment_read_batch() has been through all of them */
        error = visit(replay, segment, offset, at, &record);
    }
    return error;
}

static void note_batch(struct replay *replay, struct found_segment *segment, uint64_t offset,
                       const struct batch_header *header) {
    uint64_t padded = segment_round_up(header->length);

    replay->previous_index = header->index;
    replay->any_gap = false;
    replay->done_bytes += padded;
    replay->report->bytes_read += padded;
    if (segment->first_index == 0)
        segment->first_index = header->index;
    segment->last_index = header->index;
    segment->end = offset + padded;
    segment->sealed = (header->flags & BATCH_SEAL) != 0;
    segment->seal_offset = segment->sealed && header->record_count > 0 ? offset : 0;
    if (header->time_ms > replay->journal->last_time_ms)
        replay->journal->last_time_ms = header->time_ms;
    if (!replay->emitting) {
        replay->last = segment;
        replay->last_offset = offset;
        replay->last_length = padded;
        replay->last_flags = header->flags;
        replay->report->batches++;
    }
    if (replay->sink->on_progress != NULL)
        replay->sink->on_progress(replay->sink->context, replay->done_bytes,
                                  2 * replay->total_bytes);
}

/*
 * Visits the records of all batches from `offset` to `limit`, or to a SEAL, or to the end of what
 * was written, which is not allowed with `must_reach`. segment->end is where it stopped.
 */
int replay_walk(struct replay *replay, struct found_segment *segment, uint64_t offset,
                uint64_t limit, bool must_reach, record_visitor visit) {
    segment->sealed = false;
    segment->end = offset;
    while (offset < limit) {
        struct segment_place place = replay_place(replay, segment, offset);
        struct batch_header header;
        bool header_valid, wrong_index;
        int error = segment_read_batch(replay->io, segment->handle, &place, limit, &replay->buffer,
                                       &header, &header_valid);

        if (error < 0 && error != -EBADMSG && !replay->salvage)
            return replay_io_error(replay, error, "journal segment");
        wrong_index = error == 0 && !index_follows(replay, header.index);
        if (error == 0 && !wrong_index) {
            error = visit_batch(replay, segment, offset, &header, visit);
            if (error < 0)
                return error;
            note_batch(replay, segment, offset, &header);
            offset = segment->end;
            if (segment->sealed)
                return 0;
            continue;
        }
        error = salvage_judge(replay, segment, &offset, limit, must_reach, wrong_index, visit);
        if (error < 0)
            return error;
        segment->end = offset;
        if (error == 1)
            return 0;
    }
    return 0;
}
