/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What appending means, step by step on a memory disk: which LSN is safe when, what reaches the
 * disk and what does not, when octets are released, what a full disk and a failed sync do, and how
 * space comes back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "persistence/stored_message.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/read_journal.h"

enum { SEGMENT = 64 * 1024 };

static int set_up(void **state) {
    *state = journal_fixture_create(SEGMENT);
    return start_journal(*state, false);
}

static int tear_down(void **state) {
    journal_fixture_destroy(*state);
    return 0;
}

static void restart(struct journal_fixture *fixture) {
    stop_journal(fixture, false);
    memory_disk_heal(fixture->disk);
    assert_int_equal(start_journal(fixture, false), 0);
}

static void on_release(void *owner) {
    ((struct journal_fixture *)owner)->released++;
}

static struct journal_target next_target(struct journal_fixture *fixture, uint64_t queue_id) {
    return (struct journal_target){queue_id, ++fixture->sequences[queue_id]};
}

static uint64_t publish_to(struct journal_fixture *fixture, const struct journal_target *targets,
                           size_t count, size_t len, struct stored_message **ret) {
    static const uint8_t octets[200 * 1024] = {1, 2, 3};
    struct slice body = slice_of(octets, len);
    struct journal_content content = {SLICE("address"), SLICE("header"), &body, 1};

    return journal_append_message(fixture->journal, &content, targets, count, on_release, fixture,
                                  ret);
}

static uint64_t publish(struct journal_fixture *fixture, uint64_t queue_id, size_t len,
                        struct journal_target *ret_target, struct stored_message **ret) {
    *ret_target = next_target(fixture, queue_id);
    return publish_to(fixture, ret_target, 1, len, ret);
}

static void an_lsn_is_safe_when_its_batch_is_written(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;
    uint64_t lsn = publish(fixture, 1, 10, &target, &message);

    assert_true(lsn == journal_open_lsn(fixture->journal));
    assert_true(journal_safe_lsn(fixture->journal) < lsn);
    journal_submit(fixture->journal, 1);
    assert_true(journal_is_writing(fixture->journal));
    assert_true(journal_open_lsn(fixture->journal) == lsn + 1);
    assert_true(journal_safe_lsn(fixture->journal) < lsn);
    journal_write_now(fixture->journal);
    assert_int_equal(fixture->released, 0);
    journal_collect(fixture->journal);
    assert_true(journal_safe_lsn(fixture->journal) == lsn);
    assert_int_equal(fixture->released, 1);
    assert_false(journal_is_writing(fixture->journal));
}

static void what_is_settled_before_the_hand_over_is_never_written(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;
    uint64_t lsn = publish(fixture, 1, 10, &target, &message);

    journal_settle(fixture->journal, message, target);
    assert_int_equal(fixture->released, 1);
    assert_true(journal_submit(fixture->journal, 1));
    assert_false(journal_submit(fixture->journal, 1));
    assert_false(journal_is_writing(fixture->journal));
    assert_true(journal_safe_lsn(fixture->journal) == lsn);
    assert_true(journal_open_lsn(fixture->journal) == lsn + 1);
    assert_int_equal(memory_disk_calls(fixture->disk), 2); /* those of the start */
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 0);
}

static void one_of_two_targets_settled_early_leaves_the_other(void **state) {
    struct journal_fixture *fixture = *state;
    struct journal_target targets[] = {next_target(fixture, 1), next_target(fixture, 2)};
    struct stored_message *message;

    publish_to(fixture, targets, 2, 10, &message);
    journal_settle(fixture->journal, message, targets[0]);
    assert_int_equal(fixture->released, 0);
    commit(fixture);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 0);
    assert_int_equal(fixture->found_in[2], 1);
}

static void a_settle_while_the_batch_is_under_way_is_a_record(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;

    publish(fixture, 1, 10, &target, &message);
    journal_submit(fixture->journal, 1);
    journal_settle(fixture->journal, message, target);
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
    assert_int_equal(statistics_of(fixture).live_messages, 0);
    commit(fixture);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 0);
    assert_int_equal(fixture->report.last_index, 2);
}

static void a_settle_that_was_not_written_is_a_redelivery(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;

    publish(fixture, 1, 10, &target, &message);
    commit(fixture);
    journal_settle(fixture->journal, message, target);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 1);
    assert_false(fixture->report.clean);
}

