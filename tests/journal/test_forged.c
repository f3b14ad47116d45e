/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts from directories that no broker left: forged checkpoints, statements and indexes, valid in
 * every checksum. What they say is compared with what is there, and no lie is handed out as a message.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "persistence/checkpoint.h"
#include "persistence/segment_index.h"
#include "tests/support/forged_segment.h"
#include "tests/support/journal_fixture.h"

enum { QUEUE = 1, BODY = 64 };

static int set_up(void **state) {
    struct journal_fixture *fixture = journal_fixture_create(FORGED_SIZE);

    fixture->options.checkpoint_bytes = 0; /* as many as usual */
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    journal_fixture_destroy(*state);
    return 0;
}

/* A batch with message number `sequence`; where its record is. */
static uint64_t put_message(struct forged *forged, uint64_t index, uint64_t sequence) {
    uint8_t body[BODY];
    struct forged_record record = {RECORD_MESSAGE, 1, 0, 0, forge_message(body, QUEUE, sequence)};

    return forge_records(forged, index, 0, &record, 1);
}

static const struct forged_record definition = {
    RECORD_META_PUT, 1, 0, 0, {(const uint8_t *)"\1\0\0\0\0", 5}};

/* The batch that seals, with an index of one entry, which is for message 1. */
static void seal_with_index(struct forged *forged, uint64_t index, uint64_t offset,
                            uint32_t length) {
    struct journal_target target = {QUEUE, 1};
    struct segment_index_entry entry = {.offset = offset,
                                        .length = length,
                                        .summary = {.note = "a", .body_length = 1},
                                        .target_count = 1,
                                        .targets = &target};
    struct segment_index octets = {0};
    struct forged_record record = {RECORD_INDEX, 1, 0, 0, {0}};

    segment_index_add(&octets, &entry);
    record.body = octets_slice(&octets.octets);
    forge_records(forged, index, BATCH_SEAL, &record, 1);
    segment_index_clear(&octets);
}

enum { MESSAGE_LENGTH = RECORD_HEAD + RECORD_MESSAGE_FIXED + RECORD_TARGET + 3 };

/* ---- indexes ---- */

/* One message, and an index that says where it is. */
static int start_indexed(struct journal_fixture *fixture, uint64_t offset, uint32_t length) {
    struct forged forged = forge(journal_fixture_uuid, 1);

    forge_records(&forged, 1, 0, &definition, 1);
    put_message(&forged, 2, 1);
    seal_with_index(&forged, 3, offset, length);
    forge_file(memory_disk_io(fixture->disk), &forged);
    return try_start(fixture, false);
}

enum { AT_DEFINITION = SEGMENT_BLOCK + BATCH_HEADER, AT_MESSAGE = AT_DEFINITION + SEGMENT_BLOCK };

static void an_index_that_is_right_is_believed(void **state) {
    struct journal_fixture *fixture = *state;

    assert_int_equal(start_indexed(fixture, AT_MESSAGE, MESSAGE_LENGTH), 0);
    assert_int_equal(fixture->found, 1);
    assert_int_equal(fixture->report.damaged_indexes, 0);
}

static void an_index_of_what_is_no_message_is_found_out_by_the_reader(void **state) {
    struct journal_fixture *fixture = *state;

    assert_int_equal(start_indexed(fixture, AT_DEFINITION, RECORD_HEAD + 5), 0);
    assert_int_equal(fixture->found, 0);
    assert_int_equal(fixture->unreadable, 1);
}

static void an_index_with_a_longer_message_is_found_out_by_the_reader(void **state) {
    struct journal_fixture *fixture = *state;

    assert_int_equal(start_indexed(fixture, AT_MESSAGE, MESSAGE_LENGTH + RECORD_ALIGNMENT), 0);
    assert_int_equal(fixture->found, 0);
    assert_int_equal(fixture->unreadable, 1);
}

