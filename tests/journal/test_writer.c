/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spares, dead segments, checkpoints in pieces and the last segment of a life, step by step on a memory
 * disk: what the writer does between batches, and what it does when that fails.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "persistence/journal.h"
#include "persistence/segment.h"
#include "tests/support/memory_disk.h"
#include "tests/support/read_journal.h"

enum { SEGMENT = 64 * 1024, QUEUE = 1, BODY = 8000 };

struct fixture {
    struct memory_disk *disk;
    struct journal *journal;
    struct journal_report report;
    struct journal_error error;
    struct journal_options options;
    uint64_t sequence;
    uint64_t found, definitions;
    int wakeup; /* with a thread */
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);

    fixture->disk = memory_disk_create();
    fixture->options = (struct journal_options){.io = memory_disk_io(fixture->disk),
                                                .segment_size = SEGMENT,
                                                .first_segment_size = SEGMENT,
                                                .checkpoint_bytes = UINT64_MAX,
                                                .uuid = {5}};
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;

    journal_close(fixture->journal, false);
    assert_int_equal(memory_disk_open_handles(fixture->disk), 0);
    memory_disk_destroy(fixture->disk);
    free(fixture);
    return 0;
}

static void on_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    (void)kind;
    (void)key;
    (void)payload;
    ((struct fixture *)context)->definitions++;
}

static void on_message(void *context, struct stored_message *message,
                       const struct journal_content *content, const struct journal_target *targets,
                       size_t target_count) {
    (void)message;
    (void)content;
    (void)targets;
    ((struct fixture *)context)->found += target_count;
}

static int start(struct fixture *fixture, bool salvage) {
    struct content_sink sink = {.context = fixture, .on_meta = on_meta, .on_message = on_message};

    fixture->found = fixture->definitions = 0;
    return read_journal(&fixture->options, &sink, salvage, &fixture->journal, &fixture->report,
                        &fixture->error);
}

static int stop(struct fixture *fixture, bool clean) {
    int code = journal_close(fixture->journal, clean);

    fixture->journal = NULL;
    return code;
}

static struct journal_target publish(struct fixture *fixture, size_t len,
                                     struct stored_message **ret) {
    static const uint8_t octets[BODY];
    struct slice body = slice_of(octets, len);
    struct journal_content content = {SLICE("a"), SLICE("h"), &body, 1};
    struct journal_target target = {QUEUE, ++fixture->sequence};

    journal_append_message(fixture->journal, &content, &target, 1, NULL, NULL, ret);
    return target;
}

static void commit(struct fixture *fixture) {
    journal_submit(fixture->journal, 1);
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
}

static void publish_all(struct fixture *fixture, int count, size_t len) {
    struct stored_message *message;

    for (int i = 0; i < count; i++) {
        publish(fixture, len, &message);
        commit(fixture);
    }
}

static void checkpoint(struct fixture *fixture) {
    journal_request_checkpoint(fixture->journal);
    commit(fixture);
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
}

static struct journal_statistics statistics_of(const struct fixture *fixture) {
    struct journal_statistics statistics;

    journal_statistics(fixture->journal, &statistics);
    return statistics;
}

static void nobody_need_be_told_that_a_message_is_released(void **state) {
    struct fixture *fixture = *state;
    struct stored_message *message;
    struct journal_target target;

    assert_int_equal(start(fixture, false), 0);
    target = publish(fixture, 10, &message);
    journal_settle(fixture->journal, message, target);
    commit(fixture);
    assert_int_equal(statistics_of(fixture).live_messages, 0);
    assert_int_equal(statistics_of(fixture).batches, 0);
}

/* Thousands of definitions: the state is captured with several batches, and is that of the last one. */
static void a_large_state_is_captured_while_it_changes(void **state) {
    struct fixture *fixture = *state;
    uint64_t batches;
    char key[16];

    assert_int_equal(start(fixture, false), 0);
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%d", i);
        journal_put_meta(fixture->journal, 1, slice_of(key, strlen(key)), SLICE("x"));
    }
    commit(fixture);
    batches = statistics_of(fixture).batches;
    checkpoint(fixture);
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
    stop(fixture, false);
    assert_int_equal(start(fixture, false), 0);
    assert_int_equal(fixture->definitions, 9997);
}

static void more_spares_than_two_are_never_made(void **state) {
    struct fixture *fixture = *state;

    fixture->options.spare_segments = 5;
    assert_int_equal(start(fixture, false), 0);
    publish_all(fixture, 5, BODY);
    assert_int_equal(statistics_of(fixture).spares, 2);
}

static void a_disk_that_says_it_is_full_gets_no_spare(void **state) {
    struct fixture *fixture = *state;

    fixture->options.spare_segments = 1;
    memory_disk_set_room(fixture->disk, SEGMENT);
    assert_int_equal(start(fixture, false), 0);
    publish_all(fixture, 1, BODY);
    assert_int_equal(statistics_of(fixture).spares, 0);
    assert_true(statistics_of(fixture).disk_full);
    assert_int_equal(statistics_of(fixture).maintenance_cause, -ENOSPC);
    memory_disk_set_room(fixture->disk, SEGMENT + 1);
    publish_all(fixture, 1, BODY);
    assert_int_equal(statistics_of(fixture).spares, 1);
    assert_false(statistics_of(fixture).disk_full);
}