static void a_clean_stop_writes_what_is_open_and_says_so(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;

    publish(fixture, 1, 10, &target, &message);
    assert_int_equal(stop_journal(fixture, true), 0);
    assert_int_equal(fixture->released, 1);
    assert_int_equal(start_journal(fixture, false), 0);
    assert_int_equal(fixture->found_in[1], 1);
    assert_true(fixture->report.clean);
    restart(fixture);
    assert_false(fixture->report.clean); /* a start ends the truth of a clean stop */
}

static void a_journal_without_records_makes_no_file(void **state) {
    struct journal_fixture *fixture = *state;
    uint8_t *octets;
    size_t len;

    commit(fixture);
    assert_int_equal(stop_journal(fixture, true), 0);
    assert_null(memory_disk_file(fixture->disk, 0, &octets, &len));
    assert_int_equal(start_journal(fixture, false), 0);
}

static void nothing_is_handed_over_inside_an_atomic_group(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;

    journal_begin_atomic(fixture->journal);
    publish(fixture, 1, 10, &target, &message);
    journal_submit(fixture->journal, 1);
    assert_false(journal_is_writing(fixture->journal));
    publish(fixture, 2, 10, &target, &message);
    journal_end_atomic(fixture->journal);
    journal_submit(fixture->journal, 1);
    assert_true(journal_is_writing(fixture->journal));
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
    assert_int_equal(statistics_of(fixture).batches, 1);
}

static void a_deleted_queue_needs_one_record(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *messages[20];
    struct journal_target targets[20];
    uint64_t records;

    for (int i = 0; i < 19; i++)
        publish(fixture, 1, 10, &targets[i], &messages[i]);
    commit(fixture);
    records = statistics_of(fixture).records;
    publish(fixture, 1, 10, &targets[19], &messages[19]); /* in the batch of the deletion */
    journal_delete_queue(fixture->journal, 1);
    for (int i = 0; i < 20; i++)
        journal_settle(fixture->journal, messages[i], targets[i]);
    commit(fixture);
    assert_int_equal(statistics_of(fixture).records, records + 1);
    assert_int_equal(statistics_of(fixture).live_messages, 0);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 0);
}

static void a_message_of_a_deleted_queue_that_is_still_held_stays_dead(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;

    publish(fixture, 1, 10, &target, &message);
    journal_delete_queue(fixture->journal, 1);
    commit(fixture);
    assert_int_equal(statistics_of(fixture).live_messages, 1);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 0);
}

static void definitions_are_replaced_and_deleted(void **state) {
    struct journal_fixture *fixture = *state;

    journal_put_meta(fixture->journal, 1, SLICE("a"), SLICE("1"));
    journal_put_meta(fixture->journal, 1, SLICE("b"), SLICE("2"));
    commit(fixture);
    journal_put_meta(fixture->journal, 1, SLICE("a"), SLICE("3"));
    journal_delete_meta(fixture->journal, 1, SLICE("b"));
    commit(fixture);
    restart(fixture);
    assert_int_equal(fixture->definitions, 1);
}

static void a_queue_remembers_its_highest_sequence(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;

    for (int i = 0; i < 5; i++) {
        publish(fixture, 3, 10, &target, &message);
        commit(fixture);
        journal_settle(fixture->journal, message, target);
    }
    journal_request_checkpoint(fixture->journal);
    commit(fixture);
    restart(fixture);
    assert_int_equal(fixture->found_in[3], 0);
    assert_int_equal(fixture->highest[3], 5);
}

static void a_message_reads_back(void **state) {
    struct journal_fixture *fixture = *state;
    struct journal_content content;
    struct stored_message *message;
    struct journal_target target;
    uint8_t *buffer = NULL;
    size_t capacity = 0;
    struct slice body;

    publish(fixture, 1, 5000, &target, &message);
    assert_int_equal(journal_read(fixture->journal, message, &buffer, &capacity, &content, &body),
                     -EINPROGRESS);
    commit(fixture);
    assert_int_equal(journal_read(fixture->journal, message, &buffer, &capacity, &content, &body),
                     0);
    assert_true(slice_equal(content.address, SLICE("address")));
    assert_true(slice_equal(content.header, SLICE("header")));
    assert_int_equal(body.len, 5000);
    assert_int_equal(body.data[2], 3);
    assert_int_equal(content.body_parts, 1);
    restart(fixture);
    assert_int_equal(
        journal_read(fixture->journal, fixture->found_message, &buffer, &capacity, &content, &body),
        0);
    assert_int_equal(body.len, 5000);
    free(buffer);
}