static void an_index_that_points_outside_is_none(void **state) {
    static const struct {
        uint64_t offset;
        uint32_t length;
    } outside[] = {{SEGMENT_BLOCK, MESSAGE_LENGTH},
                   {3 * SEGMENT_BLOCK, MESSAGE_LENGTH},
                   {AT_MESSAGE, SEGMENT_BLOCK}};
    struct journal_fixture *fixture = *state;

    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        assert_int_equal(start_indexed(fixture, outside[i].offset, outside[i].length), 0);
        assert_int_equal(fixture->found, 1);
        assert_int_equal(fixture->report.damaged_indexes, 1);
        memory_disk_destroy(fixture->disk);
        fixture->disk = memory_disk_create();
    }
}

/* Sealed with something else, or with an index of a later version: it is walked through. */
static void a_seal_without_an_index_is_enough(void **state) {
    struct forged_record seals[] = {definition, {RECORD_INDEX, 2, RECORD_SKIPPABLE, 0, {0}}};
    struct journal_fixture *fixture = *state;
    struct forged forged = forge(journal_fixture_uuid, 1);

    put_message(&forged, 1, 1);
    forge_records(&forged, 2, BATCH_SEAL, seals, 2);
    forge_file(memory_disk_io(fixture->disk), &forged);
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->found, 1);
}

static void a_message_of_a_later_version_is_passed_over(void **state) {
    struct forged_record later = {RECORD_MESSAGE, 2, RECORD_SKIPPABLE, 0, {0}};
    struct journal_fixture *fixture = *state;
    struct forged forged = forge(journal_fixture_uuid, 1);

    forge_records(&forged, 1, 0, &later, 1);
    put_message(&forged, 2, 1);
    forge_file(memory_disk_io(fixture->disk), &forged);
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->found, 1);
}

/* ---- statements ---- */

static void of_two_ends_the_earlier_one_holds(void **state) {
    struct journal_fixture *fixture = *state;
    struct forged first = forge(journal_fixture_uuid, 1),
                  second = forge_successor(journal_fixture_uuid, 2, 1, 3 * SEGMENT_BLOCK),
                  third = forge_successor(journal_fixture_uuid, 3, 1, 4 * SEGMENT_BLOCK);

    for (uint64_t index = 1; index < 5; index++)
        put_message(&first, index, index);
    put_message(&second, 3, 5);
    put_message(&third, 3, 6);
    forge_file(memory_disk_io(fixture->disk), &first);
    forge_file(memory_disk_io(fixture->disk), &second);
    forge_file(memory_disk_io(fixture->disk), &third);
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->found, 3); /* two of the first segment, and that of the third */
}

/* ---- checkpoints ---- */

/* Messages 1 to `live_count` live. */
static void put_checkpoint(struct journal_fixture *fixture, struct checkpoint *checkpoint,
                           uint64_t live_count) {
    struct live_set live = {0};
    struct definitions definitions = {0};
    struct checkpoint_state state;
    struct octets octets;
    char name[CHECKPOINT_NAME_SIZE];
    int handle;

    for (uint64_t sequence = 1; sequence <= live_count; sequence++)
        live_set_add(&live, QUEUE, sequence);
    checkpoint_capture_begin(&state, &live, &definitions);
    while (!checkpoint_capture_step(&state, &live, &definitions, 10))
        continue;
    state.queue_count += checkpoint->queue_count;
    checkpoint_encode(&octets, journal_fixture_uuid, checkpoint, &state);
    checkpoint_name(name, checkpoint->index);
    handle = memory_disk_io(fixture->disk)->ops->open_new(memory_disk_io(fixture->disk), name);
    assert_int_equal(
        io_write_octets(memory_disk_io(fixture->disk), handle, octets.data, octets.len, 0), 0);
    memory_disk_io(fixture->disk)->ops->close(memory_disk_io(fixture->disk), handle);
    octets_clear(&octets);
    checkpoint_state_clear(&state);
    live_set_clear(&live);
    definitions_clear(&definitions);
}

