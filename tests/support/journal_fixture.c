/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/journal_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/read_journal.h"

const uint8_t journal_fixture_uuid[16] = {5};

struct journal_fixture *journal_fixture_create(uint64_t segment_size) {
    struct journal_fixture *fixture = calloc(1, sizeof *fixture);

    fixture->disk = memory_disk_create();
    fixture->options = (struct journal_options){.segment_size = segment_size,
                                                .first_segment_size = segment_size,
                                                .checkpoint_bytes = UINT64_MAX};
    memcpy(fixture->options.uuid, journal_fixture_uuid, sizeof journal_fixture_uuid);
    return fixture;
}

void journal_fixture_destroy(struct journal_fixture *fixture) {
    stop_journal(fixture, false);
    assert_int_equal(memory_disk_open_handles(fixture->disk), 0);
    memory_disk_destroy(fixture->disk);
    free(fixture);
}

static void on_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    (void)kind;
    (void)key;
    (void)payload;
    ((struct journal_fixture *)context)->definitions++;
}

static void on_queue(void *context, uint64_t queue_id, uint64_t highest_sequence) {
    ((struct journal_fixture *)context)->highest[queue_id] = highest_sequence;
}

static void on_message(void *context, struct stored_message *message,
                       const struct journal_content *content, const struct journal_target *targets,
                       size_t target_count) {
    struct journal_fixture *fixture = context;

    (void)content;
    fixture->found_message = message;
    fixture->found += target_count;
    for (size_t i = 0; i < target_count; i++)
        fixture->found_in[targets[i].queue_id]++;
}

static void on_unreadable(void *context, int error, const struct journal_target *targets,
                          size_t target_count) {
    (void)targets;
    assert_true(error == -EBADMSG || error == -EIO);
    ((struct journal_fixture *)context)->unreadable += target_count;
}

static void on_progress(void *context, uint64_t done_bytes, uint64_t total_bytes) {
    struct journal_fixture *fixture = context;

    assert_true(done_bytes >= fixture->progress_done);
    fixture->progress_done = done_bytes;
    fixture->progress_total = total_bytes;
}

static void forget_what_was_found(struct journal_fixture *fixture) {
    fixture->found = fixture->definitions = fixture->unreadable = fixture->progress_done = 0;
    memset(fixture->found_in, 0, sizeof fixture->found_in);
    memset(fixture->highest, 0, sizeof fixture->highest);
}

int start_journal(struct journal_fixture *fixture, bool salvage) {
    struct content_sink sink = {.context = fixture,
                                .on_meta = on_meta,
                                .on_queue = on_queue,
                                .on_message = on_message,
                                .on_unreadable = on_unreadable,
                                .on_progress = on_progress};
    int code;

    assert_null(fixture->journal);
    forget_what_was_found(fixture);
    fixture->options.io = memory_disk_io(fixture->disk);
    code = read_journal(&fixture->options, &sink, salvage, &fixture->journal, &fixture->report,
                        &fixture->error);
    if (code < 0)
        fixture->journal = NULL;
    return code;
}

int stop_journal(struct journal_fixture *fixture, bool clean) {
    int code = journal_close(fixture->journal, clean);

    fixture->journal = NULL;
    return code;
}

int try_start(struct journal_fixture *fixture, bool salvage) {
    int code = start_journal(fixture, salvage);

    stop_journal(fixture, false);
    return code;
}

void commit(struct journal_fixture *fixture) {
    journal_submit(fixture->journal, 1);
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
}

struct journal_statistics statistics_of(const struct journal_fixture *fixture) {
    struct journal_statistics statistics;

    journal_statistics(fixture->journal, &statistics);
    return statistics;
}

struct journal_target publish_message(struct journal_fixture *fixture, size_t len,
                                      struct stored_message **ret) {
    static const uint8_t octets[160 * 1024];
    struct slice body = slice_of(octets, len);
    struct journal_content content = {SLICE("a"), SLICE("h"), &body, 1};
    struct journal_target target = {1, ++fixture->sequences[1]};

    assert_in_range(len, 0, sizeof octets);
    journal_append_message(fixture->journal, &content, &target, 1, NULL, NULL, ret);
    return target;
}

void publish_messages(struct journal_fixture *fixture, int count, size_t len) {
    struct stored_message *message;

    for (int i = 0; i < count; i++) {
        publish_message(fixture, len, &message);
        commit(fixture);
    }
}

void make_checkpoint(struct journal_fixture *fixture) {
    journal_request_checkpoint(fixture->journal);
    commit(fixture);
    journal_write_now(fixture->journal);
    journal_collect(fixture->journal);
}

uint64_t count_files(struct journal_fixture *fixture, const char *part) {
    const char *name;
    uint64_t count = 0;
    uint8_t *octets;
    size_t len;

    for (size_t i = 0; (name = memory_disk_file(fixture->disk, i, &octets, &len)) != NULL; i++)
        count += strstr(name, part) != NULL;
    return count;
}
