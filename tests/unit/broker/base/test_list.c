/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct item {
    int number;
    struct list link;
};

static void expect_numbers(const struct list *list, const int *numbers, size_t count) {
    size_t i = 0;
    LIST_FOR_EACH(list, at) {
        assert_true(i < count);
        assert_int_equal(LIST_ITEM(at, struct item, link)->number, numbers[i++]);
    }
    assert_int_equal(i, count);
}

static void items_stand_in_the_order_they_were_linked(void **state) {
    (void)state;
    struct item a = {.number = 1}, b = {.number = 2}, c = {.number = 3}, d = {.number = 4};
    struct list list;
    list_init(&list);
    list_append(&list, &b.link);
    list_append(&list, &d.link);
    list_prepend(&list, &a.link);
    list_insert_before(&d.link, &c.link);
    expect_numbers(&list, (int[]){1, 2, 3, 4}, 4);
    assert_ptr_equal(list_take_first(&list), &a.link);
    assert_false(list_is_linked(&a.link));
    expect_numbers(&list, (int[]){2, 3, 4}, 3);
}

static void removing_twice_or_never_linked_does_nothing(void **state) {
    (void)state;
    struct item zeroed = {0}, item = {.number = 1};
    struct list list;
    list_init(&list);
    list_remove(&zeroed.link);
    list_append(&list, &item.link);
    list_remove(&item.link);
    list_remove(&item.link);
    assert_true(list_is_empty(&list));
    assert_null(list_first(&list));
    assert_null(list_take_first(&list));
}

static void safe_loop_lets_the_body_unlink(void **state) {
    (void)state;
    struct item items[5] = {
        {.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct list list;
    list_init(&list);
    for (int i = 0; i < 5; i++)
        list_append(&list, &items[i].link);
    LIST_FOR_EACH_SAFE(&list, at) {
        if (LIST_ITEM(at, struct item, link)->number % 2 == 0)
            list_remove(at);
    }
    expect_numbers(&list, (int[]){1, 3}, 2);
}

static void moving_appends_and_leaves_the_source_empty(void **state) {
    (void)state;
    struct item a = {.number = 1}, b = {.number = 2}, c = {.number = 3};
    struct list to, from;
    list_init(&to);
    list_init(&from);
    list_move_all(&to, &from);
    assert_true(list_is_empty(&to));
    list_append(&to, &a.link);
    list_append(&from, &b.link);
    list_append(&from, &c.link);
    list_move_all(&to, &from);
    assert_true(list_is_empty(&from));
    expect_numbers(&to, (int[]){1, 2, 3}, 3);
    assert_ptr_equal(to.previous, &c.link);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stand_in_the_order_they_were_linked),
        cmocka_unit_test(removing_twice_or_never_linked_does_nothing),
        cmocka_unit_test(safe_loop_lets_the_body_unlink),
        cmocka_unit_test(moving_appends_and_leaves_the_source_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
