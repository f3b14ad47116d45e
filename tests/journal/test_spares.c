/* SPDX-License-Identifier: Apache-2.0 */
/* Spares and dead segments, step by step on a memory disk: when they are made, used, and given up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "persistence/journal.h"
#include "tests/support/journal_fixture.h"

enum { SEGMENT = 64 * 1024, BODY = 8000, LARGE_BODY = 150 * 1024 };

static int set_up(void **state) {
    *state = journal_fixture_create(SEGMENT);
    return 0;
}

static int tear_down(void **state) {
    journal_fixture_destroy(*state);
    return 0;
}

static void start_with_spares(struct journal_fixture *fixture, unsigned count) {
    fixture->options.spare_segments = count;
    assert_int_equal(start_journal(fixture, false), 0);
}

/* What is submitted is written, and what it took is known. */
static void write_and_collect(struct journal_fixture *fixture) {
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
}

/* Three quarters of the first segment are full, and the spares are made. */
static void start_with_a_message_and_two_spares(struct journal_fixture *fixture) {
    struct stored_message *message;

    start_with_spares(fixture, 2);
    publish_message(fixture, SEGMENT * 3 / 4, &message);
    commit(fixture);
    assert_int_equal(statistics_of(fixture).spares, 2);
}

/* The disk is well again; that many messages are there. */
static void find_after_restart(struct journal_fixture *fixture, int count) {
    stop_journal(fixture, false);
    memory_disk_heal(fixture->disk);
    assert_int_equal(start_journal(fixture, false), 0);
    assert_int_equal(fixture->found, count);
}

static void more_spares_than_two_are_never_made(void **state) {
    struct journal_fixture *fixture = *state;

    start_with_spares(fixture, 5);
    publish_messages(fixture, 5, BODY);
    assert_int_equal(statistics_of(fixture).spares, 2);
}

static void a_disk_that_says_it_is_full_gets_no_spare(void **state) {
    struct journal_fixture *fixture = *state;

    memory_disk_set_room(fixture->disk, SEGMENT);
    start_with_spares(fixture, 1);
    publish_messages(fixture, 1, BODY);
    assert_int_equal(statistics_of(fixture).spares, 0);
    assert_true(statistics_of(fixture).disk_full);
    assert_int_equal(statistics_of(fixture).maintenance_cause, -ENOSPC);
    memory_disk_set_room(fixture->disk, SEGMENT + 1);
    publish_messages(fixture, 1, BODY);
    assert_int_equal(statistics_of(fixture).spares, 1);
    assert_false(statistics_of(fixture).disk_full);
}

static void a_disk_that_cannot_say_what_is_free_is_tried(void **state) {
    struct journal_fixture *fixture = *state;

    memory_disk_set_room(fixture->disk, -EIO);
    start_with_spares(fixture, 1);
    publish_messages(fixture, 1, BODY);
    assert_int_equal(statistics_of(fixture).spares, 1);
}

/* The next attempt opens its file, and the allocation fails. */
static void try_spare_in_vain(struct journal_fixture *fixture) {
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 2, -EIO, false);
    journal_retry_space(fixture->journal);
    journal_write_now(fixture->journal);
    assert_true(memory_disk_has_failed(fixture->disk));
    assert_int_equal(statistics_of(fixture).spares, 0);
    memory_disk_heal(fixture->disk);
}

/* Whatever goes well in between, be it a step of the next attempt or a checkpoint. */
static void a_cause_is_one_trouble_until_a_spare_was_made(void **state) {
    struct journal_fixture *fixture = *state;

    assert_int_equal(start_journal(fixture, false), 0);
    publish_messages(fixture, 1, BODY);
    stop_journal(fixture, false);
    memory_disk_set_room(fixture->disk, SEGMENT);
    start_with_spares(fixture, 1);
    publish_messages(fixture, 1, BODY);
    assert_int_equal(statistics_of(fixture).maintenance_troubles, 1);
    memory_disk_set_room(fixture->disk, 100 * SEGMENT);
    try_spare_in_vain(fixture); /* another cause */
    assert_int_equal(statistics_of(fixture).maintenance_troubles, 2);
    assert_int_equal(statistics_of(fixture).maintenance_cause, -EIO);
    try_spare_in_vain(fixture);
    make_checkpoint(fixture);
    assert_int_equal(statistics_of(fixture).checkpoints, 1);
    try_spare_in_vain(fixture);
    assert_int_equal(statistics_of(fixture).maintenance_troubles, 2);
    journal_retry_space(fixture->journal);
    journal_write_now(fixture->journal);
    assert_int_equal(statistics_of(fixture).spares, 1);
    memory_disk_set_room(fixture->disk, SEGMENT);
    publish_messages(fixture, 9, BODY); /* the spare is used */
    assert_int_equal(statistics_of(fixture).maintenance_troubles, 3);
}

