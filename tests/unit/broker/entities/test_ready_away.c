/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that leave memory and come back, among those that stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/entities/message.h"
#include "broker/entities/ready_list.h"

#define COUNT 1000

static struct message_memory memory;

static struct message *new_message(void) {
    /* class 60, weight 0, body size 5, no properties */
    static const uint8_t header[14] = {0, 60, [11] = 5};
    struct message *message = message_create(&memory, SLICE(""), SLICE("q"),
                                             slice_of(header, sizeof header), SLICE("hello"));
    assert_non_null(message);
    return message;
}

static void push(struct ready_list *list, uint64_t first, uint64_t last) {
    for (uint64_t sequence = first; sequence <= last; sequence++)
        ready_list_push(list, (struct entry){.message = new_message(),
                                             .sequence = sequence & ENTRY_SEQUENCE_MAX});
}

/* Even numbers are spilled, odd ones stored, `stuck` stays. */
static uint64_t stuck;

static enum put_away_answer put(void *context, struct entry *entry) {
    (void)context;
    if (entry->sequence == stuck)
        return AWAY_STAYS;
    struct away away = {.spilled = (uint32_t)entry->sequence};
    if (entry->sequence % 2 == 1)
        away = (struct away){.stored = (void *)(uintptr_t)(entry->sequence * 8 << 10)};
    message_unref(entry->message);
    entry_set_away(entry, away);
    return AWAY_WENT;
}

static void check_away(const struct entry *entry) {
    struct away away = entry_away(entry);
    assert_true(entry_is_away(entry));
    if (entry->sequence % 2 == 1) {
        assert_ptr_equal(away.stored, (void *)(uintptr_t)(entry->sequence * 8 << 10));
    } else {
        assert_null(away.stored);
        assert_int_equal(away.spilled, entry->sequence);
    }
}

static size_t put_away_all(struct ready_list *list, size_t keep) {
    return ready_list_put_away(list, keep, SIZE_MAX, put, NULL);
}

/* What is expected next, whether here or away. */
static void expect_taken(struct ready_list *list, uint64_t sequence) {
    struct entry peeked, entry;
    assert_true(ready_list_peek(list, &peeked));
    assert_true(ready_list_take(list, &entry));
    assert_int_equal(entry.sequence, sequence);
    assert_int_equal(peeked.sequence, sequence);
    assert_ptr_equal(peeked.message, entry.message);
    if (entry_is_away(&entry))
        check_away(&entry);
    else
        message_unref(entry.message);
}

static void expect_all(struct ready_list *list, uint64_t first, uint64_t last) {
    for (uint64_t sequence = first; sequence <= last; sequence++)
        expect_taken(list, sequence);
    assert_int_equal(ready_list_count(list), 0);
    assert_int_equal(list->away_count, 0);
    assert_null(list->first_away);
    assert_null(list->last_away);
}

/* As paging.c does: up to `max` of the first entries that are away. */
static void bring_back(struct ready_list *list, size_t max) {
    struct entry *entries = calloc(max, sizeof *entries);
    size_t count = ready_list_first_away(list, entries, max);
    for (size_t i = 0; i < count; i++) {
        check_away(&entries[i]);
        entries[i].message = new_message();
    }
    ready_list_bring_back(list, entries, count);
    free(entries);
}

static int setup(void **state) {
    (void)state;
    stuck = 0;
    message_memory_init(&memory);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    message_memory_clear(&memory);
    return 0;
}

static void order_stays_whatever_goes_and_comes(void **state) {
    (void)state;
    for (size_t keep = 0; keep <= 345; keep += 23) {
        struct ready_list list;
        ready_list_init(&list);
        push(&list, 1, COUNT);
        assert_int_equal(put_away_all(&list, keep), COUNT - keep);
        assert_int_equal(list.away_count, COUNT - keep);
        assert_int_equal(ready_list_here(&list, SIZE_MAX), keep);
        push(&list, COUNT + 1, COUNT + 200);
        for (uint64_t sequence = 1; sequence <= 100; sequence++)
            expect_taken(&list, sequence);
        bring_back(&list, 250);
        put_away_all(&list, 10);
        assert_int_equal(ready_list_here(&list, SIZE_MAX), 10);
        assert_int_equal(list.away_count + 10, ready_list_count(&list));
        expect_all(&list, 101, COUNT + 200);
        ready_list_clear(&list);
    }
}

static void nothing_is_left_of_a_cleared_list(void **state) {
    struct ready_list list;
    (void)state;
    ready_list_init(&list);
    push(&list, 1, COUNT);
    put_away_all(&list, 5);
    push(&list, COUNT + 1, COUNT + 5);
    ready_list_clear(&list);
    assert_int_equal(ready_list_count(&list), 0);
    push(&list, 1, 3);
    expect_all(&list, 1, 3);
    ready_list_clear(&list);
}

static void entry_that_cannot_go_keeps_its_place(void **state) {
    struct ready_list list;
    (void)state;
    ready_list_init(&list);
    push(&list, 1, COUNT);
    stuck = 400;
    put_away_all(&list, 0);
    assert_true(list.away_count >= COUNT - READY_CHUNK_ENTRIES);
    assert_true(list.away_count < COUNT);
    expect_all(&list, 1, COUNT);
    ready_list_clear(&list);
}

static void budget_limits_what_goes(void **state) {
    struct ready_list list;
    (void)state;
    ready_list_init(&list);
    push(&list, 1, COUNT);
    assert_int_equal(ready_list_put_away(&list, 7, 100, put, NULL), 100);
    assert_int_equal(ready_list_put_away(&list, 7, 100, put, NULL), 100);
    assert_int_equal(list.away_count, 200);
    expect_all(&list, 1, COUNT);
    ready_list_clear(&list);
}

