/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no crash leaves behind: files that are missing, cut short, forged, of a newer version or of
 * nobody. Each is refused with the file and the offset, and salvage keeps what can be kept.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "amqp/writer.h"
#include "persistence/crc32c.h"
#include "persistence/journal.h"
#include "persistence/segment.h"
#include "tests/support/forged_segment.h"
#include "tests/support/journal_fixture.h"

enum { SEGMENT = 32 * 1024, QUEUE = 1 };

static int set_up(void **state) {
    struct journal_fixture *fixture = journal_fixture_create(SEGMENT);

    fixture->options.checkpoint_bytes = 0; /* as many as usual */
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    journal_fixture_destroy(*state);
    return 0;
}

/* `count` messages of 3000 octets, each in its batch; 7 of them fill a segment. */
static void write_messages(struct journal_fixture *fixture, int count, bool checkpoints) {
    static const uint8_t octets[3000];
    struct slice body = slice_of(octets, sizeof octets);
    struct journal_content content = {SLICE("a"), SLICE("h"), &body, 1};
    struct stored_message *message;

    assert_int_equal(start_journal(fixture, false), 0);
    journal_put_meta(fixture->journal, 1, SLICE("definition"), SLICE("x"));
    for (int i = 0; i < count; i++) {
        struct journal_target target = {QUEUE, (uint64_t)i + 1};

        journal_append_message(fixture->journal, &content, &target, 1, NULL, NULL, &message);
        if (checkpoints && i % 8 == 7)
            journal_request_checkpoint(fixture->journal);
        commit(fixture);
        journal_write_now(fixture->journal);
        journal_collect(fixture->journal);
    }
    stop_journal(fixture, false);
}

static uint8_t *file(struct journal_fixture *fixture, const char *wanted, size_t *ret_len) {
    const char *name;
    uint8_t *octets;

    for (size_t i = 0; (name = memory_disk_file(fixture->disk, i, &octets, ret_len)) != NULL; i++)
        if (strcmp(name, wanted) == 0)
            return octets;
    fail_msg("there is no %s", wanted);
    return NULL;
}

static void remove_file(struct journal_fixture *fixture, const char *name) {
    struct io *io = memory_disk_io(fixture->disk);

    assert_int_equal(io->ops->unlink(io, name), 0);
}

static void put_u32(uint8_t *at, uint32_t value) {
    struct writer w = writer_over(at, 4);

    writer_u32(&w, value);
}

/* ---- forged segments ---- */

static int start_forged(struct journal_fixture *fixture, uint8_t type, uint8_t version,
                        uint16_t flags, struct slice body) {
    struct forged forged = forge(journal_fixture_uuid, 1);

    forge_batch(&forged, 1, type, version, flags, body);
    forge_file(memory_disk_io(fixture->disk), &forged);
    return try_start(fixture, false);
}

static void a_record_of_a_newer_version_is_refused(void **state) {
    struct journal_fixture *fixture = *state;

    assert_int_equal(start_forged(fixture, 7, 1, 0, SLICE("?")), -EPROTONOSUPPORT);
    assert_non_null(strstr(fixture->error.text, "0000000000000001.lvj: offset 4160"));
}

static void a_newer_version_of_a_known_record_is_refused(void **state) {
    assert_int_equal(start_forged(*state, RECORD_META_PUT, 2, 0, SLICE("?")), -EPROTONOSUPPORT);
}

static void a_skippable_record_is_passed_over(void **state) {
    struct journal_fixture *fixture = *state;

    assert_int_equal(start_forged(fixture, 9, 1, RECORD_SKIPPABLE, SLICE("?")), 0);
    assert_int_equal(fixture->report.last_index, 1);
}

static void malformed_records_are_damage(void **state) {
    static const struct {
        uint8_t type;
        size_t len;
    } malformed[] = {{RECORD_META_PUT, 3},    {RECORD_META_DELETE, 0}, {RECORD_MESSAGE, 23},
                     {RECORD_SETTLE, 7},      {RECORD_SETTLE, 9},      {RECORD_QUEUE_DELETE, 7},
                     {RECORD_QUEUE_DELETE, 9}};
    static const uint8_t octets[32];
    struct journal_fixture *fixture = *state;

    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        assert_int_equal(
            start_forged(fixture, malformed[i].type, 1, 0, slice_of(octets, malformed[i].len)),
            -EBADMSG);
        assert_non_null(strstr(fixture->error.text, "malformed record"));
        assert_int_equal(try_start(fixture, true), 0);
        memory_disk_destroy(fixture->disk);
        fixture->disk = memory_disk_create();
    }
}

