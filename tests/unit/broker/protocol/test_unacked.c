/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of outstanding deliveries: by tag, out of order, and put back by a rollback. */
#include "broker/protocol/unacked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static struct unacked record_of(uint64_t tag) {
    static int message; /* only its address counts: a record without one is a hole */
    return (struct unacked){.delivery_tag = tag,
                            .entry.message = (struct message *)(void *)&message};
}

static void add_one(struct unacked_list *list, uint64_t tag) {
    struct unacked record = record_of(tag);
    unacked_add(list, &record);
}

static void add(struct unacked_list *list, uint64_t first, uint64_t last) {
    for (uint64_t tag = first; tag <= last; tag++)
        add_one(list, tag);
}

static void take(struct unacked_list *list, uint64_t tag) {
    struct unacked record;
    assert_true(unacked_take(list, tag, &record));
    assert_int_equal(record.delivery_tag, tag);
}

static void put_back(struct unacked_list *list, uint64_t tag) {
    struct unacked record = record_of(tag);
    unacked_restore(list, &record);
}

/* The oldest first, and then nothing more. */
static void expect_all(struct unacked_list *list, uint64_t first, uint64_t last) {
    struct unacked record;
    assert_int_equal(unacked_count(list), last - first + 1);
    for (uint64_t tag = first; tag <= last; tag++) {
        assert_int_equal(unacked_first_tag(list), tag);
        assert_true(unacked_take_first(list, &record));
        assert_int_equal(record.delivery_tag, tag);
    }
    assert_false(unacked_take_first(list, &record));
    unacked_clear(list);
}

static void records_are_found_by_tag_until_they_are_taken(void **state) {
    struct unacked_list list;
    (void)state;
    unacked_init(&list);
    add(&list, 1, 100);
    for (uint64_t tag = 2; tag <= 100; tag += 2)
        take(&list, tag);
    for (uint64_t tag = 1; tag <= 100; tag++)
        assert_int_equal(unacked_find(&list, tag) != NULL, tag % 2);
    assert_null(unacked_find(&list, 0));
    assert_null(unacked_find(&list, 101));
    for (uint64_t tag = 1; tag <= 100; tag += 2)
        take(&list, tag);
    unacked_clear(&list);
}

/* The first stays while thousands come and go: the ring is squeezed, and found in all the same. */
static void one_that_stays_costs_only_itself(void **state) {
    struct unacked_list list;
    (void)state;
    unacked_init(&list);
    add(&list, 1, 1);
    for (uint64_t tag = 2; tag <= 100000; tag++) {
        add(&list, tag, tag);
        take(&list, tag);
        assert_true(list.capacity <= 256);
    }
    add(&list, 100001, 100010);
    assert_non_null(unacked_find(&list, 100005));
    take(&list, 1);
    expect_all(&list, 100001, 100010);
}

static void what_is_put_back_is_in_order_again(void **state) {
    struct unacked_list list;
    (void)state;
    unacked_init(&list);
    add(&list, 1, 1000);
    for (uint64_t tag = 1; tag <= 600; tag++) /* from the front, which leaves no holes */
        take(&list, tag);
    for (uint64_t tag = 998; tag > 700; tag -= 2) /* and from behind, which does */
        take(&list, tag);
    for (uint64_t tag = 998; tag > 700; tag -= 2)
        put_back(&list, tag);
    for (uint64_t tag = 1; tag <= 600; tag++)
        put_back(&list, tag);
    unacked_sort(&list);
    assert_non_null(unacked_find(&list, 702));
    expect_all(&list, 1, 1000);
}

static void nothing_put_back_is_nothing_sorted(void **state) {
    struct unacked_list list;
    (void)state;
    unacked_init(&list);
    unacked_sort(&list);
    assert_int_equal(unacked_count(&list), 0);
    add(&list, 5, 6);
    take(&list, 5);
    unacked_sort(&list);
    expect_all(&list, 6, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_found_by_tag_until_they_are_taken),
        cmocka_unit_test(one_that_stays_costs_only_itself),
        cmocka_unit_test(what_is_put_back_is_in_order_again),
        cmocka_unit_test(nothing_put_back_is_nothing_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
