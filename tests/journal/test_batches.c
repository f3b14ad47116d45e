/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches read from files that were forged or cut: whatever stands there, a batch counts only as a
 * whole, and nothing is read beyond what is there.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/forged_segment.h"
#include "tests/support/memory_disk.h"

enum { MIB = 1024 * 1024 };

static const uint8_t uuid[16] = {5};

struct fixture {
    struct memory_disk *disk;
    struct io *io;
    struct forged forged;
    struct octets buffer;
    struct batch_header header;
    bool header_valid;
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);

    fixture->disk = memory_disk_create();
    fixture->io = memory_disk_io(fixture->disk);
    fixture->forged = forge(uuid, 1);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;

    octets_clear(&fixture->buffer);
    memory_disk_destroy(fixture->disk);
    free(fixture);
    return 0;
}

static const struct forged_record small = {9, 1, RECORD_SKIPPABLE, 0, {(const uint8_t *)"?", 1}};

static struct segment_place place_at(uint64_t offset) {
    return (struct segment_place){uuid, 1, offset};
}

/* What reading the batch at `offset` says when the file holds the first `len` octets. */
static int read_batch(struct fixture *fixture, size_t len, uint64_t offset, uint64_t limit) {
    struct segment_place place = place_at(offset);
    int handle, code;

    if (memory_disk_calls(fixture->disk) == 0)
        forge_file(fixture->io, &fixture->forged);
    memory_disk_truncate(fixture->disk, "0000000000000001.lvj", len);
    handle = fixture->io->ops->open_read(fixture->io, "0000000000000001.lvj");
    code = segment_read_batch(fixture->io, handle, &place, limit, &fixture->buffer,
                              &fixture->header, &fixture->header_valid);
    fixture->io->ops->close(fixture->io, handle);
    return code;
}

static void a_whole_batch_is_valid(void **state) {
    struct fixture *fixture = *state;

    forge_records(&fixture->forged, 1, 0, &small, 1);
    assert_int_equal(read_batch(fixture, FORGED_SIZE, SEGMENT_BLOCK, FORGED_SIZE), 0);
    assert_true(fixture->header_valid);
    assert_true(fixture->header.index == 1);
}

static void a_record_of_another_batch_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct forged_record strange = small;

    strange.batch = 2;
    forge_records(&fixture->forged, 1, 0, &strange, 1);
    assert_int_equal(read_batch(fixture, FORGED_SIZE, SEGMENT_BLOCK, FORGED_SIZE), -EBADMSG);
    assert_true(fixture->header_valid);
}

/* The header anew, with another number of records or another checksum over them. */
static void change_header(struct fixture *fixture, uint32_t more_records, uint32_t crc_bits) {
    struct segment_place place = place_at(SEGMENT_BLOCK);
    uint8_t *at = fixture->forged.octets + SEGMENT_BLOCK;
    struct batch_header header;

    assert_int_equal(batch_header_decode(slice_of(at, BATCH_HEADER), &place, &header), 0);
    header.record_count += more_records;
    header.payload_crc ^= crc_bits;
    batch_header_encode(&header, &place, at);
}

static void a_wrong_number_of_records_is_refused(void **state) {
    struct fixture *fixture = *state;

    forge_records(&fixture->forged, 1, 0, &small, 1);
    change_header(fixture, 1, 0);
    assert_int_equal(read_batch(fixture, FORGED_SIZE, SEGMENT_BLOCK, FORGED_SIZE), -EBADMSG);
}

static void a_wrong_checksum_over_the_heads_is_refused(void **state) {
    struct fixture *fixture = *state;

    forge_records(&fixture->forged, 1, 0, &small, 1);
    change_header(fixture, 0, 1);
    assert_int_equal(read_batch(fixture, FORGED_SIZE, SEGMENT_BLOCK, FORGED_SIZE), -EBADMSG);
}