static void a_batch_that_goes_back_is_damage_and_left_out(void **state) {
    struct journal_fixture *fixture = *state;
    struct forged forged = forge(journal_fixture_uuid, 1);

    for (uint64_t index = 1; index < 4; index++)
        forge_batch(&forged, index, 9, 1, RECORD_SKIPPABLE, SLICE("?"));
    forge_batch(&forged, 2, 9, 1, RECORD_SKIPPABLE, SLICE("?"));
    forge_batch(&forged, 4, 9, 1, RECORD_SKIPPABLE, SLICE("?"));
    forge_file(memory_disk_io(fixture->disk), &forged);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "offset 16384: batch out of order"));
    assert_int_equal(try_start(fixture, true), 0);
    assert_int_equal(fixture->report.last_index, 4);
    assert_int_equal(try_start(fixture, false), 0);
}

static void a_length_beyond_the_file_is_a_torn_tail(void **state) {
    struct journal_fixture *fixture = *state;
    struct forged forged = forge(journal_fixture_uuid, 1);
    struct segment_place place = {journal_fixture_uuid, 1, 2 * SEGMENT_BLOCK};
    struct batch_header header = {.length = UINT64_MAX - 5, .index = 2};

    forge_batch(&forged, 1, 9, 1, RECORD_SKIPPABLE, SLICE("?"));
    batch_header_encode(&header, &place, forged.octets + place.offset);
    forge_file(memory_disk_io(fixture->disk), &forged);
    assert_int_equal(try_start(fixture, false), 0);
    assert_true(fixture->report.torn_tail);
    assert_int_equal(fixture->report.torn_offset, 2 * SEGMENT_BLOCK);
    assert_int_equal(fixture->report.last_index, 1);
}

/* ---- versions ---- */

static void a_newer_segment_is_refused_untouched(void **state) {
    struct journal_fixture *fixture = *state;
    struct io *io = memory_disk_io(fixture->disk);
    uint8_t *octets;
    size_t len;

    write_messages(fixture, 3, false);
    octets = file(fixture, "0000000000000001.lvj", &len);
    octets[9] = FORMAT_MAJOR + 1;
    put_u32(octets + 12, 0);
    put_u32(octets + 12, crc32c(0, octets, SEGMENT_BLOCK));
    io->ops->close(io, io->ops->open_new(io, "0000000000000009.tmp"));
    memory_disk_start_recording(fixture->disk);
    assert_int_equal(try_start(fixture, true), -EPROTONOSUPPORT);
    assert_int_equal(memory_disk_operations(fixture->disk), 1); /* the directory's sync */
    assert_non_null(strstr(fixture->error.text, "newer version"));
}

static void a_newer_checkpoint_is_refused_untouched(void **state) {
    struct journal_fixture *fixture = *state;
    uint8_t seed[24] = {0};
    const char *name;
    uint8_t *octets;
    size_t len;

    write_messages(fixture, 8, true);
    memory_disk_start_recording(fixture->disk);
    for (size_t i = 0; (name = memory_disk_file(fixture->disk, i, &octets, &len)) != NULL; i++) {
        if (strstr(name, ".lvc") == NULL)
            continue;
        octets[9] = FORMAT_MAJOR + 1;
        put_u32(octets + 12, 0);
        memcpy(seed, journal_fixture_uuid, sizeof journal_fixture_uuid);
        memcpy(seed + 16, octets + 40, 8);
        put_u32(octets + 12, crc32c(crc32c(0, seed, sizeof seed), octets, len));
    }
    assert_int_equal(try_start(fixture, true), -EPROTONOSUPPORT);
    assert_int_equal(memory_disk_operations(fixture->disk), 1);
}

/* ---- missing and cut files ---- */