static void a_disk_that_cannot_say_what_is_free_is_tried(void **state) {
    struct fixture *fixture = *state;

    fixture->options.spare_segments = 1;
    memory_disk_set_room(fixture->disk, -EIO);
    assert_int_equal(start(fixture, false), 0);
    publish_all(fixture, 1, BODY);
    assert_int_equal(statistics_of(fixture).spares, 1);
}

/* The next attempt opens its file, and the allocation fails. */
static void try_spare_in_vain(struct fixture *fixture) {
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 2, -EIO, false);
    journal_retry_space(fixture->journal);
    journal_write_now(fixture->journal);
    assert_true(memory_disk_has_failed(fixture->disk));
    assert_int_equal(statistics_of(fixture).spares, 0);
    memory_disk_heal(fixture->disk);
}

/* Whatever goes well in between, be it a step of the next attempt or a checkpoint. */
static void a_cause_is_one_trouble_until_a_spare_was_made(void **state) {
    struct fixture *fixture = *state;

    assert_int_equal(start(fixture, false), 0);
    publish_all(fixture, 1, BODY);
    stop(fixture, false);
    fixture->options.spare_segments = 1;
    memory_disk_set_room(fixture->disk, SEGMENT);
    assert_int_equal(start(fixture, false), 0);
    publish_all(fixture, 1, BODY);
    assert_int_equal(statistics_of(fixture).maintenance_troubles, 1);
    memory_disk_set_room(fixture->disk, 100 * SEGMENT);
    try_spare_in_vain(fixture); /* another cause */
    assert_int_equal(statistics_of(fixture).maintenance_troubles, 2);
    assert_int_equal(statistics_of(fixture).maintenance_cause, -EIO);
    try_spare_in_vain(fixture);
    checkpoint(fixture);
    assert_int_equal(statistics_of(fixture).checkpoints, 1);
    try_spare_in_vain(fixture);
    assert_int_equal(statistics_of(fixture).maintenance_troubles, 2);
    journal_retry_space(fixture->journal);
    journal_write_now(fixture->journal);
    assert_int_equal(statistics_of(fixture).spares, 1);
    memory_disk_set_room(fixture->disk, SEGMENT);
    publish_all(fixture, 9, BODY); /* the spare is used */
    assert_int_equal(statistics_of(fixture).maintenance_troubles, 3);
}

/* Fills segments of which all but the last one hold nothing alive, and lets go of them. */
static void leave_garbage(struct fixture *fixture, int count) {
    for (int i = 0; i < count; i++) {
        struct stored_message *message;
        struct journal_target target = publish(fixture, BODY, &message);

        commit(fixture);
        journal_settle(fixture->journal, message, target);
    }
    commit(fixture);
}

static uint64_t files(struct fixture *fixture, const char *suffix) {
    const char *name;
    uint64_t count = 0;
    uint8_t *octets;
    size_t len;

    for (size_t i = 0; (name = memory_disk_file(fixture->disk, i, &octets, &len)) != NULL; i++)
        count += strstr(name, suffix) != NULL;
    return count;
}

/*
 * A spare failed, so dead segments wait until the next segment to be used again. A checkpoint that finds
 * no room takes theirs.
 */
static void dead_segments_make_room_for_a_checkpoint(void **state) {
    struct fixture *fixture = *state;
    uint64_t segments;

    assert_int_equal(start(fixture, false), 0);
    leave_garbage(fixture, 30);
    stop(fixture, false);
    fixture->options.spare_segments = 2;
    assert_int_equal(start(fixture, false), 0);
    /* The write of the batch and its sync, then the first call of the spare. */
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 3, -EIO, false);
    publish_all(fixture, 1, 10);
    assert_int_equal(statistics_of(fixture).maintenance_cause, -EIO);
    memory_disk_heal(fixture->disk);
    checkpoint(fixture);
    checkpoint(fixture);
    assert_int_equal(statistics_of(fixture).spares, 0);
    segments = files(fixture, ".lvj");
    journal_request_checkpoint(fixture->journal);
    commit(fixture);
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 2, -ENOSPC, false);
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
    assert_int_equal(statistics_of(fixture).checkpoints, 3);
    assert_int_equal(files(fixture, ".lvj"), segments - 2);
}

/* The last segment of this life is begun at its first octet already. */
static void a_stop_does_not_seal_a_segment_without_batches(void **state) {
    struct fixture *fixture = *state;
    uint64_t segments;

    assert_int_equal(start(fixture, false), 0);
    publish_all(fixture, 1, BODY);
    checkpoint(fixture);
    stop(fixture, false);
    fixture->options.checkpoint_bytes = 1;
    assert_int_equal(start(fixture, false), 0);
    segments = files(fixture, ".lvj");
    assert_int_equal(stop(fixture, true), 0);
    assert_int_equal(files(fixture, ".lvj"), segments);
    assert_int_equal(start(fixture, false), 0);
    assert_true(fixture->report.clean);
    assert_int_equal(fixture->found, 1);
}