static void nothing_is_read_beyond_the_limit(void **state) {
    struct fixture *fixture = *state;

    forge_records(&fixture->forged, 1, 0, &small, 1);
    assert_int_equal(read_batch(fixture, FORGED_SIZE, SEGMENT_BLOCK, SEGMENT_BLOCK - 1), -EBADMSG);
    assert_int_equal(read_batch(fixture, FORGED_SIZE, SEGMENT_BLOCK, 2 * SEGMENT_BLOCK - 1),
                     -EBADMSG);
    assert_int_equal(read_batch(fixture, FORGED_SIZE, SEGMENT_BLOCK, 2 * SEGMENT_BLOCK), 0);
}

static void a_file_cut_inside_a_batch_has_none(void **state) {
    static const uint8_t octets[2 * SEGMENT_BLOCK];
    struct fixture *fixture = *state;
    struct forged_record large = small;

    large.body = slice_of(octets, sizeof octets);
    forge_records(&fixture->forged, 1, 0, &large, 1);
    assert_int_equal(read_batch(fixture, 4 * SEGMENT_BLOCK, SEGMENT_BLOCK, FORGED_SIZE), 0);
    assert_int_equal(read_batch(fixture, 4 * SEGMENT_BLOCK - 1, SEGMENT_BLOCK, FORGED_SIZE),
                     -EBADMSG);
    assert_true(fixture->header_valid);
    assert_int_equal(read_batch(fixture, 2 * SEGMENT_BLOCK - 1, SEGMENT_BLOCK, FORGED_SIZE),
                     -EBADMSG);
    assert_false(fixture->header_valid);
}

/* A file of two MiB with a batch with this index at `offset`, and where it is found from block 1 on. */
static int find_batch(struct fixture *fixture, uint64_t offset, uint64_t index, uint64_t least,
                      uint64_t limit, uint64_t *ret_offset) {
    struct segment_place place = place_at(offset);
    struct batch_header header = {.length = BATCH_HEADER, .index = index};
    uint8_t octets[BATCH_HEADER], zero = 0;
    int handle = fixture->io->ops->open_new(fixture->io, "file"), found;

    batch_header_encode(&header, &place, octets);
    assert_int_equal(io_write_octets(fixture->io, handle, octets, sizeof octets, offset), 0);
    assert_int_equal(io_write_octets(fixture->io, handle, &zero, 1, 2 * MIB - 1), 0);
    found =
        segment_find_batch(fixture->io, handle, place_at(SEGMENT_BLOCK), limit, least, ret_offset);
    fixture->io->ops->close(fixture->io, handle);
    return found;
}

static void a_batch_is_found_far_behind(void **state) {
    uint64_t offset = 0;

    assert_int_equal(find_batch(*state, MIB + 8 * SEGMENT_BLOCK, 7, 7, 2 * MIB, &offset), 1);
    assert_int_equal(offset, MIB + 8 * SEGMENT_BLOCK);
}

static void an_older_batch_is_not_the_next(void **state) {
    uint64_t offset;

    assert_int_equal(find_batch(*state, 3 * SEGMENT_BLOCK, 7, 8, 2 * MIB, &offset), 0);
}

static void the_search_ends_with_the_file(void **state) {
    uint64_t offset;

    assert_int_equal(find_batch(*state, 3 * SEGMENT_BLOCK, 7, 8, 100 * (uint64_t)MIB, &offset), 0);
    assert_in_range(memory_disk_calls(((struct fixture *)*state)->disk), 4, 9);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_whole_batch_is_valid),
        CASE(a_record_of_another_batch_is_refused),
        CASE(a_wrong_number_of_records_is_refused),
        CASE(a_wrong_checksum_over_the_heads_is_refused),
        CASE(nothing_is_read_beyond_the_limit),
        CASE(a_file_cut_inside_a_batch_has_none),
        CASE(a_batch_is_found_far_behind),
        CASE(an_older_batch_is_not_the_next),
        CASE(the_search_ends_with_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
