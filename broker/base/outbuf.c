/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces and chunks. Invariants:
 *   1. A chunk counts the pieces that lie in it; it goes back to the pool when the count is zero
 * and nobody fills it any more.
 *   2. What is written into the open chunk one after the other is one piece, however many frames.
 *   3. Without pieces there is no open chunk and at most a small ring: idle connections are small.
 */
#include "broker/base/outbuf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"

#define RING_CAPACITY_MIN  4u
#define RING_CAPACITY_KEPT 16u /* a larger ring is freed when the outbuf runs empty */

struct outbuf_chunk {
    struct outbuf_chunk *next; /* among the spares of the pool */
    size_t pieces;
    uint8_t octets[];
};

void outbuf_pool_init(struct outbuf_pool *pool, size_t spare_max) {
    *pool = (struct outbuf_pool){.spare_max = spare_max};
}

void outbuf_pool_clear(struct outbuf_pool *pool) {
    while (pool->spare != NULL) {
        struct outbuf_chunk *chunk = pool->spare;
        pool->spare = chunk->next;
        free(chunk);
    }
    pool->spare_count = 0;
}

static struct outbuf_chunk *pool_take_chunk(struct outbuf_pool *pool) {
    struct outbuf_chunk *chunk = pool->spare;
    if (chunk != NULL) {
        pool->spare = chunk->next;
        pool->spare_count--;
    } else {
        chunk = xmalloc(OUTBUF_CHUNK_SIZE);
    }
    chunk->pieces = 0;
    return chunk;
}

static void pool_give_chunk(struct outbuf_pool *pool, struct outbuf_chunk *chunk) {
    if (pool->spare_count >= pool->spare_max) {
        free(chunk);
        return;
    }
    chunk->next = pool->spare;
    pool->spare = chunk;
    pool->spare_count++;
}

void outbuf_init(struct outbuf *outbuf, struct outbuf_pool *pool) {
    *outbuf = (struct outbuf){.pool = pool, .open_used = OUTBUF_CHUNK_SIZE};
}

static void close_chunk(struct outbuf *outbuf) {
    struct outbuf_chunk *chunk = outbuf->open;

    outbuf->open = NULL;
    outbuf->open_used = OUTBUF_CHUNK_SIZE;
    if (chunk != NULL && chunk->pieces == 0)
        pool_give_chunk(outbuf->pool, chunk);
}

void outbuf_open_chunk(struct outbuf *outbuf) {
    close_chunk(outbuf);
    outbuf->open = pool_take_chunk(outbuf->pool);
    outbuf->open_used = (uint32_t)offsetof(struct outbuf_chunk, octets);
}

/* Four times the ring, unrolled so that it begins at 0. */
static void grow_ring(struct outbuf *outbuf) {
    uint32_t capacity = outbuf->capacity == 0 ? RING_CAPACITY_MIN : outbuf->capacity * 4;
    struct outbuf_piece *pieces = xmalloc(capacity * sizeof *pieces);

    for (uint32_t i = 0; i < outbuf->count; i++)
        pieces[i] = outbuf->pieces[(outbuf->first + i) & (outbuf->capacity - 1)];
    free(outbuf->pieces);
    outbuf->pieces = pieces;
    outbuf->capacity = capacity;
    outbuf->first = 0;
}

void outbuf_add_piece(struct outbuf *outbuf, struct outbuf_piece piece) {
    if (outbuf->count == outbuf->capacity)
        grow_ring(outbuf);
    outbuf->pieces[(outbuf->first + outbuf->count) & (outbuf->capacity - 1)] = piece;
    outbuf->count++;
    if (piece.release == NULL)
        ((struct outbuf_chunk *)piece.owner)->pieces++;
}

