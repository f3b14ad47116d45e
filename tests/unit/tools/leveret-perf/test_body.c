/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tools/leveret-perf/body.h"

static struct body_pattern pattern;

static int make_pattern(void **state) {
    (void)state;
    body_pattern_init(&pattern);
    return 0;
}

/* Reads a body in pieces of at most `most` octets. */
static struct body_stamp read_in_pieces(const uint8_t *body, size_t size, size_t most) {
    struct body_reader reader;

    memset(&reader, 0x5A, sizeof reader);
    body_reader_begin(&reader, size);
    for (size_t at = 0; at < size; at += most)
        body_reader_take(&reader, &pattern, body + at, size - at < most ? size - at : most);
    return body_reader_stamp(&reader);
}

static void identity_has_its_three_parts(void **state) {
    uint64_t identity = body_identity(0xABC, 4095, 0xFFFFFFFFFF);
    (void)state;
    assert_int_equal(body_identity_run(identity), 0xABC);
    assert_int_equal(body_identity_producer(identity), 4095);
    assert_true(body_identity_sequence(identity) == 0xFFFFFFFFFF);
}

static void body_of_any_size_in_any_pieces_is_intact(void **state) {
    static const size_t sizes[] = {8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 128, 1000, 40000};
    static const size_t pieces[] = {1, 3, 8, 23, 4096, 100000};
    uint8_t *body = malloc(40000);
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        body_write(&pattern, 7, 9, body, sizes[i]);
        for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
            struct body_stamp stamp = read_in_pieces(body, sizes[i], pieces[j]);
            assert_true(stamp.intact);
            assert_true(stamp.identity == body_identity(7, 9, 0));
            assert_int_equal(stamp.due_ns, 0);
        }
    }
    free(body);
}

static void due_time_is_found_behind_the_identity(void **state) {
    uint8_t body[64];
    int64_t due_ns = 123456789012345;
    (void)state;
    body_write(&pattern, 1, 2, body, sizeof body);
    memcpy(body + 8, &due_ns, sizeof due_ns);
    assert_int_equal(read_in_pieces(body, sizeof body, 5).due_ns, due_ns);
    assert_int_equal(read_in_pieces(body, sizeof body, 64).due_ns, due_ns);
}

/* Everything after the head, the copy of the identity included; the head is data. */
static void any_changed_octet_is_noticed(void **state) {
    uint8_t body[100];
    (void)state;
    for (size_t at = 16; at < sizeof body; at++) {
        body_write(&pattern, 1, 2, body, sizeof body);
        body[at] ^= 0x10;
        assert_false(read_in_pieces(body, sizeof body, sizeof body).intact);
        assert_false(read_in_pieces(body, sizeof body, 7).intact);
    }
    body_write(&pattern, 1, 2, body, sizeof body);
    body[3] ^= 1; /* identity no longer equals its copy */
    assert_false(read_in_pieces(body, sizeof body, sizeof body).intact);
}

static void swapped_frames_are_noticed(void **state) {
    size_t frame = 131072 - 8, size = 3 * frame;
    uint8_t *body = malloc(size), *swapped = malloc(size);
    (void)state;
    body_write(&pattern, 1, 2, body, size);
    memcpy(swapped, body, frame);
    memcpy(swapped + frame, body + 2 * frame, frame);
    memcpy(swapped + 2 * frame, body + frame, frame);
    assert_true(read_in_pieces(body, size, frame).intact);
    assert_false(read_in_pieces(swapped, size, frame).intact);
    free(body);
    free(swapped);
}

static void short_body_has_the_low_octets_of_the_number(void **state) {
    uint8_t body[3] = {0x11, 0x22, 0x33};
    struct body_stamp stamp;
    (void)state;
    stamp = read_in_pieces(body, sizeof body, 1);
    assert_true(stamp.intact);
    assert_int_equal(stamp.identity, 0x332211);
}

static void empty_body_is_intact(void **state) {
    (void)state;
    assert_true(read_in_pieces(NULL, 0, 1).intact);
    assert_int_equal(read_in_pieces(NULL, 0, 1).identity, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity_has_its_three_parts),
        cmocka_unit_test(body_of_any_size_in_any_pieces_is_intact),
        cmocka_unit_test(due_time_is_found_behind_the_identity),
        cmocka_unit_test(any_changed_octet_is_noticed),
        cmocka_unit_test(swapped_frames_are_noticed),
        cmocka_unit_test(short_body_has_the_low_octets_of_the_number),
        cmocka_unit_test(empty_body_is_intact),
    };
    return cmocka_run_group_tests(tests, make_pattern, NULL);
}
