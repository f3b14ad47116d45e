/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints in pieces, damage and the last segment of a life, step by step on a memory disk: what the
 * writer does between batches, and what it does when that fails. Its spares are in test_spares.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "persistence/journal.h"
#include "persistence/segment.h"
#include "tests/support/journal_fixture.h"

enum { SEGMENT = 64 * 1024, BODY = 8000 };

static int set_up(void **state) {
    *state = journal_fixture_create(SEGMENT);
    return 0;
}

static int tear_down(void **state) {
    journal_fixture_destroy(*state);
    return 0;
}

static void nobody_need_be_told_that_a_message_is_released(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;

    assert_int_equal(start_journal(fixture, false), 0);
    target = publish_message(fixture, 10, &message);
    journal_settle(fixture->journal, message, target);
    commit(fixture);
    assert_int_equal(statistics_of(fixture).live_messages, 0);
    assert_int_equal(statistics_of(fixture).batches, 0);
}

/* Thousands of definitions: the state is captured with several batches, and is that of the last one. */
static void a_large_state_is_captured_while_it_changes(void **state) {
    struct journal_fixture *fixture = *state;
    uint64_t batches;
    char key[16];

    assert_int_equal(start_journal(fixture, false), 0);
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%d", i);
        journal_put_meta(fixture->journal, 1, slice_of(key, strlen(key)), SLICE("x"));
    }
    commit(fixture);
    batches = statistics_of(fixture).batches;
    make_checkpoint(fixture);
    assert_int_equal(statistics_of(fixture).checkpoints, 0);
    for (int i = 0; i < 3; i++) { /* nobody asks, nobody publishes */
        snprintf(key, sizeof key, "%d", i);
        journal_delete_meta(fixture->journal, 1, slice_of(key, strlen(key)));
        commit(fixture);
    }
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
    assert_int_equal(statistics_of(fixture).checkpoints, 1);
    assert_true(statistics_of(fixture).batches > batches + 1);
    stop_journal(fixture, false);
    assert_int_equal(start_journal(fixture, false), 0);
    assert_int_equal(fixture->definitions, 9997);
}

/* The last segment of this life is begun at its first octet already. */
static void a_stop_does_not_seal_a_segment_without_batches(void **state) {
    struct journal_fixture *fixture = *state;
    uint64_t segments;

    assert_int_equal(start_journal(fixture, false), 0);
    publish_messages(fixture, 1, BODY);
    make_checkpoint(fixture);
    stop_journal(fixture, false);
    fixture->options.checkpoint_bytes = 1;
    assert_int_equal(start_journal(fixture, false), 0);
    segments = count_files(fixture, ".lvj");
    assert_int_equal(stop_journal(fixture, true), 0);
    assert_int_equal(count_files(fixture, ".lvj"), segments);
    assert_int_equal(start_journal(fixture, false), 0);
    assert_true(fixture->report.clean);
    assert_int_equal(fixture->found, 1);
}

/* Each call of a stop that has a segment to seal, a checkpoint and a last batch to write. */
static void a_clean_stop_may_fail_at_each_call(void **state) {
    struct journal_fixture *fixture = *state;
    bool failed = true;
    int unclean = 0;

    fixture->options.checkpoint_bytes = SEGMENT;
    for (uint64_t at = 1; failed; at++) {
        int code;

        assert_int_equal(start_journal(fixture, false), 0);
        publish_messages(fixture, 6, BODY);
        memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + at, -EIO, false);
        code = stop_journal(fixture, true);
        failed = memory_disk_has_failed(fixture->disk);
        memory_disk_heal(fixture->disk);
        assert_int_equal(start_journal(fixture, false), 0);
        assert_int_equal(fixture->found, fixture->sequences[1]);
        if (!fixture->report.clean)
            assert_int_equal(code, -EIO);
        unclean += !fixture->report.clean;
        stop_journal(fixture, false);
    }
    assert_true(unclean > 1);
}

/*
 * A start copies the last batch, here one of many small messages, to a segment with no octet more than a
 * seal takes. The index does not fit then, and the messages are found without it.
 */
static void an_index_that_does_not_fit_is_left_out(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;

    fixture->options.first_segment_size = 2 * SEGMENT_BLOCK;
    assert_int_equal(start_journal(fixture, false), 0);
    for (int i = 0; i < 1000; i++)
        publish_message(fixture, (size_t)(i % 7), &message);
    commit(fixture);
    stop_journal(fixture, false);
    assert_int_equal(start_journal(fixture, false), 0);
    publish_messages(fixture, 1, BODY);
    stop_journal(fixture, false);
    assert_int_equal(start_journal(fixture, false), 0);
    assert_int_equal(fixture->found, 1001);
    assert_int_equal(fixture->report.damaged_indexes, 0);
}

/* Two damaged segments are emptied with several checkpoints in between, and both are put aside. */
static void salvage_with_many_checkpoints_puts_all_damage_aside(void **state) {
    struct journal_fixture *fixture = *state;
    uint8_t *octets;
    size_t len;

    assert_int_equal(start_journal(fixture, false), 0);
    publish_messages(fixture, 60, BODY);
    stop_journal(fixture, false);
    for (size_t i = 0; i < 5; i++) {
        assert_non_null(memory_disk_file(fixture->disk, i, &octets, &len));
        octets[SEGMENT_BLOCK + 1000] ^= 1;
    }
    fixture->options.checkpoint_bytes = SEGMENT / 2;
    assert_int_equal(start_journal(fixture, false), -EBADMSG);
    assert_int_equal(start_journal(fixture, true), 0);
    assert_int_equal(fixture->report.damaged_segments, 5);
    assert_int_equal(count_files(fixture, "quarantine-"), 5);
    assert_int_equal(fixture->found, 55);
    stop_journal(fixture, false);
    assert_int_equal(start_journal(fixture, false), 0);
    assert_int_equal(fixture->found, 55);
}

static void on_batch(void *context) {
    uint64_t one = 1;

    assert_int_equal(write(*(const int *)context, &one, sizeof one), sizeof one);
}

/* With the thread: nobody has to ask again, the batch that found no room is tried until it does. */
static void a_thread_tries_again_until_there_is_room(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    int wakeup = eventfd(0, EFD_CLOEXEC);
    uint64_t count;

    fixture->options.threaded = true;
    fixture->options.notify = on_batch;
    fixture->options.notify_context = &wakeup;
    assert_int_equal(start_journal(fixture, false), 0);
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 1, -ENOSPC, false);
    publish_message(fixture, 10, &message);
    journal_submit(fixture->journal, 1);
    assert_int_equal(read(wakeup, &count, sizeof count), sizeof count);
    journal_collect(fixture->journal);
    assert_true(journal_safe_lsn(fixture->journal) == 1);
    assert_true(memory_disk_has_failed(fixture->disk));
    stop_journal(fixture, false);
    close(wakeup);
    assert_int_equal(start_journal(fixture, false), 0);
    assert_int_equal(fixture->found, 1);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(nobody_need_be_told_that_a_message_is_released),
        CASE(a_large_state_is_captured_while_it_changes),
        CASE(a_stop_does_not_seal_a_segment_without_batches),
        CASE(a_clean_stop_may_fail_at_each_call),
        CASE(an_index_that_does_not_fit_is_left_out),
        CASE(salvage_with_many_checkpoints_puts_all_damage_aside),
        CASE(a_thread_tries_again_until_there_is_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
