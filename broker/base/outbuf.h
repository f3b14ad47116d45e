/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output waiting for a socket: a ring of pieces, each either a range of a 16 KiB chunk (small octets
 * are copied there) or a reference to memory somebody else owns (a message body) with a function
 * that releases it once the last octet has left. Everything a connection says in one tick becomes
 * one iovec array and one writev. An empty outbuf holds no chunk, so that idle connections are small.
 *
 * Chunks come from a pool shared by all connections of a loop; a chunk goes back when no piece uses it.
 */
#ifndef LEVERET_BROKER_BASE_OUTBUF_H
#define LEVERET_BROKER_BASE_OUTBUF_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "amqp/slice.h"

#define OUTBUF_CHUNK_SIZE  16384u /* octets of small output per chunk, header included */
#define OUTBUF_RESERVE_MAX 8192u  /* the most outbuf_reserve() can be asked for */

struct outbuf_chunk;

/* Free chunks kept for reuse; at most `spare_max` of them, the rest is freed. */
struct outbuf_pool {
    struct outbuf_chunk *spare;
    size_t spare_count;
    size_t spare_max;
};

typedef void outbuf_release(void *owner);

struct outbuf_piece {
    const uint8_t *data;
    size_t len;
    outbuf_release *release; /* NULL: `owner` is the chunk that holds `data` */
    void *owner;
};

struct outbuf {
    struct outbuf_pool *pool;
    struct outbuf_piece *pieces; /* ring, capacity is a power of two, NULL when never used */
    uint32_t capacity;
    uint32_t first;
    uint32_t count;
    size_t bytes;              /* octets waiting */
    struct outbuf_chunk *open; /* chunk being filled, NULL when none */
    uint32_t open_used;        /* octets of it in use; OUTBUF_CHUNK_SIZE when there is none */
};

void outbuf_pool_init(struct outbuf_pool *pool, size_t spare_max);
void outbuf_pool_clear(struct outbuf_pool *pool);

/* `pool` must outlive the outbuf. */
void outbuf_init(struct outbuf *outbuf, struct outbuf_pool *pool);

/* Releases every piece; usable again afterwards. */
void outbuf_clear(struct outbuf *outbuf);

/* The slow halves of the two functions below. */
void outbuf_open_chunk(struct outbuf *outbuf);
void outbuf_add_piece(struct outbuf *outbuf, struct outbuf_piece piece);

/* Room for `len` <= OUTBUF_RESERVE_MAX contiguous octets at the end; follow with outbuf_commit(). */
static inline uint8_t *outbuf_reserve(struct outbuf *outbuf, size_t len) {
    assert(len <= OUTBUF_RESERVE_MAX);
    if (OUTBUF_CHUNK_SIZE - outbuf->open_used < len || outbuf->open == NULL)
        outbuf_open_chunk(outbuf);
    return (uint8_t *)outbuf->open + outbuf->open_used;
}

/* The first `len` octets of the last reservation are now output. */
static inline void outbuf_commit(struct outbuf *outbuf, size_t len) {
    uint8_t *start = (uint8_t *)outbuf->open + outbuf->open_used;

    assert(len <= OUTBUF_CHUNK_SIZE - outbuf->open_used);
    if (len == 0)
        return;
    outbuf->open_used += (uint32_t)len;
    outbuf->bytes += len;
    if (outbuf->count > 0) {
        struct outbuf_piece *last =
            &outbuf->pieces[(outbuf->first + outbuf->count - 1) & (outbuf->capacity - 1)];
        if (last->owner == outbuf->open) { /* its end is where we began: one piece, one iovec */
            last->len += len;
            return;
        }
    }
    outbuf_add_piece(outbuf, (struct outbuf_piece){start, len, NULL, outbuf->open});
}

/* Copies `bytes` of any length. */
void outbuf_append(struct outbuf *outbuf, struct slice bytes);

/*
 * Appends without copying. `bytes` must stay unchanged until `release(owner)` is called, which
 * happens exactly once: when the last octet was consumed, or on outbuf_clear().
 */
void outbuf_append_reference(struct outbuf *outbuf, struct slice bytes, outbuf_release *release,
                             void *owner);

/* Moves everything that waits in `from` to the end of `to`; both use the same pool. */
void outbuf_move_all(struct outbuf *to, struct outbuf *from);

/* Fills up to `max` iovecs with what waits, in order; returns how many. */
int outbuf_iovec(const struct outbuf *outbuf, struct iovec *iov, int max);

/* The first `len` octets have left: drops them and releases finished pieces. */
void outbuf_consume(struct outbuf *outbuf, size_t len);

static inline size_t outbuf_size(const struct outbuf *outbuf) {
    return outbuf->bytes;
}

#endif