static void a_missing_segment_of_the_checkpoint_is_named(void **state) {
    struct journal_fixture *fixture = *state;

    write_messages(fixture, 30, true);
    remove_file(fixture, "0000000000000002.lvj");
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "0000000000000002.lvj"));
    assert_int_equal(try_start(fixture, true), 0);
    assert_in_range(fixture->found, 20, 29);
    assert_int_equal(fixture->definitions, 1);
    assert_int_equal(try_start(fixture, false), 0);
    assert_in_range(fixture->found, 20, 29);
}

/* Its header is whole, but that of another number. */
static void a_segment_under_another_number_is_none(void **state) {
    struct journal_fixture *fixture = *state;
    struct io *io = memory_disk_io(fixture->disk);

    write_messages(fixture, 30, false);
    assert_int_equal(io->ops->rename(io, "0000000000000002.lvj", "00000000000000ff.lvj"), 0);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_int_equal(try_start(fixture, true), 0);
    assert_in_range(fixture->found, 20, 29);
    assert_int_equal(try_start(fixture, false), 0);
    assert_in_range(fixture->found, 20, 29);
}

static void a_missing_segment_behind_the_checkpoint_is_found_out(void **state) {
    struct journal_fixture *fixture = *state;

    write_messages(fixture, 30, false);
    remove_file(fixture, "0000000000000002.lvj");
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "batches before it are missing"));
    assert_int_equal(try_start(fixture, true), 0);
    assert_in_range(fixture->found, 20, 29);
    assert_int_equal(try_start(fixture, false), 0);
}

static void the_first_segment_missing_is_found_out(void **state) {
    struct journal_fixture *fixture = *state;

    write_messages(fixture, 30, false);
    remove_file(fixture, "0000000000000001.lvj");
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_int_equal(try_start(fixture, true), 0);
    assert_in_range(fixture->found, 20, 29);
    assert_int_equal(fixture->definitions, 0); /* it was in there, and no checkpoint had it */
}

static void a_segment_cut_anywhere_is_torn_or_damaged(void **state) {
    struct journal_fixture *fixture = *state;
    struct memory_disk *intact;

    write_messages(fixture, 5, false);
    intact = fixture->disk;
    for (size_t len = 0; len < SEGMENT; len += 512) {
        int code;

        fixture->disk = memory_disk_copy(intact);
        memory_disk_truncate(fixture->disk, "0000000000000001.lvj", len);
        code = try_start(fixture, false);
        if (len < SEGMENT_BLOCK)
            assert_int_equal(code, -EBADMSG);
        else
            assert_int_equal(code, 0);
        /* Batches end at 8, 12, 16, 20 and 24 KiB. */
        if (code == 0)
            assert_int_equal(fixture->found, len < 8192 ? 0 : len >= 24576 ? 5 : len / 4096 - 1);
        memory_disk_destroy(fixture->disk);
    }
    fixture->disk = intact;
}

static void a_cut_segment_in_the_middle_is_damage(void **state) {
    struct journal_fixture *fixture = *state;

    write_messages(fixture, 30, false);
    memory_disk_truncate(fixture->disk, "0000000000000002.lvj", 3 * SEGMENT_BLOCK + 100);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_int_equal(try_start(fixture, true), 0);
    assert_in_range(fixture->found, 22, 29);
    assert_int_equal(try_start(fixture, false), 0);
}

static void no_checkpoint_left_is_damage_and_salvage_reads_everything(void **state) {
    struct journal_fixture *fixture = *state;
    const char *name;
    uint8_t *octets;
    size_t len;

    write_messages(fixture, 30, true);
    for (size_t i = 0; (name = memory_disk_file(fixture->disk, i, &octets, &len)) != NULL; i++)
        if (strstr(name, ".lvc") != NULL)
            octets[len - 1] ^= 1;
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "checkpoints"));
    assert_int_equal(try_start(fixture, true), 0);
    assert_int_equal(fixture->found, 30);
    assert_int_equal(fixture->definitions, 1);
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->found, 30);
}

/*
 * One long-lived message in each segment's worth of settled ones: compaction has moved it, more
 * than once.
 */
