/* SPDX-License-Identifier: Apache-2.0 */
/* How a segment's file comes into being, on a memory disk that can allocate and on one that cannot. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persistence/segment.h"
#include "tests/support/memory_disk.h"

/* How many steps it took, however its file system makes it; how the last one ended. */
static unsigned make_segment_of(struct memory_disk *disk, uint64_t size,
                                struct segment_maker *maker, int *ret_done) {
    static const struct segment_content nothing;
    unsigned steps = 1;

    *maker = (struct segment_maker){.header = {.number = 1, .size = size}, .handle = -1};
    while ((*ret_done = segment_maker_step(maker, memory_disk_io(disk), &nothing)) == 0)
        steps++;
    return steps;
}

/* A segment of two and a half slices. */
static unsigned make_segment(struct memory_disk *disk, struct segment_maker *maker) {
    int done;

    return make_segment_of(disk, 5 << 19, maker, &done);
}

/* Its name, its header, and zeros up to its size. */
static void assert_empty_segment(struct memory_disk *disk) {
    struct segment_header header;
    uint8_t *octets;
    size_t len;

    assert_string_equal(memory_disk_file(disk, 0, &octets, &len), "0000000000000001.lvj");
    assert_int_equal(len, 5 << 19);
    assert_int_equal(segment_header_decode(octets, &header), 0);
    for (size_t at = SEGMENT_BLOCK; at < len; at++)
        assert_int_equal(octets[at], 0);
}

static void a_segment_is_allocated_at_once(void **state) {
    struct memory_disk *disk = memory_disk_create();
    struct segment_maker maker;

    (void)state;
    assert_int_equal(make_segment(disk, &maker), 3);
    assert_true(maker.handle >= 0 && maker.written == 0);
    assert_empty_segment(disk);
    memory_disk_destroy(disk);
}

static void a_file_system_that_cannot_allocate_is_written(void **state) {
    struct memory_disk *disk = memory_disk_create();
    struct segment_maker maker;

    (void)state;
    memory_disk_refuse_allocation(disk);
    assert_int_equal(make_segment(disk, &maker), 6);
    assert_true(maker.handle >= 0 && maker.written == maker.header.size);
    assert_empty_segment(disk);
    memory_disk_destroy(disk);
}

static void a_full_disk_shows_when_a_segment_is_allocated(void **state) {
    struct memory_disk *disk = memory_disk_create();
    struct segment_maker maker;
    uint8_t *octets;
    size_t len;

    (void)state;
    memory_disk_fail(disk, 2, -ENOSPC, false);
    make_segment(disk, &maker);
    assert_true(memory_disk_has_failed(disk));
    assert_int_equal(maker.handle, -1);
    assert_null(memory_disk_file(disk, 0, &octets, &len));
    memory_disk_destroy(disk);
}

static void a_size_that_no_zeros_divide_is_written_to_its_end(void **state) {
    struct memory_disk *disk = memory_disk_create();
    struct segment_maker maker;
    uint8_t *octets;
    size_t len;
    int done;

    (void)state;
    memory_disk_refuse_allocation(disk);
    make_segment_of(disk, SEGMENT_ZEROS + 3 * SEGMENT_BLOCK, &maker, &done);
    assert_int_equal(done, 1);
    assert_non_null(memory_disk_file(disk, 0, &octets, &len));
    assert_int_equal(len, SEGMENT_ZEROS + 3 * SEGMENT_BLOCK);
    memory_disk_destroy(disk);
}

/* The calls are those for the file, the allocation, then writes and syncs by turns. */
static void a_write_of_zeros_that_fails_leaves_no_file(void **state) {
    struct memory_disk *disk = memory_disk_create();
    struct segment_maker maker;
    uint8_t *octets;
    size_t len;
    int done;

    (void)state;
    memory_disk_refuse_allocation(disk);
    memory_disk_fail(disk, 3, -EIO, false);
    make_segment_of(disk, 5 << 19, &maker, &done);
    assert_int_equal(done, -EIO);
    assert_int_equal(maker.handle, -1);
    assert_null(memory_disk_file(disk, 0, &octets, &len));
    memory_disk_destroy(disk);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_allocated_at_once),
        cmocka_unit_test(a_file_system_that_cannot_allocate_is_written),
        cmocka_unit_test(a_full_disk_shows_when_a_segment_is_allocated),
        cmocka_unit_test(a_size_that_no_zeros_divide_is_written_to_its_end),
        cmocka_unit_test(a_write_of_zeros_that_fails_leaves_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