/*
 * Two segments with three messages each, the first sealed as batch 4, and a checkpoint that says this of
 * the first one and the truth of the second.
 */
static void put_listed(struct journal_fixture *fixture, struct checkpoint_segment first) {
    struct forged one = forge(journal_fixture_uuid, 1), two = forge(journal_fixture_uuid, 2);
    struct checkpoint_segment listed[] = {first, {.number = 2, .first_index = 5, .last_index = 7}};
    struct checkpoint checkpoint = {
        .index = 7, .end_index = 7, .next_segment = 3, .segments = listed, .segment_count = 2};

    for (uint64_t index = 1; index < 4; index++)
        put_message(&one, index, index);
    seal_with_index(&one, 4, AT_DEFINITION, MESSAGE_LENGTH);
    for (uint64_t index = 5; index < 8; index++)
        put_message(&two, index, index - 1);
    listed[1].end = two.end;
    forge_file(memory_disk_io(fixture->disk), &one);
    forge_file(memory_disk_io(fixture->disk), &two);
    put_checkpoint(fixture, &checkpoint, 6);
}

static const struct checkpoint_segment truth = {.number = 1,
                                                .first_index = 1,
                                                .last_index = 4,
                                                .end = 5 * SEGMENT_BLOCK,
                                                .seal_offset = 4 * SEGMENT_BLOCK};

static void verification_does_not_take_the_index_for_granted(void **state) {
    struct journal_fixture *fixture = *state;

    put_listed(fixture, truth); /* whose index has but one of three messages */
    fixture->options.verify = true;
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->found, 6);
}

static void a_checkpoint_with_another_last_batch_than_the_index_is_found_out(void **state) {
    struct journal_fixture *fixture = *state;
    struct checkpoint_segment lie = truth;

    lie.last_index = 3;
    put_listed(fixture, lie);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "the segment ends too early"));
    assert_int_equal(try_start(fixture, true), 0);
    assert_int_equal(fixture->found, 6);
}

static void a_checkpoint_that_wants_more_than_is_sealed_is_found_out(void **state) {
    struct journal_fixture *fixture = *state;
    struct checkpoint_segment lie = truth;

    lie.end += SEGMENT_BLOCK;
    lie.seal_offset = 0;
    put_listed(fixture, lie);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "the segment ends too early"));
    assert_int_equal(try_start(fixture, true), 0);
    assert_int_equal(fixture->found, 6);
}

static void a_checkpoint_with_a_seal_beyond_the_file_is_walked_past(void **state) {
    struct journal_fixture *fixture = *state;
    struct checkpoint_segment lie = truth;

    lie.seal_offset = 100 * FORGED_SIZE;
    put_listed(fixture, lie);
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->report.damaged_indexes, 1);
    assert_int_equal(fixture->found, 6);
}

/* Nothing in it is expected, so nothing is found missing but its messages. */
static void a_segment_listed_as_empty_is_not_read(void **state) {
    static const struct checkpoint_segment empty = {.number = 1, .end = SEGMENT_BLOCK};
    struct journal_fixture *fixture = *state;

    put_listed(fixture, empty);
    assert_int_equal(try_start(fixture, true), 0);
    assert_int_equal(fixture->found, 3);
}

static void a_message_that_is_malformed_is_found_out_by_the_reader(void **state) {
    struct forged_record malformed = {RECORD_MESSAGE, 1, 0, 0, SLICE("short")};
    struct journal_fixture *fixture = *state;
    struct forged one = forge(journal_fixture_uuid, 1), two = forge(journal_fixture_uuid, 2);
    struct checkpoint_segment listed[] = {
        {.number = 1, .first_index = 1, .last_index = 2},
        {.number = 2, .first_index = 3, .last_index = 3, .end = 2 * SEGMENT_BLOCK}};
    struct checkpoint checkpoint = {
        .index = 3, .end_index = 3, .next_segment = 3, .segments = listed, .segment_count = 2};

    forge_records(&one, 1, 0, &malformed, 1);
    listed[0].seal_offset = one.end;
    seal_with_index(&one, 2, AT_DEFINITION, RECORD_HEAD + 5);
    listed[0].end = one.end;
    put_message(&two, 3, 2);
    forge_file(memory_disk_io(fixture->disk), &one);
    forge_file(memory_disk_io(fixture->disk), &two);
    put_checkpoint(fixture, &checkpoint, 2);
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->found, 1);
    assert_int_equal(fixture->unreadable, 1);
}