static void deadlines_and_flags_survive(void **state) {
    struct ready_list list;
    struct entry entry;
    (void)state;
    ready_list_init(&list);
    list.has_sizes = true;
    for (uint64_t sequence = 1; sequence <= 5; sequence++)
        ready_list_push(&list, (struct entry){.message = new_message(),
                                              .sequence = sequence * 1000000 & ENTRY_SEQUENCE_MAX,
                                              .redelivered = sequence % 2,
                                              .expires_ms = (int64_t)sequence * 7});
    stuck = UINT64_MAX;
    for (int pass = 0; pass < 5; pass++) /* these sequences are too far apart for one chunk */
        put_away_all(&list, 0);
    assert_int_equal(list.away_count, 5);
    for (uint64_t sequence = 1; sequence <= 5; sequence++) {
        assert_true(ready_list_take(&list, &entry));
        assert_int_equal(entry.sequence, sequence * 1000000);
        assert_int_equal(entry.redelivered, sequence % 2);
        assert_int_equal(entry.expires_ms, sequence * 7);
        assert_int_equal(list.taken_size, 5);
    }
    ready_list_clear(&list);
}

static void returned_entries_come_before_those_away(void **state) {
    struct ready_list list;
    struct entry first, second;
    (void)state;
    ready_list_init(&list);
    push(&list, 1, COUNT);
    ready_list_take(&list, &first);
    ready_list_take(&list, &second);
    put_away_all(&list, 0);
    assert_true(ready_list_front_is_away(&list));
    ready_list_return(&list, second);
    ready_list_return(&list, first);
    assert_false(ready_list_front_is_away(&list));
    expect_all(&list, 1, COUNT);
    ready_list_clear(&list);
}

static void restored_entries_are_pushed_away(void **state) {
    struct ready_list list;
    (void)state;
    ready_list_init(&list);
    push(&list, 1, 1);
    expect_all(&list, 1, 1); /* leaves a drained chunk behind */
    for (uint64_t sequence = 2; sequence <= COUNT; sequence++) {
        struct entry entry = {.sequence = sequence & ENTRY_SEQUENCE_MAX};
        struct away away = {.spilled = (uint32_t)sequence};
        if (sequence % 2 == 1)
            away = (struct away){.stored = (void *)(uintptr_t)(sequence * 8 << 10)};
        entry_set_away(&entry, away);
        ready_list_push_away(&list, entry, AWAY_SIZE_UNKNOWN);
    }
    assert_int_equal(list.away_count, COUNT - 1);
    push(&list, COUNT + 1, COUNT + 10);
    bring_back(&list, 300);
    bring_back(&list, 5);
    expect_all(&list, 2, COUNT + 10);
    ready_list_clear(&list);
}

/* Of bodies each of whose sizes nobody asked for when they went. */
static void octets_are_counted_all_together(void **state) {
    struct ready_list list;
    struct entry entries[2];
    (void)state;
    ready_list_init(&list);
    push(&list, 1, 3);
    put_away_all(&list, 0);
    assert_int_equal(list.away_bytes, 15);
    assert_int_equal(list.unsized_bytes, 15);
    assert_int_equal(ready_list_first_away(&list, entries, 2), 2);
    for (int i = 0; i < 2; i++)
        entries[i].message = new_message();
    assert_int_equal(ready_list_bring_back(&list, entries, 2), 0);
    assert_int_equal(list.away_bytes, 5);
    expect_all(&list, 1, 3);
    assert_int_equal(list.away_bytes, 0);
    assert_int_equal(list.unsized_bytes, 0);
    ready_list_clear(&list);
}

static void one_that_goes_unread_takes_the_average(void **state) {
    struct ready_list list;
    struct entry entry;
    const uint32_t sizes[] = {10, 20, 60};
    (void)state;
    ready_list_init(&list);
    for (uint32_t i = 0; i < 3; i++) {
        entry = (struct entry){.sequence = i + 1};
        entry_set_away(&entry, (struct away){.spilled = i + 1});
        ready_list_push_away(&list, entry, sizes[i]);
    }
    ready_list_take(&list, &entry);
    assert_int_equal(list.taken_size, 30);
    ready_list_take(&list, &entry);
    ready_list_take(&list, &entry);
    assert_int_equal(list.taken_size, 30);
    assert_int_equal(list.away_bytes, 0);
    ready_list_clear(&list);
}

/* A restart does not know the size of every body before it was read. */
static void size_that_nobody_knew_is_learned(void **state) {
    struct ready_list list;
    struct entry entry = {.sequence = 1};
    (void)state;
    ready_list_init(&list);
    entry_set_away(&entry, (struct away){.spilled = 1});
    ready_list_push_away(&list, entry, AWAY_SIZE_UNKNOWN);
    assert_int_equal(list.away_bytes, 0);
    assert_int_equal(ready_list_first_away(&list, &entry, 1), 1);
    entry.message = new_message();
    assert_int_equal(ready_list_bring_back(&list, &entry, 1), 5);
    expect_all(&list, 1, 1);
    ready_list_clear(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order_stays_whatever_goes_and_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_left_of_a_cleared_list, setup, teardown),
        cmocka_unit_test_setup_teardown(entry_that_cannot_go_keeps_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(budget_limits_what_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(deadlines_and_flags_survive, setup, teardown),
        cmocka_unit_test_setup_teardown(returned_entries_come_before_those_away, setup, teardown),
        cmocka_unit_test_setup_teardown(restored_entries_are_pushed_away, setup, teardown),
        cmocka_unit_test_setup_teardown(octets_are_counted_all_together, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_goes_unread_takes_the_average, setup, teardown),
        cmocka_unit_test_setup_teardown(size_that_nobody_knew_is_learned, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