/* Fills segments of which all but the last one hold nothing alive, and lets go of them. */
static void leave_garbage(struct journal_fixture *fixture, int count) {
    for (int i = 0; i < count; i++) {
        struct stored_message *message;
        struct journal_target target = publish_message(fixture, BODY, &message);

        commit(fixture);
        journal_settle(fixture->journal, message, target);
    }
    commit(fixture);
}

/*
 * A spare failed, so dead segments wait until the next segment to be used again. A checkpoint that finds
 * no room takes theirs.
 */
static void dead_segments_make_room_for_a_checkpoint(void **state) {
    struct journal_fixture *fixture = *state;
    uint64_t segments;

    assert_int_equal(start_journal(fixture, false), 0);
    leave_garbage(fixture, 30);
    stop_journal(fixture, false);
    start_with_spares(fixture, 2);
    /* The write of the batch and its sync, then the first call of the spare. */
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 3, -EIO, false);
    publish_messages(fixture, 1, 10);
    assert_int_equal(statistics_of(fixture).maintenance_cause, -EIO);
    memory_disk_heal(fixture->disk);
    make_checkpoint(fixture);
    make_checkpoint(fixture);
    assert_int_equal(statistics_of(fixture).spares, 0);
    segments = count_files(fixture, ".lvj");
    journal_request_checkpoint(fixture->journal);
    commit(fixture);
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 2, -ENOSPC, false);
    write_and_collect(fixture);
    assert_int_equal(statistics_of(fixture).checkpoints, 3);
    assert_int_equal(count_files(fixture, ".lvj"), segments - 4);
}

/* Files of `.lvj` that are left of much garbage when the disk has so much room. */
static uint64_t files_kept_with(struct journal_fixture *fixture, int64_t room) {
    uint64_t count;

    memory_disk_set_room(fixture->disk, room);
    assert_int_equal(start_journal(fixture, false), 0);
    leave_garbage(fixture, 30);
    make_checkpoint(fixture);
    make_checkpoint(fixture);
    count = count_files(fixture, ".lvj");
    stop_journal(fixture, false);
    return count;
}

/* Besides the segment in use and two spares; where others may need the room, none. */
static void dead_segments_are_kept_where_there_is_room(void **state) {
    struct journal_fixture *fixture = *state;

    fixture->options.spare_segments = 2;
    assert_int_equal(files_kept_with(fixture, 100 * SEGMENT), 3 + 3);
    assert_int_equal(files_kept_with(fixture, 16 * SEGMENT), 3);
    assert_int_equal(files_kept_with(fixture, -EIO), 3);
}

static void spares_are_not_used_behind_a_larger_segment(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;

    start_with_a_message_and_two_spares(fixture);
    publish_message(fixture, LARGE_BODY, &message);
    commit(fixture);
    for (int i = 0; i < 30; i++) {
        publish_message(fixture, 8000, &message);
        commit(fixture);
    }
    find_after_restart(fixture, 32);
}

static void no_room_for_a_spare_is_told_before_anything_waits(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;

    start_with_spares(fixture, 2);
    publish_message(fixture, SEGMENT * 3 / 4, &message);
    journal_submit(fixture->journal, 1);
    /* A first segment of 6 calls, the batch of 2, a spare of 6; the next has no room for its zeros. */
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 16, -ENOSPC, false);
    write_and_collect(fixture);
    assert_true(memory_disk_has_failed(fixture->disk));
    assert_true(statistics_of(fixture).disk_full);
    assert_false(statistics_of(fixture).starved);
    assert_int_equal(statistics_of(fixture).spares, 1);
    memory_disk_heal(fixture->disk);
    journal_write_now(fixture->journal);
    assert_true(statistics_of(fixture).disk_full); /* an idle journal does not poll the disk */
    journal_retry_space(fixture->journal);
    journal_write_now(fixture->journal);
    assert_false(statistics_of(fixture).disk_full);
    assert_int_equal(statistics_of(fixture).spares, 2);
}

static void a_spare_makes_room_for_a_checkpoint(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;

    start_with_a_message_and_two_spares(fixture);
    publish_message(fixture, 10, &message);
    journal_request_checkpoint(fixture->journal);
    commit(fixture);
    /* The checkpoint is created, then has no room. */
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 2, -ENOSPC, false);
    write_and_collect(fixture);
    assert_true(memory_disk_has_failed(fixture->disk));
    assert_int_equal(statistics_of(fixture).checkpoints, 1);
    assert_int_equal(statistics_of(fixture).spares, 1);
    assert_int_equal(journal_state(fixture->journal), JOURNAL_OPEN);
    find_after_restart(fixture, 2);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(more_spares_than_two_are_never_made),
        CASE(a_disk_that_says_it_is_full_gets_no_spare),
        CASE(a_disk_that_cannot_say_what_is_free_is_tried),
        CASE(a_cause_is_one_trouble_until_a_spare_was_made),
        CASE(dead_segments_make_room_for_a_checkpoint),
        CASE(dead_segments_are_kept_where_there_is_room),
        CASE(spares_are_not_used_behind_a_larger_segment),
        CASE(no_room_for_a_spare_is_told_before_anything_waits),
        CASE(a_spare_makes_room_for_a_checkpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