static void a_damaged_message_does_not_read_back(void **state) {
    struct journal_fixture *fixture = *state;
    struct journal_content content;
    struct stored_message *message;
    struct journal_target target;
    uint8_t *buffer = NULL, *octets;
    size_t capacity = 0, len;
    struct slice body;

    publish(fixture, 1, 5000, &target, &message);
    commit(fixture);
    assert_non_null(memory_disk_file(fixture->disk, 0, &octets, &len));
    octets[6000] ^= 1;
    assert_int_equal(journal_read(fixture->journal, message, &buffer, &capacity, &content, &body),
                     -EBADMSG);
    free(buffer);
    /* Who reads it finds it damaged, and who moves it too: it is one message. */
    for (int finder = 0; finder < 2; finder++)
        journal_quarantine_message(fixture->journal, message);
    assert_int_equal(statistics_of(fixture).damaged_messages, 1);
}

static void a_batch_larger_than_a_segment_has_one_of_its_own(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *small, *large;
    struct journal_target target;

    publish(fixture, 1, 10, &target, &small);
    commit(fixture);
    publish(fixture, 1, 150 * 1024, &target, &large);
    commit(fixture);
    publish(fixture, 1, 10, &target, &small);
    commit(fixture);
    assert_int_equal(statistics_of(fixture).segments, 3);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 3);
}

static void a_failed_sync_confirms_nothing_ever_after(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;
    uint64_t lsn = publish(fixture, 1, 10, &target, &message);
    uint64_t calls;

    commit(fixture);
    assert_true(journal_safe_lsn(fixture->journal) == lsn);
    publish(fixture, 1, 10, &target, &message);
    calls = memory_disk_calls(fixture->disk);
    memory_disk_fail(fixture->disk, calls + 2, -EIO, false); /* a write, and this sync */
    commit(fixture);
    assert_int_equal(journal_state(fixture->journal), JOURNAL_FAILED);
    assert_int_equal(journal_failure(fixture->journal), -EIO);
    assert_true(journal_safe_lsn(fixture->journal) == lsn);
    publish(fixture, 1, 10, &target, &message);
    commit(fixture);
    assert_true(journal_safe_lsn(fixture->journal) == lsn);
    assert_int_equal(memory_disk_calls(fixture->disk), calls + 2); /* and nothing more */
    assert_int_equal(fixture->released, 1);
    assert_int_equal(stop_journal(fixture, true), -EIO);
    assert_int_equal(fixture->released, 3);
    memory_disk_heal(fixture->disk);
    assert_int_equal(start_journal(fixture, false), 0);
}

static void a_full_disk_holds_the_batch_until_there_is_room(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;
    uint64_t lsn = publish(fixture, 1, 10, &target, &message);

    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 2, -ENOSPC, true);
    commit(fixture);
    assert_int_equal(journal_state(fixture->journal), JOURNAL_OPEN);
    assert_true(statistics_of(fixture).starved);
    assert_true(journal_safe_lsn(fixture->journal) < lsn);
    assert_true(journal_is_writing(fixture->journal));
    memory_disk_heal(fixture->disk);
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
    assert_false(statistics_of(fixture).starved);
    assert_true(journal_safe_lsn(fixture->journal) == lsn);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 1);
}

static void a_checkpoint_that_finds_no_room_is_tried_again_later(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;

    publish(fixture, 1, 10, &target, &message);
    journal_request_checkpoint(fixture->journal);
    commit(fixture);
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 2, -ENOSPC, false);
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
    assert_int_equal(journal_state(fixture->journal), JOURNAL_OPEN);
    assert_int_equal(statistics_of(fixture).checkpoints, 0);
    for (int i = 0; i < 70; i++) {
        publish(fixture, 1, 10, &target, &message);
        journal_request_checkpoint(fixture->journal);
        commit(fixture);
    }
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
    assert_true(statistics_of(fixture).checkpoints > 0);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 71);
}

