/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal as the broker runs it: a writer thread, real files in a temporary directory. Built
 * with ThreadSanitizer this is also the proof that the two threads share nothing but what they hand
 * over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "persistence/journal.h"
#include "tests/support/read_journal.h"
#include "persistence/segment.h"

enum { QUEUE = 3, MESSAGES = 4000, SEGMENT = 256 * 1024 };

struct fixture {
    char directory[64];
    struct io *io;
    struct journal *journal;
    struct journal_report report;
    int wakeup;
    uint32_t dead_kept_ms;
    uint64_t released;
    uint64_t found;
    uint64_t found_sum;
};

static void on_batch(void *context) {
    const struct fixture *fixture = context;
    uint64_t one = 1;

    assert_int_equal(write(fixture->wakeup, &one, sizeof one), sizeof one);
}

static void on_message(void *context, struct stored_message *message,
                       const struct journal_content *content, const struct journal_target *targets,
                       size_t target_count) {
    struct fixture *fixture = context;

    (void)message;
    assert_int_equal(target_count, 1);
    assert_true(slice_equal(content->address, SLICE("address")));
    fixture->found++;
    fixture->found_sum += targets[0].sequence;
}

static int open_journal(struct fixture *fixture) {
    struct journal_options options = {.io = fixture->io,
                                      .segment_size = SEGMENT,
                                      .first_segment_size = SEGMENT / 4,
                                      .checkpoint_bytes = 2 * SEGMENT,
                                      .spare_segments = 2,
                                      .dead_kept_ms = fixture->dead_kept_ms,
                                      .uuid = {9, 9},
                                      .threaded = true,
                                      .notify = on_batch,
                                      .notify_context = fixture};
    struct content_sink sink = {.context = fixture, .on_message = on_message};
    struct journal_error error;

    fixture->found = fixture->found_sum = 0;
    return read_journal(&options, &sink, false, &fixture->journal, &fixture->report, &error);
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);

    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/leveret-journal-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    assert_int_equal(io_posix_open(fixture->directory, &fixture->io), 0);
    fixture->wakeup = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(open_journal(fixture), 0);
    *state = fixture;
    return 0;
}

static void remove_file(void *context, const char *name) {
    struct io *io = context;

    if (name[0] != '.')
        io->ops->unlink(io, name);
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;

    journal_close(fixture->journal, false);
    fixture->io->ops->list(fixture->io, remove_file, fixture->io);
    io_posix_close(fixture->io);
    assert_int_equal(rmdir(fixture->directory), 0);
    close(fixture->wakeup);
    free(fixture);
    return 0;
}

static void wait_for_writer(struct fixture *fixture) {
    uint64_t count;

    assert_int_equal(read(fixture->wakeup, &count, sizeof count), sizeof count);
    journal_collect(fixture->journal);
    assert_int_equal(journal_state(fixture->journal), JOURNAL_OPEN);
}

static void on_release(void *owner) {
    struct fixture *fixture = owner;

    fixture->released++;
}

static uint64_t publish(struct fixture *fixture, uint64_t sequence, struct stored_message **ret) {
    static const uint8_t octets[5000];
    struct slice body = slice_of(octets, sequence % sizeof octets);
    struct journal_content content = {SLICE("address"), SLICE("header"), &body, 1};
    struct journal_target target = {QUEUE, sequence};

    return journal_append_message(fixture->journal, &content, &target, 1, on_release, fixture, ret);
}

static void settle(struct fixture *fixture, struct stored_message *message, uint64_t sequence) {
    journal_settle(fixture->journal, message, (struct journal_target){QUEUE, sequence});
}

static void messages_survive_a_restart_and_settled_ones_do_not(void **state) {
    struct fixture *fixture = *state;
    struct stored_message **messages = calloc(MESSAGES + 1, sizeof *messages);
    struct journal_statistics statistics;
    uint64_t expected_sum = 0, expected = 0, lsn = 0;

    for (uint64_t sequence = 1; sequence <= MESSAGES; sequence++) {
        lsn = publish(fixture, sequence, &messages[sequence]);
        if (sequence > 50 && sequence % 20 != 10)
            settle(fixture, messages[sequence - 50], sequence - 50);
        if (sequence % 10 == 0)
            journal_submit(fixture->journal, (int64_t)sequence);
        if (sequence % 30 == 0)
            journal_collect(fixture->journal);
        if (sequence % 100 == 0 && journal_is_writing(fixture->journal))
            wait_for_writer(fixture);
    }
    while (journal_safe_lsn(fixture->journal) < lsn) {
        journal_submit(fixture->journal, MESSAGES);
        if (journal_is_writing(fixture->journal))
            wait_for_writer(fixture);
    }
    assert_int_equal(fixture->released, MESSAGES);
    for (uint64_t sequence = 1; sequence <= MESSAGES; sequence++) {
        if (sequence + 50 <= MESSAGES && (sequence + 50) % 20 != 10)
            continue;
        expected++;
        expected_sum += sequence;
    }
    journal_statistics(fixture->journal, &statistics);
    while (statistics.checkpoints == 0) {
        wait_for_writer(fixture); /* it was due long ago and is on its way */
        journal_statistics(fixture->journal, &statistics);
    }
    assert_int_equal(statistics.live_messages, expected);
    assert_int_equal(journal_close(fixture->journal, true), 0);
    assert_int_equal(open_journal(fixture), 0);
    assert_true(fixture->report.clean);
    assert_int_equal(fixture->found, expected);
    assert_int_equal(fixture->found_sum, expected_sum);
    free(messages);
}

