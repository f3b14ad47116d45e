/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Size-classed memory for messages: one allocation per message, taken and given back in the FIFO
 * order that makes a general malloc slow. Blocks come from 64 KiB slabs, one size class per slab; a
 * slab whose blocks are all back is returned to the system unless it is one of a few spares, so
 * that a drained backlog gives its memory back. Sizes above POOL_BLOCK_MAX go to malloc.
 *
 * Under AddressSanitizer every block is a malloc of its own, so that misuse is found.
 */
#ifndef LEVERET_BROKER_BASE_POOL_H
#define LEVERET_BROKER_BASE_POOL_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/base/list.h"

#define POOL_BLOCK_MAX   8192u
#define POOL_CLASS_COUNT 24
#define POOL_SLAB_SIZE   65536u
#define POOL_SPARE_MAX   64u /* wholly free slabs that are kept: 4 MiB */

#if defined(__SANITIZE_ADDRESS__)
#define POOL_BLOCKS_ARE_MALLOCED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_BLOCKS_ARE_MALLOCED 1
#endif
#endif
#ifndef POOL_BLOCKS_ARE_MALLOCED
#define POOL_BLOCKS_ARE_MALLOCED 0
#endif

struct pool_block {
    struct pool_block *next;
};

/* Heads 64 KiB of memory aligned to 64 KiB, so that a block knows its slab by its address. */
struct pool_slab {
    struct pool_block *free; /* blocks given back */
    uint32_t used;           /* blocks taken */
    uint32_t fresh;          /* offset of the memory that was never taken */
    uint32_t block_size;
    uint16_t class_index;
    bool is_full; /* found without a free block and put on no list */
    struct list link;
};

struct pool_class {
    struct list partial;       /* slabs with a free block, `serving` not among them */
    struct pool_slab *serving; /* the slab that blocks are taken from, NULL before the first */
    size_t block_size;
};

struct pool {
    struct pool_class classes[POOL_CLASS_COUNT];
    struct list spare; /* wholly free slabs of no class */
    size_t spare_count;
    size_t slab_bytes;  /* memory held in slabs, for statistics and the memory watermark */
    size_t large_bytes; /* octets in blocks above POOL_BLOCK_MAX */
    uint8_t class_of[POOL_BLOCK_MAX / 16 + 1]; /* class index by size in units of 16, rounded up */
};

void pool_init(struct pool *pool);

/* Every block must have been given back. */
void pool_clear(struct pool *pool);

/* The slow parts of the two functions below. */
void *pool_take_large(struct pool *pool, size_t size);
void pool_give_large(struct pool *pool, void *block, size_t size);
void *pool_take_from_class(struct pool *pool, struct pool_class *class);
void pool_settle_slab(struct pool *pool, struct pool_slab *slab);

/* NULL when memory is out. Aligned to 16. */
static inline void *pool_take(struct pool *pool, size_t size) {
    if (POOL_BLOCKS_ARE_MALLOCED || size > POOL_BLOCK_MAX)
        return pool_take_large(pool, size);
    struct pool_class *class = &pool->classes[pool->class_of[(size + 15) / 16]];
    struct pool_slab *slab = class->serving;
    if (slab == NULL || slab->free == NULL)
        return pool_take_from_class(pool, class);
    struct pool_block *block = slab->free;
    slab->free = block->next;
    slab->used++;
    return block;
}

/* `size` as it was taken with. */
static inline void pool_give(struct pool *pool, void *block, size_t size) {
    if (POOL_BLOCKS_ARE_MALLOCED || size > POOL_BLOCK_MAX) {
        pool_give_large(pool, block, size);
        return;
    }
    struct pool_slab *slab = (void *)((uintptr_t)block & ~(uintptr_t)(POOL_SLAB_SIZE - 1));
    struct pool_block *freed = block;
    assert(size <= slab->block_size);
    freed->next = slab->free;
    slab->free = freed;
    if (--slab->used == 0 || slab->is_full)
        pool_settle_slab(pool, slab);
}

#endif
