/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real files: writes that go past the page cache and writes that do not, over each other and beside
 * each other, are read as they were written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "persistence/io.h"

enum { FILE_SIZE = 1024 * 1024, LARGE = 2 * IO_DIRECT_MIN, BLOCK = IO_DIRECT_ALIGNMENT };

struct fixture {
    char directory[64];
    struct io *io;
    int handle;
    uint8_t *octets;           /* aligned, LARGE + BLOCK of them */
    uint8_t wanted[FILE_SIZE]; /* what the file must be */
    uint8_t turn;
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);

    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/leveret-io-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    assert_int_equal(io_posix_open(fixture->directory, &fixture->io), 0);
    fixture->handle = fixture->io->ops->open_new(fixture->io, "file");
    assert_true(fixture->handle >= 0);
    assert_int_equal(fixture->io->ops->allocate(fixture->io, fixture->handle, FILE_SIZE), 0);
    fixture->octets = aligned_alloc(BLOCK, LARGE + BLOCK);
    assert_non_null(fixture->octets);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;

    fixture->io->ops->close(fixture->io, fixture->handle);
    fixture->io->ops->unlink(fixture->io, "file");
    io_posix_close(fixture->io);
    rmdir(fixture->directory);
    free(fixture->octets);
    free(fixture);
    return 0;
}

static void assert_file_is_as_wanted(struct fixture *fixture) {
    uint8_t *found = malloc(FILE_SIZE);
    int handle = fixture->io->ops->open_read(fixture->io, "file");

    assert_non_null(found);
    assert_true(handle >= 0);
    assert_int_equal(io_read_all(fixture->io, handle, found, FILE_SIZE, 0), FILE_SIZE);
    assert_memory_equal(found, fixture->wanted, FILE_SIZE);
    fixture->io->ops->close(fixture->io, handle);
    free(found);
}

/* Octets that no other write has, from `skew` behind an aligned address on. */
static struct iovec new_piece(struct fixture *fixture, size_t skew, size_t len) {
    uint8_t *at = fixture->octets + skew;

    fixture->turn++;
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(fixture->turn + i / 251);
    return (struct iovec){at, len};
}

static void write_and_check(struct fixture *fixture, struct iovec *pieces, int count,
                            uint64_t offset) {
    uint8_t *at = fixture->wanted + offset;

    for (int i = 0; i < count; i++) {
        memcpy(at, pieces[i].iov_base, pieces[i].iov_len);
        at += pieces[i].iov_len;
    }
    assert_int_equal(io_write_all(fixture->io, fixture->handle, pieces, count, offset), 0);
    assert_file_is_as_wanted(fixture);
    assert_int_equal(fixture->io->ops->sync(fixture->io, fixture->handle), 0);
    assert_file_is_as_wanted(fixture);
}

static void write_one(struct fixture *fixture, size_t skew, size_t len, uint64_t offset) {
    struct iovec piece = new_piece(fixture, skew, len);

    write_and_check(fixture, &piece, 1, offset);
}

static void large_and_small_writes_mix(void **state) {
    struct fixture *fixture = *state;

    write_one(fixture, 0, LARGE, BLOCK);         /* blocks that nobody wrote */
    write_one(fixture, 0, LARGE, BLOCK);         /* and those again */
    write_one(fixture, 0, 100, BLOCK + 300);     /* a little in them */
    write_one(fixture, 0, LARGE, 0);             /* over that, and before */
    write_one(fixture, 0, 3 * BLOCK, LARGE);     /* behind it */
    write_one(fixture, 0, LARGE, LARGE - BLOCK); /* over that */
    write_one(fixture, 0, LARGE, FILE_SIZE - LARGE);
}

static void a_large_write_may_be_aligned_in_no_way(void **state) {
    struct fixture *fixture = *state;

    write_one(fixture, 8, LARGE, 0);         /* its address */
    write_one(fixture, 0, LARGE - 1, BLOCK); /* its length */
    write_one(fixture, 0, LARGE, BLOCK / 2); /* its place */
    write_one(fixture, 8, LARGE - 1, 77);
}

static void a_large_piece_may_have_others_behind_it(void **state) {
    struct fixture *fixture = *state;
    struct iovec pieces[] = {new_piece(fixture, 0, LARGE), new_piece(fixture, LARGE, BLOCK)};
    struct iovec reversed[] = {new_piece(fixture, LARGE, BLOCK), new_piece(fixture, 0, LARGE)};

    write_and_check(fixture, pieces, 2, BLOCK);
    write_and_check(fixture, reversed, 2, 3 * BLOCK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(large_and_small_writes_mix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_write_may_be_aligned_in_no_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_piece_may_have_others_behind_it, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
