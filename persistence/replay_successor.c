/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of recovery: a new segment with a copy of the last valid batch and a statement that ends
 * the old ones, and the writer that goes on in it.
 */
#include <assert.h>

#include "amqp/cursor.h"
#include "persistence/crc32c.h"
#include "persistence/replay_private.h"

/* The last batch as it will stand at the beginning of the new segment. */
static int copy_last_batch(struct replay *replay, struct octets *into) {
    struct segment_place from = replay_place(replay, replay->last, replay->last_offset);
    struct segment_place to = {replay->journal->uuid, replay->recovery_number, SEGMENT_BLOCK};
    uint32_t seed = record_journal_seed(replay->journal->uuid);
    struct batch_header header;
    struct record record;
    struct cursor c;
    int error = replay_open_segment(replay, replay->last);

    if (error < 0)
        return error;
    error = segment_read_batch(replay->io, replay->last->handle, &from,
                               replay->last_offset + replay->last_length, into, &header, NULL);
    replay_close_segment(replay, replay->last);
    if (error < 0)
        return replay_io_error(replay, error, "journal segment");
    c = cursor_over(slice_of(into->data, (size_t)header.length));
    cursor_bytes(&c, BATCH_HEADER);
    header.flags = 0;
    header.payload_crc = segment_seed(&to);
    while (!cursor_at_end(&c)) {
        uint64_t at = header.length - cursor_remaining(&c);
        uint64_t offset = to.offset + at;

        error = record_next(&c, record_seed(seed, from.number, from.offset + at), &record);
        assert(error == 0); /* segment_read_batch() has been through all of them */
        record_seal(into->data + at, record_seed(seed, to.number, offset), record.body);
        header.payload_crc = crc32c(header.payload_crc, record.head.data, record.head.len);
        segment_index_add_record(&replay->index, offset, &record);
    }
    batch_header_encode(&header, &to, into->data);
    return error;
}

/* Where the old segments end: before the last batch, or where the checkpoint's state stands. */
static void state_supersession(struct replay *replay, struct segment_header *header) {
    header->supersedes = true;
    if (replay->last != NULL) {
        header->superseded = replay->last->number;
        header->superseded_end = replay->last_offset;
    } else if (replay->checkpoint.segment_count > 0) {
        const struct checkpoint *checkpoint = &replay->checkpoint;

        header->superseded = replay_last_listed(replay);
        header->superseded_end = checkpoint->segments[checkpoint->segment_count - 1].end;
    }
}

static int make_successor(struct replay *replay, const struct octets *copy, int *ret_handle,
                          uint64_t *ret_size) {
    struct journal *journal = replay->journal;
    uint64_t needed = SEGMENT_BLOCK + copy->len + SEGMENT_BLOCK;
    struct segment_content content = {octets_slice(copy), SEGMENT_BLOCK};
    struct segment_maker maker = {.handle = -1};
    int done = 0;

    memcpy(maker.header.uuid, journal->uuid, sizeof maker.header.uuid);
    maker.header.number = replay->recovery_number;
    maker.header.size =
        needed > journal->options.first_segment_size ? needed : journal->options.first_segment_size;
    maker.header.epoch = journal->epoch;
    state_supersession(replay, &maker.header);
    while (done == 0)
        done = segment_maker_step(&maker, replay->io, &content);
    if (done < 0)
        return replay_io_error(replay, done, "new journal segment");
    *ret_handle = maker.handle;
    *ret_size = maker.header.size;
    return 0;
}

void replay_create_writer(struct replay *replay) {
    struct journal *journal = replay->journal;
    struct writer_options options = {
        .io = replay->io,
        .segment_size = journal->options.segment_size,
        .first_segment_size = journal->options.first_segment_size,
        .epoch = journal->epoch,
        .term = journal->term,
        .last_index = replay->previous_index,
        .last_time_ms = journal->last_time_ms,
        .next_segment = replay->recovery_number,
        .spares = journal->options.spare_segments,
        .dead_kept_ms = journal->options.dead_kept_ms,
        .notify = journal->options.notify,
        .notify_context = journal->options.notify_context,
    };

    memcpy(options.uuid, journal->uuid, sizeof options.uuid);
    if (replay->recovery_slot != NO_SEGMENT)
        options.next_segment++;
    journal->writer = journal_writer_create(&options);
    journal->last_index = replay->previous_index;
    journal->safe_lsn = replay->previous_index;
    journal->batches[0].lsn = replay->previous_index + 1;
}

/* The last batch left the old segment for the new one. */
static void shorten_last(struct replay *replay) {
    struct found_segment *last = replay->last;

    last->end = replay->last_offset;
    if (last->seal_offset == replay->last_offset)
        last->seal_offset = 0;
    if (last->last_index-- == last->first_index)
        last->first_index = last->last_index = 0;
}

static void fill_table(struct replay *replay) {
    struct journal *journal = replay->journal;

    for (size_t i = 0; i < replay->found_count; i++) {
        const struct found_segment *segment = &replay->found[i];
        struct journal_segment *entry = &journal->segments[segment->slot];

        if (!replay_counts(segment))
            continue;
        entry->first_index = segment->first_index;
        entry->last_index = segment->last_index;
        entry->end = segment->end;
        entry->sealed = true;
        entry->seal_offset = segment->seal_offset;
        entry->salvaged = segment->damaged;
    }
}

int replay_succeed(struct replay *replay) {
    struct journal *journal = replay->journal;
    struct journal_segment *current;
    struct octets copy = {0};
    uint64_t size = 0;
    int handle = -1;
    int error = replay->last != NULL ? copy_last_batch(replay, &copy) : 0;

    if (error == 0)
        error = make_successor(replay, &copy, &handle, &size);
    if (error == 0) {
        current = &journal->segments[replay->recovery_slot];
        current->size = size;
        current->end = SEGMENT_BLOCK + copy.len;
        if (replay->last != NULL) {
            current->first_index = current->last_index = replay->previous_index;
            shorten_last(replay);
        }
        fill_table(replay);
        journal->current_segment = replay->recovery_slot;
        replay_create_writer(replay);
        journal_writer_adopt(journal->writer, handle, replay->recovery_number, size, current->end,
                             &replay->index);
    }
    octets_clear(&copy);
    return error;
}
