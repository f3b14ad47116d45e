/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments that no broker wrote: batches and records with whatever in them, valid in every checksum.
 * For what only somebody else's journal, or a broken one, could hold.
 */
#ifndef TESTS_SUPPORT_FORGED_SEGMENT_H
#define TESTS_SUPPORT_FORGED_SEGMENT_H

#include "persistence/io.h"
#include "persistence/segment.h"

enum { FORGED_SIZE = 8 * SEGMENT_BLOCK };

struct forged {
    uint8_t octets[FORGED_SIZE];
    uint8_t uuid[16];
    uint64_t number;
    uint64_t end; /* where the next batch goes */
};

struct forged_record {
    uint8_t type;
    uint8_t version;
    uint16_t flags;
    uint32_t batch; /* 0 for that of its batch */
    struct slice body;
};

/* A header and zeros. */
struct forged forge(const uint8_t uuid[16], uint64_t number);
/* A header that says that `superseded` ends there. */
struct forged forge_successor(const uint8_t uuid[16], uint64_t number, uint64_t superseded,
                              uint64_t superseded_end);
/* A batch of one record. */
void forge_batch(struct forged *forged, uint64_t index, uint8_t type, uint8_t version,
                 uint16_t flags, struct slice body);
/* A batch of as many, with those flags; where its first record is. */
uint64_t forge_records(struct forged *forged, uint64_t index, uint32_t flags,
                       const struct forged_record *records, size_t count);
/* Stores it under its name. */
void forge_file(struct io *io, const struct forged *forged);

/* The body of a message with one target, into `into` of at least 64 octets. */
struct slice forge_message(uint8_t *into, uint64_t queue_id, uint64_t sequence);

#endif