/* Each call of a stop that has a segment to seal, a checkpoint and a last batch to write. */
static void a_clean_stop_may_fail_at_each_call(void **state) {
    struct fixture *fixture = *state;
    bool failed = true;
    int unclean = 0;

    fixture->options.checkpoint_bytes = SEGMENT;
    for (uint64_t at = 1; failed; at++) {
        int code;

        assert_int_equal(start(fixture, false), 0);
        publish_all(fixture, 6, BODY);
        memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + at, -EIO, false);
        code = stop(fixture, true);
        failed = memory_disk_has_failed(fixture->disk);
        memory_disk_heal(fixture->disk);
        assert_int_equal(start(fixture, false), 0);
        assert_int_equal(fixture->found, fixture->sequence);
        if (!fixture->report.clean)
            assert_int_equal(code, -EIO);
        unclean += !fixture->report.clean;
        stop(fixture, false);
    }
    assert_true(unclean > 1);
}

/*
 * A start copies the last batch, here one of many small messages, to a segment with no octet more than a
 * seal takes. The index does not fit then, and the messages are found without it.
 */
static void an_index_that_does_not_fit_is_left_out(void **state) {
    struct fixture *fixture = *state;
    struct stored_message *message;

    fixture->options.first_segment_size = 2 * SEGMENT_BLOCK;
    assert_int_equal(start(fixture, false), 0);
    for (int i = 0; i < 1000; i++)
        publish(fixture, (size_t)(i % 7), &message);
    commit(fixture);
    stop(fixture, false);
    assert_int_equal(start(fixture, false), 0);
    publish_all(fixture, 1, BODY);
    stop(fixture, false);
    assert_int_equal(start(fixture, false), 0);
    assert_int_equal(fixture->found, 1001);
    assert_int_equal(fixture->report.damaged_indexes, 0);
}

/* Two damaged segments are emptied with several checkpoints in between, and both are put aside. */
static void salvage_with_many_checkpoints_puts_all_damage_aside(void **state) {
    struct fixture *fixture = *state;
    uint8_t *octets;
    size_t len;

    assert_int_equal(start(fixture, false), 0);
    publish_all(fixture, 60, BODY);
    stop(fixture, false);
    for (size_t i = 0; i < 5; i++) {
        assert_non_null(memory_disk_file(fixture->disk, i, &octets, &len));
        octets[SEGMENT_BLOCK + 1000] ^= 1;
    }
    fixture->options.checkpoint_bytes = SEGMENT / 2;
    assert_int_equal(start(fixture, false), -EBADMSG);
    assert_int_equal(start(fixture, true), 0);
    assert_int_equal(fixture->report.damaged_segments, 5);
    assert_int_equal(files(fixture, "quarantine-"), 5);
    assert_int_equal(fixture->found, 55);
    stop(fixture, false);
    assert_int_equal(start(fixture, false), 0);
    assert_int_equal(fixture->found, 55);
}

static void on_batch(void *context) {
    uint64_t one = 1;

    assert_int_equal(write(((struct fixture *)context)->wakeup, &one, sizeof one), sizeof one);
}

/* With the thread: nobody has to ask again, the batch that found no room is tried until it does. */
static void a_thread_tries_again_until_there_is_room(void **state) {
    struct fixture *fixture = *state;
    struct stored_message *message;
    uint64_t count;

    fixture->wakeup = eventfd(0, EFD_CLOEXEC);
    fixture->options.threaded = true;
    fixture->options.notify = on_batch;
    fixture->options.notify_context = fixture;
    assert_int_equal(start(fixture, false), 0);
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 1, -ENOSPC, false);
    publish(fixture, 10, &message);
    journal_submit(fixture->journal, 1);
    assert_int_equal(read(fixture->wakeup, &count, sizeof count), sizeof count);
    journal_collect(fixture->journal);
    assert_true(journal_safe_lsn(fixture->journal) == 1);
    assert_true(memory_disk_has_failed(fixture->disk));
    stop(fixture, false);
    close(fixture->wakeup);
    assert_int_equal(start(fixture, false), 0);
    assert_int_equal(fixture->found, 1);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(nobody_need_be_told_that_a_message_is_released),
        CASE(a_large_state_is_captured_while_it_changes),
        CASE(more_spares_than_two_are_never_made),
        CASE(a_disk_that_says_it_is_full_gets_no_spare),
        CASE(a_disk_that_cannot_say_what_is_free_is_tried),
        CASE(a_cause_is_one_trouble_until_a_spare_was_made),
        CASE(dead_segments_make_room_for_a_checkpoint),
        CASE(a_stop_does_not_seal_a_segment_without_batches),
        CASE(a_clean_stop_may_fail_at_each_call),
        CASE(an_index_that_does_not_fit_is_left_out),
        CASE(salvage_with_many_checkpoints_puts_all_damage_aside),
        CASE(a_thread_tries_again_until_there_is_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
