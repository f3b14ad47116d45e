/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void every_size_is_held_and_aligned(void **state) {
    (void)state;
    struct pool pool;
    pool_init(&pool);
    for (size_t size = 0; size <= POOL_BLOCK_MAX + 10; size++) {
        uint8_t *block = pool_take(&pool, size);
        assert_int_equal((uintptr_t)block % 16, 0);
        memset(block, 0xa5, size);
        pool_give(&pool, block, size);
    }
    pool_clear(&pool);
    assert_int_equal(pool.slab_bytes, 0);
}

static void large_blocks_are_counted(void **state) {
    (void)state;
    struct pool pool;
    pool_init(&pool);
    void *block = pool_take(&pool, 100000);
    assert_int_equal(pool.large_bytes, 100000);
    pool_give(&pool, block, 100000);
    assert_int_equal(pool.large_bytes, 0);
    pool_clear(&pool);
}

/* Under AddressSanitizer there are no slabs: each block is a malloc of its own. */
static void skip_without_slabs(void) {
    if (!POOL_BLOCKS_ARE_MALLOCED)
        return;
    print_message("not run: with AddressSanitizer each block is a malloc of its own\n");
    skip();
}

static void a_drained_backlog_gives_its_memory_back(void **state) {
    (void)state;
    skip_without_slabs();
    enum { COUNT = 200000, SIZE = 200 };
    struct pool pool;
    void **blocks = malloc(COUNT * sizeof *blocks);
    pool_init(&pool);
    for (int i = 0; i < COUNT; i++)
        blocks[i] = pool_take(&pool, SIZE);
    assert_true(pool.slab_bytes > (size_t)COUNT * SIZE);
    assert_true(pool.slab_bytes < (size_t)COUNT * SIZE * 5 / 4);
    for (int i = 0; i < COUNT; i++)
        pool_give(&pool, blocks[i], SIZE);
    assert_true(pool.slab_bytes <= (POOL_SPARE_MAX + 1) * POOL_SLAB_SIZE);
    free(blocks);
    pool_clear(&pool);
    assert_int_equal(pool.slab_bytes, 0);
}

static void freed_slabs_serve_other_sizes(void **state) {
    (void)state;
    skip_without_slabs();
    struct pool pool;
    void *blocks[1000];
    pool_init(&pool);
    for (size_t size = 64; size <= 4096; size *= 2) {
        for (int i = 0; i < 1000; i++)
            blocks[i] = pool_take(&pool, size);
        for (int i = 0; i < 1000; i++)
            pool_give(&pool, blocks[i], size);
    }
    /* The largest size needs 67 slabs; each of six smaller ones keeps the one that serves. */
    assert_true(pool.slab_bytes <= (67 + 6) * POOL_SLAB_SIZE);
    pool_clear(&pool);
}

struct block {
    uint8_t *octets;
    size_t size;
    uint8_t mark;
};

static void expect_mark(const struct block *block) {
    for (size_t i = 0; i < block->size; i++)
        assert_int_equal(block->octets[i], block->mark);
}

static void random_use_never_lets_blocks_overlap(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    static struct block blocks[COUNT];
    struct pool pool;
    unsigned seed = 7;
    pool_init(&pool);
    for (int step = 0; step < 100000; step++) {
        struct block *block = &blocks[rand_r(&seed) % COUNT];
        if (block->octets != NULL) {
            expect_mark(block);
            pool_give(&pool, block->octets, block->size);
            block->octets = NULL;
        } else {
            block->size = (size_t)rand_r(&seed) % (step % 20 == 0 ? 2 * POOL_BLOCK_MAX : 600);
            block->mark = (uint8_t)step;
            block->octets = pool_take(&pool, block->size);
            memset(block->octets, block->mark, block->size);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        if (blocks[i].octets == NULL)
            continue;
        expect_mark(&blocks[i]);
        pool_give(&pool, blocks[i].octets, blocks[i].size);
    }
    pool_clear(&pool);
    assert_int_equal(pool.slab_bytes, 0);
    assert_int_equal(pool.large_bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_held_and_aligned),
        cmocka_unit_test(large_blocks_are_counted),
        cmocka_unit_test(a_drained_backlog_gives_its_memory_back),
        cmocka_unit_test(freed_slabs_serve_other_sizes),
        cmocka_unit_test(random_use_never_lets_blocks_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
