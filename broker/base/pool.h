/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Size-classed memory for messages: one allocation per message, taken and given back in the FIFO
 * order that makes a general malloc slow. Blocks come from 64 KiB slabs, one size class per slab; a
 * slab whose blocks are all back is returned to the system unless it is one of a few spares, so that
 * a drained backlog gives its memory back. Sizes above POOL_BLOCK_MAX go to malloc.
 *
 * Under AddressSanitizer every block is a malloc of its own, so that misuse is found.
 */
#ifndef LEVERET_BROKER_BASE_POOL_H
#define LEVERET_BROKER_BASE_POOL_H

#include <stddef.h>

#include "broker/base/list.h"

#define POOL_BLOCK_MAX 8192u
#define POOL_CLASS_COUNT 24

struct pool_class {
    struct list partial; /* slabs with a free block; the first one serves */
    size_t block_size;
    size_t spare_count; /* wholly free slabs among `partial` */
};

struct pool {
    struct pool_class classes[POOL_CLASS_COUNT];
    size_t slab_bytes; /* memory held in slabs, for statistics and the memory watermark */
    size_t large_bytes; /* octets in blocks above POOL_BLOCK_MAX */
};

void pool_init(struct pool *pool);

/* Every block must have been given back. */
void pool_clear(struct pool *pool);

/* NULL when memory is out. Aligned to 16. */
void *pool_take(struct pool *pool, size_t size);

/* `size` as it was taken with. */
void pool_give(struct pool *pool, void *block, size_t size);

#endif
