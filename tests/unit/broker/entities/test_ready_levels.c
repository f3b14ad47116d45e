/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/ready_levels.h"

/* A message of this priority with an empty body; -1: without the property. */
static struct message *message_of(struct fixture *f, int priority) {
    uint8_t header[AMQP_CONTENT_HEADER_SIZE + 1] = {0, 60};
    struct slice payload = slice_of(header, sizeof header - (priority < 0));

    if (priority >= 0) {
        header[12] = AMQP_PRIORITY >> 8;
        header[14] = (uint8_t)priority;
    }
    return message_create(&f->broker->messages, SLICE(""), SLICE("k"), payload, SLICE(""));
}

static void push(struct fixture *f, struct ready_levels *levels, int priority, uint64_t sequence) {
    ready_levels_push(levels, (struct entry){.message = message_of(f, priority),
                                             .sequence = sequence & ENTRY_SEQUENCE_MAX});
}

/* The front of the list with the front entry, as a queue takes it. */
static bool take(struct ready_levels *levels, struct entry *ret_entry) {
    struct ready_list *list = ready_levels_front(levels);

    if (list == NULL)
        return false;
    *ret_entry = ready_levels_take_of(levels, list);
    return true;
}

static void assert_takes(struct ready_levels *levels, uint64_t sequence) {
    struct entry front, entry;

    assert_true(ready_levels_peek(levels, &front));
    assert_true(take(levels, &entry));
    assert_int_equal(front.sequence, sequence);
    assert_int_equal(entry.sequence, sequence);
    message_unref(entry.message);
}

static void highest_level_comes_first(void **state) {
    struct fixture *f = *state;
    struct ready_levels *levels = ready_levels_create(255);
    const int priorities[] = {0, 63, 64, 127, 128, 255, 1, 192};
    const uint64_t order[] = {5, 7, 4, 3, 2, 1, 6, 0};

    for (size_t i = 0; i < 8; i++)
        push(f, levels, priorities[i], i);
    assert_int_equal(levels->count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_takes(levels, order[i]);
    assert_int_equal(levels->count, 0);
    ready_levels_destroy(levels);
}

static void greater_priorities_count_as_the_highest(void **state) {
    struct fixture *f = *state;
    struct ready_levels *levels = ready_levels_create(3);

    push(f, levels, -1, 0);
    push(f, levels, 3, 1);
    push(f, levels, 200, 2);
    push(f, levels, 2, 3);
    assert_takes(levels, 1);
    assert_takes(levels, 2);
    assert_takes(levels, 3);
    assert_takes(levels, 0);
    ready_levels_destroy(levels);
}

static void returned_entry_takes_its_place_on_its_level(void **state) {
    struct fixture *f = *state;
    struct ready_levels *levels = ready_levels_create(1);
    struct entry low;

    push(f, levels, 0, 0);
    push(f, levels, 0, 1);
    assert_true(take(levels, &low));
    push(f, levels, 1, 2);
    ready_levels_return(levels, low);
    assert_takes(levels, 2);
    assert_takes(levels, 0);
    assert_takes(levels, 1);
    ready_levels_destroy(levels);
}

static void cleared_levels_are_empty_and_usable(void **state) {
    struct fixture *f = *state;
    struct ready_levels *levels = ready_levels_create(200);
    struct entry entry;

    push(f, levels, 7, 0);
    push(f, levels, 170, 1);
    ready_levels_clear(levels);
    assert_int_equal(levels->count, 0);
    assert_false(ready_levels_peek(levels, &entry));
    assert_false(take(levels, &entry));
    push(f, levels, 9, 2);
    assert_takes(levels, 2);
    ready_levels_destroy(levels);
    assert_int_equal(f->broker->messages.bytes, 0);
}

static void quorum_queue_serves_the_returned_first(void **state) {
    struct fixture *f = *state;
    struct ready_levels *levels = ready_levels_create_quorum();
    struct entry zero, one;

    push(f, levels, 9, 0);
    push(f, levels, 5, 1);
    push(f, levels, -1, 2);
    push(f, levels, 3, 3);
    push(f, levels, 31, 4);
    push(f, levels, 200, 5);
    assert_takes(levels, 4);
    assert_takes(levels, 5);
    assert_true(take(levels, &zero));
    assert_true(take(levels, &one));
    push(f, levels, 31, 6);
    ready_levels_return(levels, one);
    ready_levels_return(levels, zero);
    assert_int_equal(levels->count, 5);
    assert_takes(levels, 1);
    assert_takes(levels, 0);
    assert_takes(levels, 6);
    assert_takes(levels, 2);
    assert_takes(levels, 3);
    assert_int_equal(levels->count, 0);
    ready_levels_destroy(levels);
}

static void oldest_is_a_returned_one_or_the_first_that_came(void **state) {
    static const uint64_t order[] = {2, 0, 1, 3};
    struct fixture *f = *state;
    struct ready_levels *levels = ready_levels_create_quorum();
    struct entry entry;

    push(f, levels, 1, 0);
    push(f, levels, 7, 1);
    push(f, levels, 9, 2);
    push(f, levels, 1, 3);
    assert_true(take(levels, &entry));
    ready_levels_return(levels, entry);
    for (size_t i = 0; i < 4; i++) {
        entry = ready_levels_take_of(levels, ready_levels_oldest(levels));
        assert_int_equal(entry.sequence, order[i]);
        message_unref(entry.message);
    }
    assert_null(ready_levels_oldest(levels));
    ready_levels_destroy(levels);
}

static void earliest_deadline_of_the_fronts_is_found(void **state) {
    static const int64_t order[] = {5, 10, 20};
    struct fixture *f = *state;
    struct ready_levels *levels = ready_levels_create(255);
    struct ready_list *list;
    struct entry entry;
    int64_t expires_ms = 0;

    push(f, levels, 200, 0);
    ready_levels_push(levels, (struct entry){.message = message_of(f, 3), .expires_ms = 20});
    ready_levels_push(levels, (struct entry){.message = message_of(f, 64), .expires_ms = 10});
    ready_levels_push(levels, (struct entry){.message = message_of(f, 200), .expires_ms = 1});
    ready_list_push(&levels->returned,
                    (struct entry){.message = message_of(f, 0), .expires_ms = 5});
    levels->count++;
    for (size_t i = 0; i < 3; i++) {
        list = ready_levels_first_to_expire(levels, &expires_ms);
        assert_int_equal(expires_ms, order[i]);
        entry = ready_levels_take_of(levels, list);
        assert_int_equal(entry.expires_ms, order[i]);
        message_unref(entry.message);
    }
    assert_null(ready_levels_first_to_expire(levels, &expires_ms));
    assert_int_equal(levels->count, 2);
    ready_levels_destroy(levels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(highest_level_comes_first),
        FIXTURE_TEST(greater_priorities_count_as_the_highest),
        FIXTURE_TEST(returned_entry_takes_its_place_on_its_level),
        FIXTURE_TEST(cleared_levels_are_empty_and_usable),
        FIXTURE_TEST(quorum_queue_serves_the_returned_first),
        FIXTURE_TEST(oldest_is_a_returned_one_or_the_first_that_came),
        FIXTURE_TEST(earliest_deadline_of_the_fronts_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