void outbuf_append(struct outbuf *outbuf, struct slice bytes) {
    while (bytes.len > 0) {
        size_t room = OUTBUF_CHUNK_SIZE - outbuf->open_used;
        size_t len = room == 0 ? OUTBUF_RESERVE_MAX : room;
        len = len > OUTBUF_RESERVE_MAX ? OUTBUF_RESERVE_MAX : len;
        len = len > bytes.len ? bytes.len : len;
        memcpy(outbuf_reserve(outbuf, len), bytes.data, len);
        outbuf_commit(outbuf, len);
        bytes = slice_of(bytes.data + len, bytes.len - len);
    }
}

void outbuf_append_reference(struct outbuf *outbuf, struct slice bytes, outbuf_release *release,
                             void *owner) {
    assert(release != NULL);
    if (bytes.len == 0) {
        release(owner);
        return;
    }
    outbuf->bytes += bytes.len;
    outbuf_add_piece(outbuf, (struct outbuf_piece){bytes.data, bytes.len, release, owner});
}

int outbuf_iovec(const struct outbuf *outbuf, struct iovec *iov, int max) {
    int count = outbuf->count < (uint32_t)max ? (int)outbuf->count : max;

    for (int i = 0; i < count; i++) {
        const struct outbuf_piece *piece =
            &outbuf->pieces[(outbuf->first + (uint32_t)i) & (outbuf->capacity - 1)];
        iov[i] = (struct iovec){.iov_base = (void *)(uintptr_t)piece->data, .iov_len = piece->len};
    }
    return count;
}

static void release_piece(struct outbuf *outbuf, const struct outbuf_piece *piece) {
    if (piece->release != NULL) {
        piece->release(piece->owner);
        return;
    }
    struct outbuf_chunk *chunk = piece->owner;
    assert(chunk->pieces > 0);
    if (--chunk->pieces == 0 && chunk != outbuf->open)
        pool_give_chunk(outbuf->pool, chunk);
}

static void drop_first_piece(struct outbuf *outbuf) {
    struct outbuf_piece piece = outbuf->pieces[outbuf->first];

    outbuf->first = (outbuf->first + 1) & (outbuf->capacity - 1);
    outbuf->count--;
    outbuf->bytes -= piece.len;
    release_piece(outbuf, &piece);
}

static void shrink_when_empty(struct outbuf *outbuf) {
    if (outbuf->count > 0)
        return;
    close_chunk(outbuf);
    if (outbuf->capacity > RING_CAPACITY_KEPT) {
        free(outbuf->pieces);
        outbuf->pieces = NULL;
        outbuf->capacity = 0;
        outbuf->first = 0;
    }
}

void outbuf_consume(struct outbuf *outbuf, size_t len) {
    assert(len <= outbuf->bytes);
    while (outbuf->count > 0 && outbuf->pieces[outbuf->first].len <= len) {
        len -= outbuf->pieces[outbuf->first].len;
        drop_first_piece(outbuf);
    }
    if (len > 0) {
        struct outbuf_piece *piece = &outbuf->pieces[outbuf->first];
        piece->data += len;
        piece->len -= len;
        outbuf->bytes -= len;
    }
    shrink_when_empty(outbuf);
}

void outbuf_move_all(struct outbuf *to, struct outbuf *from) {
    assert(to->pool == from->pool);
    for (uint32_t i = 0; i < from->count; i++) {
        struct outbuf_piece piece = from->pieces[(from->first + i) & (from->capacity - 1)];
        outbuf_add_piece(to, piece);
        if (piece.release == NULL)
            ((struct outbuf_chunk *)piece.owner)->pieces--; /* one piece as before, elsewhere */
    }
    to->bytes += from->bytes;
    from->bytes = 0;
    from->count = 0;
    outbuf_clear(from);
}

void outbuf_clear(struct outbuf *outbuf) {
    while (outbuf->count > 0)
        drop_first_piece(outbuf);
    close_chunk(outbuf);
    free(outbuf->pieces);
    outbuf->pieces = NULL;
    outbuf->capacity = 0;
    outbuf->first = 0;
}
