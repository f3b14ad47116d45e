/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a batch into the octets of FORMAT.md as a list of pieces for one vectored write: small
 * things are laid out in a buffer, the octets of larger contents are pointed at where they are.
 * Checksums are computed here, on the writer's thread.
 */
#ifndef LEVERET_PERSISTENCE_ENCODER_H
#define LEVERET_PERSISTENCE_ENCODER_H

#include <stdint.h>
#include <sys/uio.h>

#include "persistence/batch.h"
#include "persistence/io.h"
#include "persistence/octets.h"
#include "persistence/segment.h"
#include "persistence/segment_index.h"

struct encoder {
    struct octets buffer;
    struct iovec *pieces;
    int piece_count;
    int piece_capacity;
    uint64_t length; /* of the batch so far */
    uint32_t seed;
    uint32_t payload_crc;
    uint32_t record_count;
    uint32_t batch_number;
    struct segment_place place;
    struct segment_index index; /* of the messages encoded since it was reset */
    bool index_dropped;         /* it does not fit: the segment is sealed without one */
};

/* No encoding of `batch` is longer, padding included. */
uint64_t encoder_bound(const struct batch *batch);
/* Nor, in all likelihood, of the sealing batch behind it. */
uint64_t encoder_seal_bound(const struct encoder *encoder, const struct batch *batch);

/*
 * Encodes `batch` to be at `place`; `header` has term, index, time and flags set, the rest is
 * filled in; with BATCH_SEAL the index is in it unless dropped. Reads what is to be relocated through `io`. Says where each message will be; `pieces`
 * are for io_write_all().
 */
void encoder_encode(struct encoder *encoder, struct io *io, struct batch *batch,
                    const struct segment_place *place, struct batch_header *header);
/* Zeros behind the batch, which do not belong to it; at most SEGMENT_ZEROS. */
void encoder_add_zeros(struct encoder *encoder, size_t len);
void encoder_clear(struct encoder *encoder);

#endif
