/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leveret-perf puts into a body so that the consumer can tell which message it got, how old it
 * is and whether a single octet was changed, lost or swapped on the way:
 *
 *     octets 0-7     identity: 12 bits run, 12 bits producer, 40 bits sequence number
 *     octets 8-15    nanoseconds of the machine's monotonic clock at which the message was due
 *     then           a pattern that depends on the position only
 *     last 8 octets  the identity again (bodies of 24 octets and more): a body whose end belongs to
 *                    another message is noticed
 *
 * Numbers are little-endian.  Shorter bodies carry as much of this as fits: from 16 octets on
 * everything but the copy, from 8 on the identity, below that the low octets of the sequence
 * number.
 */
#ifndef LEVERET_PERF_BODY_H
#define LEVERET_PERF_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BODY_IDENTITY_SIZE 8
#define BODY_HEAD_SIZE     16
#define BODY_TAIL_MIN      24 /* bodies from this size on end with the identity */

#define BODY_PRODUCERS_MAX 4096
#define BODY_SEQUENCE_BITS 40
#define BODY_RUN_MASK      0xFFFU

/* The pattern repeats after this many octets: little enough to stay in the cache, and no divisor of
 * what fits into a frame, so that swapped frames do not match. */
#define BODY_PATTERN_PERIOD 16384

struct body_pattern {
    uint8_t octets[BODY_PATTERN_PERIOD];
};

void body_pattern_init(struct body_pattern *pattern);

static inline uint64_t body_identity(uint32_t run, uint32_t producer, uint64_t sequence) {
    return (uint64_t)(run & BODY_RUN_MASK) << 52 | (uint64_t)producer << BODY_SEQUENCE_BITS |
           sequence;
}

static inline uint32_t body_identity_run(uint64_t identity) {
    return (uint32_t)(identity >> 52);
}

static inline uint32_t body_identity_producer(uint64_t identity) {
    return (uint32_t)(identity >> BODY_SEQUENCE_BITS) & (BODY_PRODUCERS_MAX - 1);
}

static inline uint64_t body_identity_sequence(uint64_t identity) {
    return identity & ((UINT64_C(1) << BODY_SEQUENCE_BITS) - 1);
}

/* Writes a whole body of sequence number 0, due at 0. */
void body_write(const struct body_pattern *pattern, uint32_t run, uint32_t producer, uint8_t *body,
                size_t size);

/* A body on its way in, in as many pieces as it comes. */
struct body_reader {
    uint64_t size;
    uint64_t received;
    uint8_t head[BODY_HEAD_SIZE];     /* what is there of it in bodies shorter than that */
    uint8_t tail[BODY_IDENTITY_SIZE]; /* from BODY_TAIL_MIN on */
    bool pattern_intact;              /* so far */
};

static inline void body_reader_begin(struct body_reader *reader, uint64_t size) {
    reader->size = size;
    reader->received = 0;
    reader->pattern_intact = true;
}

/* Takes the next piece; not more than the announced size in all. */
void body_reader_take(struct body_reader *reader, const struct body_pattern *pattern,
                      const uint8_t *piece, size_t len);

/* What a complete body says. */
struct body_stamp {
    uint64_t identity; /* of bodies under 8 octets: low octets of the sequence number */
    int64_t due_ns;    /* 0 in bodies under 16 octets */
    bool intact;       /* pattern and both identities agree */
};

struct body_stamp body_reader_stamp(const struct body_reader *reader);

#endif