static void a_checkpoint_of_no_segments_is_a_state(void **state) {
    struct journal_fixture *fixture = *state;
    struct checkpoint checkpoint = {.index = 0, .next_segment = 5};

    put_checkpoint(fixture, &checkpoint, 0);
    assert_int_equal(try_start(fixture, false), 0);
    assert_int_equal(fixture->found, 0);
    assert_int_equal(try_start(fixture, false), 0);
}

static void a_checkpoint_with_less_state_than_it_says_is_refused(void **state) {
    struct journal_fixture *fixture = *state;
    struct checkpoint checkpoint = {.index = 1, .end_index = 1, .queue_count = 100};

    put_checkpoint(fixture, &checkpoint, 1);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "malformed"));
}

/* ---- a state that got ahead of the journal ---- */

/* Batches 1 to 3, a checkpoint of batch 1 whose state stands on all of them. */
static void put_ahead(struct journal_fixture *fixture, struct forged *forged, uint64_t end_index) {
    struct checkpoint_segment listed = {
        .number = 1, .first_index = 1, .last_index = 1, .end = 2 * SEGMENT_BLOCK};
    struct checkpoint checkpoint = {.index = 1,
                                    .end_index = end_index,
                                    .next_segment = 2,
                                    .segments = &listed,
                                    .segment_count = 1};

    forge_file(memory_disk_io(fixture->disk), forged);
    put_checkpoint(fixture, &checkpoint, 1);
}

/* Two messages in a batch, of which the first is damaged. */
static void put_half(struct forged *forged, uint64_t index) {
    uint8_t bodies[2][BODY];
    struct forged_record records[2] = {
        {RECORD_MESSAGE, 1, 0, 0, forge_message(bodies[0], QUEUE, index * 10)},
        {RECORD_MESSAGE, 1, 0, 0, forge_message(bodies[1], QUEUE, index * 10 + 1)}};
    uint64_t at = forge_records(forged, index, 0, records, 2);

    forged->octets[at + RECORD_HEAD + 1] ^= 1;
}

static void a_damaged_batch_that_a_checkpoint_stands_on_is_no_torn_tail(void **state) {
    struct journal_fixture *fixture = *state;
    struct forged forged = forge(journal_fixture_uuid, 1);

    put_message(&forged, 1, 1);
    put_message(&forged, 2, 2);
    put_half(&forged, 3);
    put_ahead(fixture, &forged, 3);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "offset 12288: invalid batch"));
    assert_int_equal(try_start(fixture, true), 0);
    assert_int_equal(fixture->found, 3); /* what is whole of the damaged batch is kept */
}

static void batches_that_a_checkpoint_stands_on_must_be_there(void **state) {
    struct journal_fixture *fixture = *state;
    struct forged forged = forge(journal_fixture_uuid, 1);

    for (uint64_t index = 1; index < 8; index++) /* up to the end of the file */
        put_message(&forged, index, index);
    put_ahead(fixture, &forged, 9);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "batches that it stands on are missing"));
    assert_int_equal(try_start(fixture, true), 0);
    assert_int_equal(fixture->found, 7);
}

/* ---- what is left of damaged batches ---- */

