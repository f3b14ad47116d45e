/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments, the files of the journal: a header block, then batches, each on a 4 KiB boundary.
 * FORMAT.md has the bytes.
 *
 * A segment comes into being as NNNN.tmp, gets all its blocks, which read as zeros, gets its header, is
 * synced, renamed to its name and the directory synced: whatever has a segment's name has a whole
 * header, and a full disk shows here and never in the middle of an append.
 *
 * Checksums of batch headers and of payloads are seeded with the journal's UUID, the segment's
 * number and the offset, so that a block that is stale, misplaced or of another journal never
 * validates.
 */
#ifndef LEVERET_PERSISTENCE_SEGMENT_H
#define LEVERET_PERSISTENCE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "persistence/io.h"
#include "persistence/octets.h"
#include "persistence/record.h"

enum {
    SEGMENT_BLOCK = 4096,
    SEGMENT_NAME_SIZE = 32,
    BATCH_HEADER = 64,
    FORMAT_MAJOR = 1,
    FORMAT_MINOR = 0,
};

/* What a segment says of itself, and of those before it. */
struct segment_header {
    uint8_t uuid[16];
    uint64_t number;
    uint64_t size;
    uint64_t epoch; /* how often the journal was opened before */
    /*
     * Made by recovery: segment `superseded` ends at `superseded_end`, and every segment between it
     * and this one is void. 0, 0 says that of all before this one.
     */
    bool supersedes;
    uint64_t superseded;
    uint64_t superseded_end;
};

enum batch_flag {
    BATCH_SEAL = 1,  /* nothing follows in this segment */
    BATCH_CLEAN = 2, /* the journal was closed cleanly behind this batch */
};

struct batch_header {
    uint64_t length; /* header and records, without the zeros up to the next block */
    uint64_t term;
    uint64_t index;
    int64_t time_ms;
    uint32_t record_count;
    uint32_t flags;
    uint32_t payload_crc; /* over the heads of the records, each of which covers its body */
};

/* Where a batch may be: what the seed of its checksums is made of. */
struct segment_place {
    const uint8_t *uuid;
    uint64_t number;
    uint64_t offset;
};

static inline uint64_t segment_round_up(uint64_t len) {
    return (len + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK * SEGMENT_BLOCK;
}

void segment_name(char ret[SEGMENT_NAME_SIZE], uint64_t number);
void segment_temporary_name(char ret[SEGMENT_NAME_SIZE], uint64_t number);
/* True for "%016x" followed by `suffix`. */
bool segment_parse_name(const char *name, const char *suffix, uint64_t *ret_number);

void segment_header_encode(const struct segment_header *header, uint8_t block[SEGMENT_BLOCK]);
/* 0, -EBADMSG when damaged, -EPROTONOSUPPORT when a newer major version wrote it. */
int segment_header_decode(const uint8_t block[SEGMENT_BLOCK], struct segment_header *ret);

/* What checksums of a batch begin with, so that it is valid in its place and journal only. */
uint32_t segment_seed(const struct segment_place *place);
void batch_header_encode(const struct batch_header *header, const struct segment_place *place,
                         uint8_t into[BATCH_HEADER]);
/* 0, or -EBADMSG: there is no header of a batch that belongs there. */
int batch_header_decode(struct slice octets, const struct segment_place *place,
                        struct batch_header *ret);

/*
 * Reads the batch at `place` into `buffer`, which grows as needed; records are buffer[64..length).
 * 0 when it is valid: both checksums, length, every record, count and padding, all within `limit`.
 * -EBADMSG when not; another error is the disk's. `ret_header_valid` (may be NULL) tells a torn or
 * damaged batch from none.
 */
int segment_read_batch(struct io *io, int handle, const struct segment_place *place, uint64_t limit,
                       struct octets *buffer, struct batch_header *ret, bool *ret_header_valid);

/*
 * Looks in 4 KiB steps from `place` to `limit` for the next header of a batch with an index of at
 * least `least`. 1 and its offset, 0 when there is none, or the disk's error.
 */
int segment_find_batch(struct io *io, int handle, struct segment_place place, uint64_t limit,
                       uint64_t least, uint64_t *ret_offset);

/* A segment being made, slice by slice. */
struct segment_maker {
    struct segment_header header;
    int handle;       /* -1 before it begins */
    uint64_t filled;  /* octets of zeros there */
    uint64_t written; /* of them, when they had to be */
    uint64_t synced;
    bool tried_allocation;
};

/* What is written to a new segment before it gets its name, besides zeros; may be empty. */
struct segment_content {
    struct slice octets;
    uint64_t offset;
};

/*
 * One step: creates the file, allocates it, fills up to 1 MiB if that could not be, or finishes. 1
 * when the segment has its name and is durable (`maker->handle` is open for writing and the
 * caller's), 0 when there is more to do. After an error the temporary file is removed and the maker can
 * begin again.
 */
int segment_maker_step(struct segment_maker *maker, struct io *io,
                       const struct segment_content *content);
/*
 * Makes a dead segment's file that of a new one: its blocks are on the disk already, so writing them
 * again is faster than filling new ones. What stands in it never validates under the new number; only
 * the first `cleared` octets are written anew, the header and zeros, and not before the old name is
 * gone for good: after a power cut it would name the new segment, too. 0 and a handle open for
 * writing, which is the caller's, or an error: neither file is there then.
 */
int segment_recycle(struct io *io, uint64_t dead_number, const struct segment_header *header,
                    uint64_t cleared, int *ret_handle);

/* Zeros, for writing. */
enum { SEGMENT_ZEROS = 64 * 1024 };
extern const uint8_t segment_zeros[SEGMENT_ZEROS];

/* Gives up what was begun. */
void segment_maker_cancel(struct segment_maker *maker, struct io *io);

#endif
