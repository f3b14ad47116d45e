/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define SEED UINT64_C(0x5eed)

struct item {
    struct slice name;
    UT_hash_handle by_name;
};

static void items_are_found_by_name_until_removed(void **state) {
    (void)state;
    static struct item items[1000];
    static char names[1000][16];
    struct item *map = NULL, *found = NULL;
    for (int i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof names[i], "q%d", i);
        items[i].name = slice_from_text(names[i]);
        MAP_ADD(map, by_name, SEED, items[i].name, &items[i]);
    }
    assert_int_equal(MAP_COUNT(map, by_name), 1000);
    for (int i = 0; i < 1000; i++) {
        MAP_FIND(map, by_name, SEED, slice_from_text(names[i]), found);
        assert_ptr_equal(found, &items[i]);
    }
    MAP_FIND(map, by_name, SEED, SLICE("q1000"), found);
    assert_null(found);
    MAP_REMOVE(map, by_name, &items[7]);
    MAP_FIND(map, by_name, SEED, SLICE("q7"), found);
    assert_null(found);
    struct item *item, *next;
    MAP_FOR_EACH(map, by_name, item, next)
    MAP_REMOVE(map, by_name, item);
    assert_null(map);
}

static void the_empty_name_is_a_name(void **state) {
    (void)state;
    struct item item = {0};
    struct item *map = NULL, *found = NULL;
    MAP_FIND(map, by_name, SEED, item.name, found);
    assert_null(found);
    MAP_ADD(map, by_name, SEED, item.name, &item);
    MAP_FIND(map, by_name, SEED, SLICE(""), found);
    assert_ptr_equal(found, &item);
    MAP_REMOVE(map, by_name, &item);
}

static void another_seed_is_another_hash(void **state) {
    (void)state;
    assert_int_equal(map_hash(1, SLICE("queue")), map_hash(1, SLICE("queue")));
    assert_int_not_equal(map_hash(1, SLICE("queue")), map_hash(2, SLICE("queue")));
    assert_int_not_equal(map_hash(1, SLICE("queue")), map_hash(1, SLICE("queuf")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_found_by_name_until_removed),
        cmocka_unit_test(the_empty_name_is_a_name),
        cmocka_unit_test(another_seed_is_another_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