/* 99 of 100 messages are consumed: what is left may pin nothing but itself. */
static void space_comes_back_although_a_few_messages_stay(void **state) {
    struct journal_fixture *fixture = *state;
    struct journal_statistics statistics;
    uint64_t kept = 0;

    stop_journal(fixture, false);
    fixture->options.checkpoint_bytes = 4 * SEGMENT;
    assert_int_equal(start_journal(fixture, false), 0);
    for (int i = 0; i < 5000; i++) {
        struct stored_message *message;
        struct journal_target target;

        publish(fixture, 1, 2000, &target, &message);
        commit(fixture);
        if (i % 100 != 0)
            journal_settle(fixture->journal, message, target);
        else
            kept++;
    }
    for (int i = 0; i < 20; i++)
        commit(fixture);
    statistics = statistics_of(fixture);
    assert_true(statistics.relocated_bytes > 0);
    assert_int_equal(statistics.live_messages, kept);
    assert_in_range(statistics.total_bytes, 0, 2 * statistics.live_bytes + 6 * SEGMENT);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], kept);
}

static void an_idle_journal_gives_its_garbage_back(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *messages[300];
    struct journal_target targets[300];

    stop_journal(fixture, false);
    fixture->options.checkpoint_bytes = 4 * SEGMENT;
    assert_int_equal(start_journal(fixture, false), 0);
    for (int i = 0; i < 300; i++) {
        publish(fixture, 1, 4000, &targets[i], &messages[i]);
        commit(fixture);
    }
    for (int i = 0; i < 300; i++)
        journal_settle(fixture->journal, messages[i], targets[i]);
    for (int i = 0; i < 10; i++)
        commit(fixture);
    assert_in_range(statistics_of(fixture).total_bytes, 0, 2 * SEGMENT);
    for (int i = 0; i < 3; i++) {
        uint64_t batches = statistics_of(fixture).batches;

        commit(fixture);
        assert_int_equal(statistics_of(fixture).batches, batches); /* and then rests */
    }
}

/* Compaction finds out; the segment stays for a person to look at, and everything else goes on. */
static void a_message_that_cannot_be_copied_stays_where_it_is(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *messages[30];
    struct journal_target targets[30];
    uint64_t batches;
    uint8_t *octets;
    size_t len;

    for (int i = 0; i < 30; i++) {
        publish(fixture, 1, 6000, &targets[i], &messages[i]);
        commit(fixture);
    }
    assert_non_null(memory_disk_file(fixture->disk, 0, &octets, &len));
    octets[4096 + 1000] ^= 1; /* the first message */
    for (int i = 2; i < 30; i++)
        journal_settle(fixture->journal, messages[i], targets[i]);
    for (int i = 0; i < 5; i++)
        commit(fixture);
    assert_true(statistics_of(fixture).relocated_bytes > 6000); /* the second */
    assert_true(statistics_of(fixture).relocated_bytes < 7000);
    assert_int_equal(statistics_of(fixture).live_messages, 2);
    batches = statistics_of(fixture).batches;
    commit(fixture);
    assert_int_equal(statistics_of(fixture).batches, batches); /* it is not tried for ever */
    stop_journal(fixture, false);
    assert_int_equal(start_journal(fixture, false), -EBADMSG);
    assert_int_equal(start_journal(fixture, true), 0);
    assert_int_equal(fixture->found_in[1], 1);
}

static void the_older_checkpoint_stands_in(void **state) {
    struct journal_fixture *fixture = *state;
    const char *name, *newest = "";
    struct stored_message *message;
    struct journal_target target;
    uint8_t *octets, *to_damage = NULL;
    size_t len;

    for (int i = 0; i < 3; i++) {
        publish(fixture, 1, 100, &target, &message);
        journal_request_checkpoint(fixture->journal);
        commit(fixture);
        journal_collect(fixture->journal);
        journal_write_now(fixture->journal);
        journal_collect(fixture->journal);
    }
    for (size_t i = 0; (name = memory_disk_file(fixture->disk, i, &octets, &len)) != NULL; i++)
        if (strstr(name, ".lvc") != NULL && strcmp(name, newest) > 0) {
            newest = name;
            to_damage = octets + len / 2;
        }
    assert_non_null(to_damage);
    *to_damage ^= 1;
    restart(fixture);
    assert_true(fixture->report.checkpoint_damaged);
    assert_int_equal(fixture->found_in[1], 3);
    restart(fixture);
    assert_false(fixture->report.checkpoint_damaged);
    assert_int_equal(fixture->found_in[1], 3);
}