static void what_is_left_is_of_batches_that_can_be_there(void **state) {
    uint8_t bodies[2][BODY];
    struct forged_record records[2] = {
        {RECORD_MESSAGE, 1, 0, 0, forge_message(bodies[0], QUEUE, 2)},
        {RECORD_MESSAGE, 1, 0, 1000, forge_message(bodies[1], QUEUE, 3)}};
    struct journal_fixture *fixture = *state;
    struct forged forged = forge(journal_fixture_uuid, 1);

    put_message(&forged, 1, 1);
    forge_records(&forged, 2, 0, records, 2);
    put_message(&forged, 3, 4);
    forge_file(memory_disk_io(fixture->disk), &forged);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_int_equal(try_start(fixture, true), 0);
    assert_int_equal(fixture->found, 3); /* not the one that says it is of batch 1000 */
}

static void salvage_does_not_pass_over_what_a_newer_version_wrote(void **state) {
    struct forged_record records[] = {definition, {9, 1, 0, 0, SLICE("new")}};
    struct journal_fixture *fixture = *state;
    struct forged forged = forge(journal_fixture_uuid, 1);
    uint64_t at = forge_records(&forged, 1, 0, records, 2);

    forged.octets[at + RECORD_HEAD] ^= 1;
    put_message(&forged, 2, 1);
    forge_file(memory_disk_io(fixture->disk), &forged);
    assert_int_equal(try_start(fixture, true), -EPROTONOSUPPORT);
    assert_non_null(strstr(fixture->error.text, "newer version"));
}

/* Torn at its end as it seems, but a later segment goes on. */
static void put_torn_end_that_is_none(struct journal_fixture *fixture) {
    struct forged first = forge(journal_fixture_uuid, 1), second = forge(journal_fixture_uuid, 2);

    put_message(&first, 1, 1);
    put_half(&first, 2);
    put_message(&second, 3, 3);
    seal_with_index(&second, 4, AT_DEFINITION, MESSAGE_LENGTH);
    forge_file(memory_disk_io(fixture->disk), &first);
    forge_file(memory_disk_io(fixture->disk), &second);
}

static void a_torn_end_that_is_none_is_not_reported_as_one(void **state) {
    struct journal_fixture *fixture = *state;

    put_torn_end_that_is_none(fixture);
    assert_int_equal(try_start(fixture, false), -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "a later segment goes on behind it"));
    assert_int_equal(try_start(fixture, true), 0);
    assert_false(fixture->report.torn_tail);
    assert_int_equal(fixture->found, 3);
}

/* ---- every call of a start failing ---- */

/*
 * A directory with all that a start has to deal with: temporaries, superseded and unlisted segments,
 * damaged and old checkpoints, and, with `damaged`, batches for salvage.
 */
static void put_everything(struct journal_fixture *fixture, bool damaged) {
    struct forged first = forge(journal_fixture_uuid, 1),
                  second = forge_successor(journal_fixture_uuid, 2, 1, 4 * SEGMENT_BLOCK),
                  third = forge(journal_fixture_uuid, 3);
    struct checkpoint_segment listed[] = {
        {.number = 1, .first_index = 1, .last_index = 1, .end = 2 * SEGMENT_BLOCK}};
    struct checkpoint checkpoint = {
        .index = 1, .end_index = 1, .segments = listed, .segment_count = 1};
    struct io *io = memory_disk_io(fixture->disk);

    for (uint64_t index = 1; index < 5; index++)
        put_message(&first, index, index);
    put_message(&second, 4, 4);
    if (damaged)
        put_half(&second, 5);
    forge_records(&second, damaged ? 6 : 5, BATCH_SEAL, &definition, 1);
    put_message(&third, damaged ? 7 : 6, 7);
    forge_file(io, &first);
    forge_file(io, &second);
    forge_file(io, &third);
    put_checkpoint(fixture, &checkpoint, 1);
    for (const char *const *name =
             (const char *const[]){"0000000000000000.lvc", "0000000000000002.lvc", "a-file.tmp",
                                   "another.tmp", NULL};
         *name != NULL; name++)
        io->ops->close(io, io->ops->open_new(io, *name));
}

/*
 * Whatever fails, nothing is lost by it and the next start finds what an undisturbed one would. But
 * salvage takes what it cannot read for damage, and puts it aside.
 */
