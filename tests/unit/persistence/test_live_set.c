/* SPDX-License-Identifier: Apache-2.0 */
/* The set of live targets against a plain array, and what queues remember. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "persistence/live_set.h"

static void behaves_like_an_array(void **state) {
    enum { QUEUES = 5, SEQUENCES = 5000, STEPS = 200000 };
    static bool model[QUEUES][SEQUENCES];
    struct live_set set = {0};
    uint64_t random = 88172645463325252u;

    (void)state;
    for (int i = 0; i < STEPS; i++) {
        uint64_t queue, sequence;

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        queue = random % QUEUES;
        sequence = random / 7 % SEQUENCES;
        assert_int_equal(live_set_contains(&set, queue, sequence), model[queue][sequence]);
        if (random >> 40 & 1) {
            live_set_add(&set, queue, sequence);
            model[queue][sequence] = true;
        } else {
            assert_int_equal(live_set_remove(&set, queue, sequence), model[queue][sequence]);
            model[queue][sequence] = false;
        }
    }
    live_set_clear(&set);
}

static void ranges_go_across_pages(void **state) {
    struct live_set set = {0};

    (void)state;
    for (uint64_t i = 1000; i < 4000; i++)
        live_set_add(&set, 1, i);
    live_set_remove_range(&set, 1, 1500, 2000);
    assert_true(live_set_contains(&set, 1, 1499));
    assert_false(live_set_contains(&set, 1, 1500));
    assert_false(live_set_contains(&set, 1, 3499));
    assert_true(live_set_contains(&set, 1, 3500));
    live_set_remove_range(&set, 2, 0, UINT64_C(1) << 20);
    live_set_clear(&set);
}

static void a_deleted_queue_takes_its_pages_along(void **state) {
    struct live_set set = {0};
    const struct live_page *page;

    (void)state;
    for (uint64_t i = 1; i < 10000; i++) {
        live_set_add(&set, 1, i);
        live_set_add(&set, 2, i * 3);
    }
    live_set_remove_queue(&set, 1);
    live_set_remove_queue(&set, 77);
    assert_false(live_set_contains(&set, 1, 5));
    assert_true(live_set_contains(&set, 2, 15));
    assert_int_equal(live_set_highest(&set, 1), 0);
    live_set_begin_walk(&set);
    while ((page = live_set_next_page(&set)) != NULL)
        assert_int_equal(page->queue_id, 2);
    live_set_clear(&set);
}

static void the_highest_sequence_outlives_its_message(void **state) {
    struct live_set set = {0};

    (void)state;
    live_set_add(&set, 1, 900);
    live_set_add(&set, 1, 20);
    live_set_remove(&set, 1, 900);
    assert_int_equal(live_set_highest(&set, 1), 900);
    live_set_raise(&set, 1, 5);
    assert_int_equal(live_set_highest(&set, 1), 900);
    live_set_clear(&set);
}

static void pages_and_queues_are_enumerated_once(void **state) {
    struct live_set set = {0}, copy = {0};
    const struct live_page *page;
    uint64_t population = 0;
    size_t queues = 0;

    (void)state;
    for (uint64_t i = 0; i < 3000; i++)
        live_set_add(&set, i % 7, i);
    live_set_begin_walk(&set);
    while ((page = live_set_next_page(&set)) != NULL) {
        population += page->population;
        live_set_add_page(&copy, page->queue_id, page->number, page->bits);
    }
    while (live_set_next_queue(&set) != NULL)
        queues++;
    assert_int_equal(population, 3000);
    assert_int_equal(queues, 7);
    for (uint64_t i = 0; i < 3000; i++)
        assert_true(live_set_contains(&copy, i % 7, i));
    live_set_clear(&set);
    live_set_clear(&copy);
}

/* As a checkpoint walks, which takes its time. */
static void a_walk_sees_what_changes_meanwhile(void **state) {
    struct live_set set = {0};
    const struct live_page *page;
    size_t pages = 0;

    (void)state;
    for (uint64_t i = 0; i < 5; i++)
        live_set_add(&set, 1, i * LIVE_PAGE_SEQUENCES);
    live_set_begin_walk(&set);
    page = live_set_next_page(&set);
    assert_int_equal(page->number, 0);
    live_set_remove(&set, 1, 0);                       /* seen already */
    live_set_remove(&set, 1, LIVE_PAGE_SEQUENCES);     /* to be seen next */
    live_set_remove(&set, 1, 4 * LIVE_PAGE_SEQUENCES); /* the last */
    live_set_add(&set, 1, 9 * LIVE_PAGE_SEQUENCES);
    for (; (page = live_set_next_page(&set)) != NULL; pages++)
        assert_true(page->number == 2 || page->number == 3 || page->number == 9);
    assert_int_equal(pages, 3);
    live_set_remove_queue(&set, 1);
    assert_null(live_set_next_page(&set));
    live_set_clear(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_an_array),
        cmocka_unit_test(ranges_go_across_pages),
        cmocka_unit_test(a_deleted_queue_takes_its_pages_along),
        cmocka_unit_test(the_highest_sequence_outlives_its_message),
        cmocka_unit_test(pages_and_queues_are_enumerated_once),
        cmocka_unit_test(a_walk_sees_what_changes_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
