/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries as differences to the one before: a queue's messages that follow each other take about ten
 * octets each.
 */
#include "persistence/segment_index.h"

#include <errno.h>

#include "amqp/writer.h"

void journal_summarize(struct slice address, uint64_t body_length, struct journal_summary *ret) {
    size_t len = address.len < JOURNAL_NOTE ? address.len : JOURNAL_NOTE;

    *ret = (struct journal_summary){.body_length = body_length};
    if (len > 0)
        memcpy(ret->note, address.data, len);
}

/* Small differences of either sign become small numbers. */
static uint64_t folded(uint64_t value, uint64_t before) {
    int64_t difference = (int64_t)(value - before);

    return (uint64_t)difference << 1 ^ (uint64_t)(difference >> 63);
}

static uint64_t unfolded(uint64_t number, uint64_t before) {
    return before + ((number >> 1) ^ (0 - (number & 1)));
}

_Static_assert(JOURNAL_NOTE % sizeof(uint64_t) == 0, "a note is looked at by eight octets");

/* The first octet is the lowest. */
static uint64_t load_eight(const uint8_t *octets) {
    uint64_t eight;

    memcpy(&eight, octets, sizeof eight);
    return eight;
}

/* Which octets of the note differ, and those. Most often none or few do. */
static void put_note(struct segment_index *index, const uint8_t note[JOURNAL_NOTE]) {
    uint8_t octets[2 + JOURNAL_NOTE];
    struct writer w = writer_over(octets, sizeof octets);
    unsigned mask = 0;

    writer_u16(&w, 0);
    for (unsigned start = 0; start < JOURNAL_NOTE; start += sizeof(uint64_t)) {
        uint64_t differences = load_eight(note + start) ^ load_eight(index->note + start);
        while (differences != 0) {
            unsigned at = (unsigned)__builtin_ctzll(differences) / 8;
            mask |= 1u << (start + at);
            writer_u8(&w, note[start + at]);
            differences &= ~(UINT64_C(0xff) << at * 8);
        }
    }
    octets[0] = (uint8_t)(mask >> 8);
    octets[1] = (uint8_t)mask;
    octets_append(&index->octets, writer_written(&w));
    memcpy(index->note, note, JOURNAL_NOTE);
}

static void put_target(struct segment_index *index, struct journal_target target) {
    record_put_varint(&index->octets, folded(target.queue_id, index->target.queue_id));
    record_put_varint(&index->octets, folded(target.sequence, index->target.sequence));
    index->target = target;
}

static uint64_t end_of(const struct segment_index_entry *entry) {
    return entry->offset + record_padded_length(entry->length - RECORD_HEAD);
}

static void begin_entry(struct segment_index *index, const struct segment_index_entry *entry) {
    record_put_varint(&index->octets, (entry->offset - index->end) / RECORD_ALIGNMENT);
    record_put_varint(&index->octets, entry->length);
    record_put_varint(&index->octets, entry->summary.body_length);
    record_put_varint(&index->octets, entry->target_count);
    put_note(index, entry->summary.note);
    index->end = end_of(entry);
}

void segment_index_add(struct segment_index *index, const struct segment_index_entry *entry) {
    begin_entry(index, entry);
    for (uint32_t i = 0; i < entry->target_count; i++)
        put_target(index, entry->targets[i]);
}

void segment_index_add_record(struct segment_index *index, uint64_t offset,
                              const struct record *record) {
    struct segment_index_entry entry = {.offset = offset,
                                        .length = (uint32_t)(RECORD_HEAD + record->body.len)};
    struct message_record message;

    if (record->type != RECORD_MESSAGE || record_read_message(record->body, &message) < 0)
        return;
    entry.target_count = message.target_count;
    journal_summarize(message.address, message.body.len, &entry.summary);
    begin_entry(index, &entry);
    for (uint32_t i = 0; i < message.target_count; i++) {
        struct journal_target target;

        message_record_target(&message, i, &target.queue_id, &target.sequence);
        put_target(index, target);
    }
}

void segment_index_reset(struct segment_index *index) {
    struct octets octets = index->octets;

    octets.len = 0;
    *index = (struct segment_index){.octets = octets};
}

void segment_index_clear(struct segment_index *index) {
    octets_clear(&index->octets);
    *index = (struct segment_index){0};
}

void segment_index_reader_init(struct segment_index_reader *reader, struct slice body) {
    *reader = (struct segment_index_reader){.cursor = cursor_over(body)};
}

void segment_index_reader_clear(struct segment_index_reader *reader) {
    free(reader->targets);
    reader->targets = NULL;
    reader->target_capacity = 0;
}

static void read_note(struct segment_index_reader *reader) {
    unsigned mask = cursor_u16(&reader->cursor);

    for (unsigned i = 0; mask != 0; mask >>= 1, i++)
        if ((mask & 1) != 0)
            reader->state.note[i] = cursor_u8(&reader->cursor);
}

static void read_targets(struct segment_index_reader *reader, uint32_t count) {
    struct cursor *c = &reader->cursor;
    struct journal_target *last = &reader->state.target;

    if (count > reader->target_capacity) {
        reader->target_capacity = count;
        reader->targets = journal_reallocate(reader->targets, count, sizeof *reader->targets);
    }
    for (uint32_t i = 0; i < count; i++) {
        last->queue_id = unfolded(record_read_varint(c), last->queue_id);
        last->sequence = unfolded(record_read_varint(c), last->sequence);
        reader->targets[i] = *last;
    }
}

int segment_index_next(struct segment_index_reader *reader, struct segment_index_entry *ret) {
    struct cursor *c = &reader->cursor;
    uint64_t gap, length, targets;

    if (cursor_at_end(c))
        return 0;
    gap = record_read_varint(c);
    length = record_read_varint(c);
    ret->summary.body_length = record_read_varint(c);
    targets = record_read_varint(c);
    read_note(reader);
    if (cursor_failed(c) || gap > UINT32_MAX || length < RECORD_HEAD || length > UINT32_MAX ||
        targets > cursor_remaining(c))
        return -EBADMSG;
    read_targets(reader, (uint32_t)targets);
    if (cursor_failed(c))
        return -EBADMSG;
    ret->offset = reader->state.end + gap * RECORD_ALIGNMENT;
    ret->length = (uint32_t)length;
    ret->target_count = (uint32_t)targets;
    ret->targets = reader->targets;
    memcpy(ret->summary.note, reader->state.note, JOURNAL_NOTE);
    reader->state.end = end_of(ret);
    return 1;
}
