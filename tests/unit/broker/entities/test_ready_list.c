/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/ready_list.h"

/* The list does not look into messages, so these entries have none: unref of NULL is allowed. */
static struct entry entry_of(uint64_t sequence) {
    return (struct entry){.sequence = sequence & ENTRY_SEQUENCE_MAX};
}

static uint64_t take(struct ready_list *list) {
    struct entry entry;

    assert_true(ready_list_take(list, &entry));
    return entry.sequence;
}

static void empty_list_gives_nothing(void **state) {
    struct ready_list list;
    struct entry entry;

    (void)state;
    ready_list_init(&list);
    assert_int_equal(ready_list_count(&list), 0);
    assert_false(ready_list_take(&list, &entry));
    assert_false(ready_list_peek(&list, &entry));
    ready_list_clear(&list);
}

static void entries_leave_in_the_order_they_came(void **state) {
    struct ready_list list;
    uint64_t taken = 0;

    (void)state;
    ready_list_init(&list);
    for (uint64_t i = 0; i < 10 * READY_CHUNK_ENTRIES; i++) {
        ready_list_push(&list, entry_of(i));
        if (i % 3 == 0)
            assert_int_equal(take(&list), taken++);
    }
    while (ready_list_count(&list) > 0)
        assert_int_equal(take(&list), taken++);
    assert_int_equal(taken, 10 * READY_CHUNK_ENTRIES);
    ready_list_clear(&list);
}

/* Exactly full chunks are where a ring goes wrong. */
static void drained_list_fills_again(void **state) {
    struct ready_list list;
    uint64_t next = 0;

    (void)state;
    ready_list_init(&list);
    for (uint64_t size = READY_CHUNK_ENTRIES - 1; size <= READY_CHUNK_ENTRIES + 1; size++) {
        for (int round = 0; round < 3; round++) {
            for (uint64_t i = 0; i < size; i++)
                ready_list_push(&list, entry_of(next + i));
            for (uint64_t i = 0; i < size; i++)
                assert_int_equal(take(&list), next++);
            assert_int_equal(ready_list_count(&list), 0);
        }
    }
    ready_list_clear(&list);
}

static void returned_entry_takes_its_old_place(void **state) {
    struct ready_list list;
    struct entry front;

    (void)state;
    ready_list_init(&list);
    for (uint64_t i = 0; i < 6; i++)
        ready_list_push(&list, entry_of(i));
    for (uint64_t i = 0; i < 4; i++)
        take(&list);
    ready_list_return(&list, entry_of(3));
    ready_list_return(&list, entry_of(1));
    ready_list_return(&list, entry_of(2));
    assert_int_equal(ready_list_count(&list), 5);
    assert_true(ready_list_peek(&list, &front));
    assert_int_equal(front.sequence, 1);
    for (uint64_t i = 1; i < 6; i++)
        assert_int_equal(take(&list), i);
    ready_list_clear(&list);
}

/* Take, return and push at random: what leaves is always the lowest sequence that is inside. */
static void lowest_sequence_is_always_in_front(void **state) {
    enum { COUNT = 3000 };
    struct random random = {99};
    struct ready_list list;
    bool inside[COUNT] = {false};
    uint64_t taken[COUNT];
    size_t taken_count = 0;
    uint64_t pushed = 0;

    (void)state;
    ready_list_init(&list);
    for (int round = 0; round < 20000; round++) {
        size_t what = random_below(&random, 3);
        if (what == 0 && pushed < COUNT) {
            inside[pushed] = true;
            ready_list_push(&list, entry_of(pushed++));
        } else if (what == 1 && ready_list_count(&list) > 0) {
            uint64_t lowest = 0;
            while (!inside[lowest])
                lowest++;
            assert_int_equal(take(&list), lowest);
            inside[lowest] = false;
            taken[taken_count++] = lowest;
        } else if (what == 2 && taken_count > 0) {
            size_t which = random_below(&random, taken_count);
            inside[taken[which]] = true;
            ready_list_return(&list, entry_of(taken[which]));
            taken[which] = taken[--taken_count];
        }
    }
    ready_list_clear(&list);
}

/* Any stretch of what is there, with the order of taking as the measure. */
static void entries_are_shown_in_the_order_of_taking(void **state) {
    struct entry order[3 * READY_CHUNK_ENTRIES], shown[3 * READY_CHUNK_ENTRIES], entry;
    struct ready_list list;
    uint32_t random = 1;
    size_t count = 0;

    (void)state;
    ready_list_init(&list);
    for (uint64_t i = 0; i < 3 * READY_CHUNK_ENTRIES; i++)
        ready_list_push(&list, entry_of(i));
    for (size_t i = 0; i < 200; i++) /* of those some come back, in any order */
        assert_true(ready_list_take(&list, &order[i]));
    for (size_t i = 0; i < 200; i++) {
        random = random * 1664525 + 1013904223;
        size_t other = random % 200;
        entry = order[i], order[i] = order[other], order[other] = entry;
    }
    for (size_t i = 0; i < 90; i++)
        ready_list_return(&list, order[i]);
    const size_t there = ready_list_entries(&list, 0, 3 * READY_CHUNK_ENTRIES, order);
    assert_int_equal(there, ready_list_count(&list));
    for (size_t offset = 0; offset <= there + 1; offset += 7) {
        for (size_t max = 0; max < 300; max += 45) {
            const size_t left = offset < there ? there - offset : 0;
            count = ready_list_entries(&list, offset, max, shown);
            assert_int_equal(count, left < max ? left : max);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(shown[i].sequence, order[offset + i].sequence);
        }
    }
    for (size_t i = 0; i < there; i++)
        assert_int_equal(take(&list), order[i].sequence);
    ready_list_clear(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_list_gives_nothing),
        cmocka_unit_test(entries_leave_in_the_order_they_came),
        cmocka_unit_test(drained_list_fills_again),
        cmocka_unit_test(returned_entry_takes_its_old_place),
        cmocka_unit_test(lowest_sequence_is_always_in_front),
        cmocka_unit_test(entries_are_shown_in_the_order_of_taking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