static void damage_is_named_and_salvaged(void **state) {
    struct journal_fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;
    const char *name;
    uint8_t *octets;
    size_t len;
    int quarantined = 0;

    for (int i = 0; i < 3; i++) {
        publish(fixture, 1, 3000, &target, &message);
        publish(fixture, 2, 3000, &target, &message);
        commit(fixture);
    }
    stop_journal(fixture, false);
    assert_non_null(memory_disk_file(fixture->disk, 0, &octets, &len));
    octets[4096 + 2000] ^= 1; /* in the first message of the first batch */
    assert_int_equal(start_journal(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "0000000000000001.lvj: offset 4096"));
    assert_int_equal(start_journal(fixture, true), 0);
    assert_int_equal(fixture->report.damaged_segments, 1);
    assert_int_equal(fixture->found_in[1], 2);
    assert_int_equal(fixture->found_in[2], 3);
    restart(fixture);
    assert_int_equal(fixture->found_in[1], 2);
    assert_int_equal(fixture->found_in[2], 3);
    for (size_t i = 0; (name = memory_disk_file(fixture->disk, i, &octets, &len)) != NULL; i++)
        quarantined += strcmp(name, "quarantine-0000000000000001.lvj") == 0;
    assert_int_equal(quarantined, 1);
}

static void a_segment_of_another_journal_is_refused(void **state) {
    struct journal_fixture *fixture = *state;
    struct journal_options options = {.uuid = {6}, .segment_size = SEGMENT};
    struct memory_disk *other = memory_disk_create();
    struct content_sink sink = {0};
    struct stored_message *message;
    struct journal_target target;
    uint8_t *octets, *strange;
    size_t len;
    struct journal *journal;

    publish(fixture, 1, 10, &target, &message);
    commit(fixture);
    restart(fixture); /* a second segment */
    options.io = memory_disk_io(other);
    assert_int_equal(
        read_journal(&options, &sink, false, &journal, &fixture->report, &fixture->error), 0);
    journal_put_meta(journal, 1, SLICE("a"), SLICE("b"));
    journal_submit(journal, 1);
    journal_write_now(journal);
    journal_close(journal, false);
    stop_journal(fixture, false);
    assert_non_null(memory_disk_file(other, 0, &strange, &len));
    assert_non_null(memory_disk_file(fixture->disk, 0, &octets, &len));
    memcpy(octets, strange, 4096);
    assert_int_equal(start_journal(fixture, false), -EBADMSG);
    memory_disk_destroy(other);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_lsn_is_safe_when_its_batch_is_written),
        CASE(what_is_settled_before_the_hand_over_is_never_written),
        CASE(one_of_two_targets_settled_early_leaves_the_other),
        CASE(a_settle_while_the_batch_is_under_way_is_a_record),
        CASE(a_settle_that_was_not_written_is_a_redelivery),
        CASE(a_clean_stop_writes_what_is_open_and_says_so),
        CASE(a_journal_without_records_makes_no_file),
        CASE(nothing_is_handed_over_inside_an_atomic_group),
        CASE(a_deleted_queue_needs_one_record),
        CASE(a_message_of_a_deleted_queue_that_is_still_held_stays_dead),
        CASE(definitions_are_replaced_and_deleted),
        CASE(a_queue_remembers_its_highest_sequence),
        CASE(a_message_reads_back),
        CASE(a_damaged_message_does_not_read_back),
        CASE(a_batch_larger_than_a_segment_has_one_of_its_own),
        CASE(a_failed_sync_confirms_nothing_ever_after),
        CASE(a_full_disk_holds_the_batch_until_there_is_room),
        CASE(a_checkpoint_that_finds_no_room_is_tried_again_later),
        CASE(space_comes_back_although_a_few_messages_stay),
        CASE(an_idle_journal_gives_its_garbage_back),
        CASE(a_message_that_cannot_be_copied_stays_where_it_is),
        CASE(the_older_checkpoint_stands_in),
        CASE(damage_is_named_and_salvaged),
        CASE(a_segment_of_another_journal_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
