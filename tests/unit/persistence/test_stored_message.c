/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of stored messages stay where they are, and given back they are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persistence/stored_message.h"

enum { MANY = 20000 };

static struct stored_message *messages[MANY];

static void take_many(struct message_pool *pool) {
    for (uint32_t i = 0; i < MANY; i++) {
        messages[i] = message_pool_take(pool);
        messages[i]->place = i;
    }
}

/* How many handles of the pool's chunks are somebody's. */
static size_t count_used(const struct message_pool *pool) {
    struct stored_message *in_chunk;
    size_t used = 0;

    for (uint32_t at = 0; at < pool->chunk_count; at++) {
        size_t count = message_pool_chunk(pool, at, &in_chunk);

        for (size_t i = 0; i < count; i++)
            used += in_chunk[i].segment != STORED_NOWHERE;
    }
    return used;
}

static void a_handle_is_found_in_its_chunk(void **state) {
    struct message_pool pool = {0};

    (void)state;
    take_many(&pool);
    assert_int_equal(pool.used, MANY);
    assert_int_equal(count_used(&pool), MANY);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(messages[i]->place, i);
    message_pool_clear(&pool);
}

static void what_is_given_back_is_used_again(void **state) {
    struct message_pool pool = {0};
    struct stored_message *first = message_pool_take(&pool);
    uint32_t chunks = pool.chunk_count;

    (void)state;
    first->targets = 5;
    message_pool_give_back(&pool, first);
    for (int i = 0; i < MANY; i++)
        message_pool_give_back(&pool, message_pool_take(&pool));
    assert_int_equal(pool.chunk_count, chunks);
    assert_int_equal(pool.used, 0);
    assert_int_equal(message_pool_take(&pool)->targets, 0);
    message_pool_clear(&pool);
}

/* Every second one first, so that all chunks are half empty before any is empty. */
static void the_memory_goes_with_the_messages(void **state) {
    struct message_pool pool = {0};

    (void)state;
    take_many(&pool);
    assert_true(pool.chunk_count > 4);
    for (uint32_t i = 0; i < MANY; i += 2)
        message_pool_give_back(&pool, messages[i]);
    assert_int_equal(count_used(&pool), MANY / 2);
    for (uint32_t i = 1; i < MANY; i += 2)
        message_pool_give_back(&pool, messages[i]);
    assert_int_equal(pool.used, 0);
    assert_int_equal(pool.chunk_count, 1);
    take_many(&pool);
    assert_int_equal(count_used(&pool), MANY);
    message_pool_clear(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_is_found_in_its_chunk),
        cmocka_unit_test(what_is_given_back_is_used_again),
        cmocka_unit_test(the_memory_goes_with_the_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