static void fail_each_call(struct journal_fixture *fixture, bool salvage) {
    struct memory_disk *intact = fixture->disk;
    uint64_t expected;
    bool failed = true;

    fixture->disk = memory_disk_copy(intact);
    assert_int_equal(try_start(fixture, salvage), 0);
    expected = fixture->found;
    memory_disk_destroy(fixture->disk);
    for (uint64_t at = 1; failed; at++) {
        fixture->disk = memory_disk_copy(intact);
        memory_disk_fail(fixture->disk, at, -EIO, false);
        if (try_start(fixture, salvage) < 0)
            assert_true(strlen(fixture->error.text) > 0);
        failed = memory_disk_has_failed(fixture->disk);
        assert_int_equal(memory_disk_open_handles(fixture->disk), 0);
        memory_disk_heal(fixture->disk);
        assert_int_equal(try_start(fixture, salvage), 0);
        if (!salvage)
            assert_int_equal(fixture->found, expected);
        assert_int_equal(try_start(fixture, false), 0);
        memory_disk_destroy(fixture->disk);
    }
    fixture->disk = intact;
}

static void a_start_may_fail_at_each_call(void **state) {
    put_everything(*state, false);
    fail_each_call(*state, false);
}

static void salvage_may_fail_at_each_call(void **state) {
    put_everything(*state, true);
    fail_each_call(*state, true);
}

static void salvage_behind_an_end_that_is_none_may_fail_at_each_call(void **state) {
    put_torn_end_that_is_none(*state);
    fail_each_call(*state, true);
}

/* ---- who wants to know nothing ---- */

static void a_sink_may_want_nothing(void **state) {
    struct journal_fixture *fixture = *state;
    struct forged forged = forge(journal_fixture_uuid, 1);
    struct replay_sink sink = {0};

    put_message(&forged, 1, 1);
    forge_records(&forged, 2, 0, &definition, 1);
    forge_file(memory_disk_io(fixture->disk), &forged);
    fixture->options.io = memory_disk_io(fixture->disk);
    assert_int_equal(journal_open(&fixture->options, &sink, false, &fixture->journal,
                                  &fixture->report, &fixture->error),
                     0);
    assert_int_equal(fixture->report.messages, 1);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(an_index_that_is_right_is_believed),
        CASE(an_index_of_what_is_no_message_is_found_out_by_the_reader),
        CASE(an_index_with_a_longer_message_is_found_out_by_the_reader),
        CASE(an_index_that_points_outside_is_none),
        CASE(a_seal_without_an_index_is_enough),
        CASE(a_message_of_a_later_version_is_passed_over),
        CASE(of_two_ends_the_earlier_one_holds),
        CASE(verification_does_not_take_the_index_for_granted),
        CASE(a_checkpoint_with_another_last_batch_than_the_index_is_found_out),
        CASE(a_checkpoint_that_wants_more_than_is_sealed_is_found_out),
        CASE(a_checkpoint_with_a_seal_beyond_the_file_is_walked_past),
        CASE(a_segment_listed_as_empty_is_not_read),
        CASE(a_message_that_is_malformed_is_found_out_by_the_reader),
        CASE(a_checkpoint_of_no_segments_is_a_state),
        CASE(a_checkpoint_with_less_state_than_it_says_is_refused),
        CASE(a_damaged_batch_that_a_checkpoint_stands_on_is_no_torn_tail),
        CASE(batches_that_a_checkpoint_stands_on_must_be_there),
        CASE(what_is_left_is_of_batches_that_can_be_there),
        CASE(salvage_does_not_pass_over_what_a_newer_version_wrote),
        CASE(a_torn_end_that_is_none_is_not_reported_as_one),
        CASE(a_start_may_fail_at_each_call),
        CASE(salvage_may_fail_at_each_call),
        CASE(salvage_behind_an_end_that_is_none_may_fail_at_each_call),
        CASE(a_sink_may_want_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