static void write_relocated(struct journal_fixture *fixture, int kept) {
    static const uint8_t octets[3000];
    struct slice body = slice_of(octets, sizeof octets);
    struct journal_content content = {SLICE("a"), SLICE("h"), &body, 1};
    struct journal_statistics statistics;
    struct stored_message *message;

    assert_int_equal(start_journal(fixture, false), 0);
    for (int i = 0; i < kept * 20; i++) {
        struct journal_target target = {QUEUE, (uint64_t)i + 1};

        journal_append_message(fixture->journal, &content, &target, 1, NULL, NULL, &message);
        commit(fixture);
        if (i % 20 != 0)
            journal_settle(fixture->journal, message, target);
        if (i % 10 == 9)
            journal_request_checkpoint(fixture->journal);
    }
    for (int i = 0; i < 10; i++) {
        journal_request_checkpoint(fixture->journal);
        commit(fixture);
        journal_write_now(fixture->journal);
        journal_collect(fixture->journal);
    }
    journal_statistics(fixture->journal, &statistics);
    assert_true(statistics.relocated_bytes > 0);
    assert_true(statistics.unlinked_segments > 0);
    stop_journal(fixture, false);
}

static void salvage_without_checkpoints_finds_what_compaction_moved(void **state) {
    struct journal_fixture *fixture = *state;
    const char *name;
    uint8_t *octets;
    size_t len;

    write_relocated(fixture, 10);
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->found, 10);
    for (size_t i = 0; (name = memory_disk_file(fixture->disk, i, &octets, &len)) != NULL; i++)
        if (strstr(name, ".lvc") != NULL)
            octets[len - 1] ^= 1;
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_int_equal(try_start(fixture, true), 0);
    assert_in_range(fixture->found, 10, 30); /* settled ones whose settles went may come back */
    assert_int_equal(try_start(fixture, false), 0);
    assert_in_range(fixture->found, 10, 30);
}

/* ---- what is none of our business ---- */

static void strange_names_are_left_alone(void **state) {
    struct journal_fixture *fixture = *state;
    struct io *io = memory_disk_io(fixture->disk);
    size_t len;

    write_messages(fixture, 3, false);
    io->ops->close(io, io->ops->open_new(io, "notes.txt"));
    io->ops->close(io, io->ops->open_new(io, "quarantine-0000000000000001.lvj"));
    io->ops->close(io, io->ops->open_new(io, "0000000000000077.tmp"));
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->found, 3);
    file(fixture, "notes.txt", &len);
    file(fixture, "quarantine-0000000000000001.lvj", &len);
    assert_int_equal(io->ops->open_read(io, "0000000000000077.tmp"), -ENOENT);
    file(fixture, "0000000000000078.lvj", &len); /* numbers go on above everything seen */
}

static void progress_is_told(void **state) {
    struct journal_fixture *fixture = *state;

    write_messages(fixture, 30, false);
    assert_int_equal(try_start(fixture, false), 0);
    assert_true(fixture->progress_done > 0);
    assert_true(fixture->progress_done <= fixture->progress_total);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_record_of_a_newer_version_is_refused),
        CASE(a_newer_version_of_a_known_record_is_refused),
        CASE(a_skippable_record_is_passed_over),
        CASE(malformed_records_are_damage),
        CASE(a_batch_that_goes_back_is_damage_and_left_out),
        CASE(a_length_beyond_the_file_is_a_torn_tail),
        CASE(a_newer_segment_is_refused_untouched),
        CASE(a_newer_checkpoint_is_refused_untouched),
        CASE(a_missing_segment_of_the_checkpoint_is_named),
        CASE(a_segment_under_another_number_is_none),
        CASE(a_missing_segment_behind_the_checkpoint_is_found_out),
        CASE(the_first_segment_missing_is_found_out),
        CASE(a_segment_cut_anywhere_is_torn_or_damaged),
        CASE(a_cut_segment_in_the_middle_is_damage),
        CASE(no_checkpoint_left_is_damage_and_salvage_reads_everything),
        CASE(salvage_without_checkpoints_finds_what_compaction_moved),
        CASE(strange_names_are_left_alone),
        CASE(progress_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