/* The second spare waits for a quiet moment, or for the segment to fill up. */
static void spares_are_made_when_nobody_publishes(void **state) {
    struct fixture *fixture = *state;
    struct journal_statistics statistics = {0};
    struct stored_message *message;

    for (uint64_t sequence = 4001; sequence <= 4020;
         sequence++) { /* past half of a first segment */
        uint64_t lsn = publish(fixture, sequence, &message);

        journal_submit(fixture->journal, 1);
        while (journal_safe_lsn(fixture->journal) < lsn)
            wait_for_writer(fixture);
    }
    do {
        poll(NULL, 0, 1); /* nothing tells of a spare */
        journal_statistics(fixture->journal, &statistics);
    } while (statistics.spares < 2);
    assert_true(statistics.batches >= 20);
}

static void count_segment(void *context, const char *name) {
    unsigned *count = context;

    *count += strstr(name, ".lvj") != NULL;
}

/* While nobody publishes; the checkpoints go on that free what was settled. */
static unsigned count_segments_later(struct fixture *fixture) {
    unsigned count = 0;

    poll(NULL, 0, 1); /* nothing tells of a segment that goes */
    journal_collect(fixture->journal);
    journal_submit(fixture->journal, 1);
    fixture->io->ops->list(fixture->io, count_segment, &count);
    return count;
}

/* The one in use and two spares stay. */
static void dead_segments_that_no_flood_needs_go_after_a_while(void **state) {
    struct fixture *fixture = *state;
    struct stored_message *messages[600];

    journal_close(fixture->journal, false);
    fixture->dead_kept_ms = 100;
    assert_int_equal(open_journal(fixture), 0);
    for (uint64_t i = 0; i < 600; i++) {
        uint64_t lsn = publish(fixture, 4001 + i, &messages[i]);

        journal_submit(fixture->journal, 1);
        while (journal_safe_lsn(fixture->journal) < lsn)
            wait_for_writer(fixture);
    }
    for (uint64_t i = 0; i < 600; i++)
        settle(fixture, messages[i], 4001 + i);
    while (count_segments_later(fixture) > 3)
        continue;
}

static void a_stop_without_notice_is_not_clean(void **state) {
    struct fixture *fixture = *state;
    struct stored_message *message;
    uint64_t lsn = publish(fixture, 1, &message);

    journal_submit(fixture->journal, 1);
    while (journal_safe_lsn(fixture->journal) < lsn)
        wait_for_writer(fixture);
    journal_close(fixture->journal, false);
    assert_int_equal(open_journal(fixture), 0);
    assert_false(fixture->report.clean);
    assert_int_equal(fixture->found, 1);
}

static void nothing_is_made_before_the_first_record(void **state) {
    struct fixture *fixture = *state;
    struct stat status;
    char name[128];

    journal_submit(fixture->journal, 1);
    assert_false(journal_is_writing(fixture->journal));
    snprintf(name, sizeof name, "%s/%016d.lvj", fixture->directory, 1);
    assert_int_equal(stat(name, &status), -1);
    assert_int_equal(errno, ENOENT);
}

static void files_are_for_the_owner_alone(void **state) {
    struct fixture *fixture = *state;
    struct stored_message *message;
    uint64_t lsn = publish(fixture, 1, &message);
    struct stat status;
    char name[128];

    journal_submit(fixture->journal, 1);
    while (journal_safe_lsn(fixture->journal) < lsn)
        wait_for_writer(fixture);
    snprintf(name, sizeof name, "%s/%016d.lvj", fixture->directory, 1);
    assert_int_equal(stat(name, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_second_process_is_kept_out(void **state) {
    struct fixture *fixture = *state;
    struct io *second;

    assert_int_equal(io_posix_open(fixture->directory, &second), -EWOULDBLOCK);
    assert_int_equal(chmod(fixture->directory, 0720), 0);
    assert_int_equal(io_posix_open(fixture->directory, &second), -EPERM);
    assert_int_equal(chmod(fixture->directory, 0700), 0);
}

static void a_symbolic_link_is_no_journal(void **state) {
    struct fixture *fixture = *state;
    char name[128];
    struct io *second;

    snprintf(name, sizeof name, "%s.link", fixture->directory);
    assert_int_equal(symlink(fixture->directory, name), 0);
    assert_true(io_posix_open(name, &second) < 0);
    assert_int_equal(unlink(name), 0);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(messages_survive_a_restart_and_settled_ones_do_not),
        CASE(spares_are_made_when_nobody_publishes),
        CASE(dead_segments_that_no_flood_needs_go_after_a_while),
        CASE(a_stop_without_notice_is_not_clean),
        CASE(nothing_is_made_before_the_first_record),
        CASE(files_are_for_the_owner_alone),
        CASE(a_second_process_is_kept_out),
        CASE(a_symbolic_link_is_no_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
