/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of stored messages are found by their numbers, and given back they are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persistence/stored_message.h"

enum { MANY = 10000 };

static void a_handle_is_found_by_its_number(void **state) {
    static struct stored_message *messages[MANY];
    struct message_pool pool = {0};

    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        messages[i] = message_pool_take(&pool);
        messages[i]->place = i;
    }
    assert_int_equal(pool.used, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_ptr_equal(message_pool_get(&pool, stored_message_number(messages[i])), messages[i]);
        assert_int_equal(messages[i]->place, i);
    }
    assert_null(message_pool_get(&pool, 0));
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_is_found_by_its_number),
        cmocka_unit_test(what_is_given_back_is_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
