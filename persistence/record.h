/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records, the pieces of a batch: a head of 16 octets with its own checksum, and a body. FORMAT.md
 * has the bytes. A record is checked by itself, so that a message read back for delivery, or found
 * inside a damaged batch, is known to be whole.
 *
 * Decoders are pure functions from slices; what is malformed comes back as -EBADMSG.
 */
#ifndef LEVERET_PERSISTENCE_RECORD_H
#define LEVERET_PERSISTENCE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/cursor.h"
#include "amqp/slice.h"
#include "persistence/octets.h"

enum {
    RECORD_HEAD = 16,
    RECORD_ALIGNMENT = 8,
    RECORD_VERSION = 1,
    RECORD_MESSAGE_FIXED = 24, /* of a message's body, before its targets */
    RECORD_TARGET = 16,
};

enum record_type {
    RECORD_META_PUT = 1,
    RECORD_META_DELETE = 2,
    RECORD_MESSAGE = 3,
    RECORD_SETTLE = 4,
    RECORD_QUEUE_DELETE = 5,
    RECORD_INDEX = 6, /* where the messages of its segment are: segment_index.h */
};

enum record_flag {
    RECORD_SKIPPABLE = 1, /* a reader that does not know the type may pass over it */
    RECORD_RELOCATED = 2, /* copy of a message made by compaction: does not bring targets to life */
};

struct record {
    uint8_t type;
    uint8_t version;
    uint16_t flags;
    uint32_t batch; /* low half of the index of the batch it was written in */
    uint32_t crc;
    struct slice body;
    struct slice head; /* the 16 octets as they are on disk */
};

/* The octets a record of this body takes in a batch: head, body, zeros up to a multiple of 8. */
size_t record_padded_length(size_t body_len);

/* What the seeds of all records of one journal begin with. */
uint32_t record_journal_seed(const uint8_t uuid[16]);
/*
 * The seed of one record, from the journal's and its place: what stands where it does not belong, or
 * stood there in another life of the file, fails its checksum.
 */
uint32_t record_seed(uint32_t journal_seed, uint64_t segment, uint64_t offset);

/*
 * Writes the head of a record, but for its checksum, and returns that so far. It goes on over the body
 * by crc32c(), piece by piece as in encoder.c, and is put in by record_head_end().
 */
uint32_t record_head_begin(uint8_t head[RECORD_HEAD], uint32_t seed, uint8_t type, uint16_t flags,
                           size_t body_len, uint32_t batch);
void record_head_end(uint8_t head[RECORD_HEAD], uint32_t crc);

/* The checksum of a whole record anew, for another seed. */
void record_seal(uint8_t head[RECORD_HEAD], uint32_t seed, struct slice body);

/* Takes the next record from `c`: 0, or -EBADMSG when it is not whole; `c` is of no use then. */
int record_next(struct cursor *c, uint32_t seed, struct record *ret);

/* The same for octets that record_next() has found whole before: nothing is checked once more. */
void record_next_again(struct cursor *c, struct record *ret);

/* True when this reader knows type and version. */
bool record_is_known(const struct record *record);

struct meta_record {
    uint8_t kind;
    struct slice key;
    struct slice payload; /* empty in META_DELETE */
};
void record_put_meta(struct octets *body, uint8_t kind, struct slice key, struct slice payload);
int record_read_meta(struct slice body, struct meta_record *ret);

struct message_record {
    uint64_t index; /* batch of its publication: with `slot` its identity for life */
    uint32_t slot;
    uint32_t target_count;
    struct slice targets; /* `target_count` times queue id and sequence */
    struct slice address;
    struct slice header;
    struct slice body;
};
/* Everything of the body before the targets; `into` has RECORD_MESSAGE_FIXED octets. */
void record_put_message(uint8_t *into, const struct message_record *message);
int record_read_message(struct slice body, struct message_record *ret);

/* Target number `at` of a message read. */
void message_record_target(const struct message_record *message, uint32_t at, uint64_t *ret_queue,
                           uint64_t *ret_sequence);

/* Seven bits an octet, low ones first, the top bit says that more follow. */
void record_put_varint(struct octets *into, uint64_t value);
/* What is no varint fails the cursor. */
uint64_t record_read_varint(struct cursor *c);

/* One settled place; arrays of them are encoded sorted, as ranges. */
struct settled {
    uint64_t queue_id;
    uint64_t sequence;
};
/* Appends the body of one SETTLE record for the first queue in `settled`; how many it took. */
size_t record_put_settle(struct octets *body, const struct settled *settled, size_t count);

struct settle_reader {
    struct cursor cursor;
    uint64_t queue_id;
    uint64_t next;
};
int settle_reader_begin(struct settle_reader *reader, struct slice body);
/* 1 and a range, 0 at the end, -EBADMSG when malformed. */
int settle_reader_next(struct settle_reader *reader, uint64_t *ret_first, uint64_t *ret_count);

int record_read_queue_delete(struct slice body, uint64_t *ret_queue_id);

#endif
