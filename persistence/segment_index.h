/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a segment: where its messages are and whose, so that a start need not read them. It
 * is the body of the INDEX record in the batch that seals the segment; FORMAT.md has the bytes.
 */
#ifndef LEVERET_PERSISTENCE_SEGMENT_INDEX_H
#define LEVERET_PERSISTENCE_SEGMENT_INDEX_H

#include <stdint.h>

#include "amqp/cursor.h"
#include "persistence/journal.h"
#include "persistence/octets.h"
#include "persistence/record.h"

struct segment_index_entry {
    uint64_t offset; /* of the record in the segment */
    uint32_t length; /* of the record with its head */
    struct journal_summary summary;
    uint32_t target_count;
    const struct journal_target *targets;
};

/* Being written, entry by entry in the order of the offsets; all zero to begin with. */
struct segment_index {
    struct octets octets;
    /* What entries are written as differences to. */
    uint64_t end;
    uint8_t note[JOURNAL_NOTE];
    struct journal_target target;
};

enum {
    SEGMENT_INDEX_ENTRY_AT_MOST = 4 * 5 + 10 + 2 + JOURNAL_NOTE,
    SEGMENT_INDEX_TARGET_AT_MOST = 2 * 10,
};

void segment_index_add(struct segment_index *index, const struct segment_index_entry *entry);
/* The record of a message that stands at `offset` in the segment. */
void segment_index_add_record(struct segment_index *index, uint64_t offset,
                              const struct record *record);
/* Empty again, for the next segment. */
void segment_index_reset(struct segment_index *index);
void segment_index_clear(struct segment_index *index);

struct segment_index_reader {
    struct cursor cursor;
    struct segment_index state;
    struct journal_target *targets; /* owned */
    uint32_t target_capacity;
};
void segment_index_reader_init(struct segment_index_reader *reader, struct slice body);
/* 1 and an entry, whose targets stay until the next call; 0 at the end; -EBADMSG when malformed. */
int segment_index_next(struct segment_index_reader *reader, struct segment_index_entry *ret);
void segment_index_reader_clear(struct segment_index_reader *reader);

/* What is said of a message without its content. */
void journal_summarize(struct slice address, uint64_t body_length, struct journal_summary *ret);

#endif
