/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of segments: entries come back, and what is malformed is refused and never believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persistence/segment_index.h"

static void entries_come_back(void **state) {
    struct journal_target targets[] = {{1, 5}, {UINT64_MAX, 1}};
    struct segment_index_entry written[] = {
        {.offset = 4160,
         .length = 40,
         .summary = {.note = "note", .body_length = 7},
         .target_count = 1,
         .targets = targets},
        {.offset = 8256, .length = 17, .target_count = 2, .targets = targets}};
    struct segment_index index = {0};
    struct segment_index_reader reader;
    struct segment_index_entry read;

    (void)state;
    for (int i = 0; i < 2; i++)
        segment_index_add(&index, &written[i]);
    segment_index_reader_init(&reader, octets_slice(&index.octets));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(segment_index_next(&reader, &read), 1);
        assert_true(read.offset == written[i].offset);
        assert_int_equal(read.length, written[i].length);
        assert_memory_equal(&read.summary, &written[i].summary, sizeof read.summary);
        assert_int_equal(read.target_count, written[i].target_count);
        assert_memory_equal(read.targets, targets, read.target_count * sizeof *targets);
    }
    assert_int_equal(segment_index_next(&reader, &read), 0);
    segment_index_reader_clear(&reader);
    segment_index_clear(&index);
}

static int first_of(struct slice octets) {
    struct segment_index_reader reader;
    struct segment_index_entry entry;
    int code;

    segment_index_reader_init(&reader, octets);
    code = segment_index_next(&reader, &entry);
    segment_index_reader_clear(&reader);
    return code;
}

static void every_truncation_is_refused(void **state) {
    struct journal_target target = {1, 300};
    struct segment_index_entry entry = {
        .offset = 4160, .length = 40, .target_count = 1, .targets = &target};
    struct segment_index index = {0};

    (void)state;
    segment_index_add(&index, &entry);
    for (size_t len = 1; len < index.octets.len; len++)
        assert_int_equal(first_of(slice_of(index.octets.data, len)), -EBADMSG);
    assert_int_equal(first_of(octets_slice(&index.octets)), 1);
    segment_index_clear(&index);
}

/* Gap, length, length of the body, number of targets; no octet of the note differs. */
static int first_of_numbers(const uint64_t numbers[4]) {
    struct octets octets = {0};
    int code;

    for (int i = 0; i < 4; i++)
        record_put_varint(&octets, numbers[i]);
    octets_append(&octets, slice_of("\0\0", 2));
    code = first_of(octets_slice(&octets));
    octets_clear(&octets);
    return code;
}

static void numbers_that_no_segment_has_are_refused(void **state) {
    static const uint64_t good[] = {1, RECORD_HEAD, 0, 0};
    static const uint64_t bad[][4] = {{(uint64_t)UINT32_MAX + 1, RECORD_HEAD, 0, 0},
                                      {1, RECORD_HEAD - 1, 0, 0},
                                      {1, (uint64_t)UINT32_MAX + 1, 0, 0},
                                      {1, RECORD_HEAD, 0, 1}};

    (void)state;
    assert_int_equal(first_of_numbers(good), 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(first_of_numbers(bad[i]), -EBADMSG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_back),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(numbers_that_no_segment_has_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
