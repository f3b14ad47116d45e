/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a slab is:
 *   serving  of its class: blocks are taken from it
 *   partial  on its class's list: blocks came back, it waits for its turn
 *   full     on no list: it returns to `partial` with the first block that comes back
 *   spare    on the pool's list, of no class: every block is back
 * A slab that has just received blocks is taken next (its memory is warm); a slab that is wholly
 * free becomes spare, whatever its class, unless it is the one that serves.
 */
#include "broker/base/pool.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "broker/base/alloc.h"

static const uint16_t block_sizes[POOL_CLASS_COUNT] = {
    64,  96,  128, 160,  192,  224,  256,  288,  320,  384,  448,  512,
    640, 768, 896, 1024, 1280, 1536, 2048, 2560, 3264, 4352, 6528, 8192,
};

/* Blocks begin on a cache line of their own after the header. */
#define SLAB_HEADER_SIZE 64u
_Static_assert(sizeof(struct pool_slab) <= SLAB_HEADER_SIZE, "blocks must follow the header");

void pool_init(struct pool *pool) {
    *pool = (struct pool){0};
    list_init(&pool->spare);
    size_t unit = 0;
    for (size_t i = 0; i < POOL_CLASS_COUNT; i++) {
        list_init(&pool->classes[i].partial);
        pool->classes[i].block_size = block_sizes[i];
        for (; unit * 16 <= block_sizes[i]; unit++)
            pool->class_of[unit] = (uint8_t)i;
    }
}

/* 64 KiB aligned to 64 KiB; the kernel places mappings side by side, so the first try mostly fits.
 */
static void *map_slab(void) {
    const int protection = PROT_READ | PROT_WRITE;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    uint8_t *memory = mmap(NULL, POOL_SLAB_SIZE, protection, flags, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    if ((uintptr_t)memory % POOL_SLAB_SIZE == 0)
        return memory;
    munmap(memory, POOL_SLAB_SIZE);
    memory = mmap(NULL, 2 * POOL_SLAB_SIZE, protection, flags, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    size_t before = (POOL_SLAB_SIZE - (uintptr_t)memory % POOL_SLAB_SIZE) % POOL_SLAB_SIZE;
    if (before > 0)
        munmap(memory, before);
    munmap(memory + before + POOL_SLAB_SIZE, POOL_SLAB_SIZE - before);
    return memory + before;
}

/* False when the kernel refuses (the hole would be one mapping too many). */
static bool unmap_slab(struct pool *pool, struct pool_slab *slab) {
    if (munmap(slab, POOL_SLAB_SIZE) != 0)
        return false;
    pool->slab_bytes -= POOL_SLAB_SIZE;
    return true;
}

static struct pool_slab *take_slab(struct pool *pool) {
    struct list *link = list_take_first(&pool->spare);

    if (link != NULL) {
        pool->spare_count--;
        return LIST_ITEM(link, struct pool_slab, link);
    }
    struct pool_slab *slab = map_slab();
    if (slab != NULL)
        pool->slab_bytes += POOL_SLAB_SIZE;
    return slab;
}

static void give_slab(struct pool *pool, struct pool_slab *slab) {
    if (pool->spare_count >= POOL_SPARE_MAX && unmap_slab(pool, slab))
        return;
    list_prepend(&pool->spare, &slab->link);
    pool->spare_count++;
}

static void slab_init(struct pool_slab *slab, const struct pool *pool,
                      const struct pool_class *class) {
    *slab = (struct pool_slab){
        .fresh = SLAB_HEADER_SIZE,
        .block_size = (uint32_t) class->block_size,
        .class_index = (uint16_t)(class - pool->classes),
    };
}

static bool slab_has_fresh_block(const struct pool_slab *slab) {
    return slab->fresh + slab->block_size <= POOL_SLAB_SIZE;
}

/* Makes a slab with a free block the serving one; false when memory is out. */
static bool class_change_slab(struct pool *pool, struct pool_class *class) {
    struct list *link = list_take_first(&class->partial);
    struct pool_slab *slab = NULL;

    if (link != NULL) {
        slab = LIST_ITEM(link, struct pool_slab, link);
    } else {
        slab = take_slab(pool);
        if (slab == NULL)
            return false;
        slab_init(slab, pool, class);
    }
    if (class->serving != NULL)
        class->serving->is_full = true;
    class->serving = slab;
    return true;
}

void *pool_take_from_class(struct pool *pool, struct pool_class *class) {
    struct pool_slab *slab = class->serving;

    if (slab == NULL || (slab->free == NULL && !slab_has_fresh_block(slab))) {
        if (!class_change_slab(pool, class))
            return NULL;
        slab = class->serving;
    }
    slab->used++;
    if (slab->free != NULL) {
        struct pool_block *block = slab->free;
        slab->free = block->next;
        return block;
    }
    void *block = (uint8_t *)slab + slab->fresh;
    slab->fresh += slab->block_size;
    return block;
}

void pool_settle_slab(struct pool *pool, struct pool_slab *slab) {
    struct pool_class *class = &pool->classes[slab->class_index];

    if (slab->is_full) {
        slab->is_full = false;
        list_prepend(&class->partial, &slab->link);
    }
    if (slab->used == 0 && slab != class->serving) {
        list_remove(&slab->link);
        give_slab(pool, slab);
    }
}

void *pool_take_large(struct pool *pool, size_t size) {
    void *block = try_malloc(size);
    if (block != NULL)
        pool->large_bytes += size;
    return block;
}

void pool_give_large(struct pool *pool, void *block, size_t size) {
    pool->large_bytes -= size;
    free(block);
}

void pool_clear(struct pool *pool) {
    for (size_t i = 0; i < POOL_CLASS_COUNT; i++) {
        struct pool_slab *slab = pool->classes[i].serving;
        assert(list_is_empty(&pool->classes[i].partial));
        if (slab == NULL)
            continue;
        assert(slab->used == 0);
        unmap_slab(pool, slab);
        pool->classes[i].serving = NULL;
    }
    for (struct list *link; (link = list_take_first(&pool->spare)) != NULL; pool->spare_count--)
        unmap_slab(pool, LIST_ITEM(link, struct pool_slab, link));
}
