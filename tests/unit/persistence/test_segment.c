/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and headers of segments and batches: what was written is read, and only where it was
 * written.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "amqp/writer.h"
#include "persistence/crc32c.h"
#include "persistence/segment.h"

static const uint8_t uuid[16] = {1, 2, 3, 4};

static void names_are_sixteen_digits(void **state) {
    char name[SEGMENT_NAME_SIZE];
    uint64_t number;

    (void)state;
    segment_name(name, 0x1f);
    assert_string_equal(name, "000000000000001f.lvj");
    assert_true(segment_parse_name(name, ".lvj", &number));
    assert_true(number == 0x1f);
    segment_temporary_name(name, UINT64_MAX);
    assert_string_equal(name, "ffffffffffffffff.tmp");
    assert_true(segment_parse_name(name, ".tmp", &number));
    assert_true(number == UINT64_MAX);
    assert_false(segment_parse_name("000000000000001f.lvc", ".lvj", &number));
    assert_false(segment_parse_name("00000000000001f.lvj", ".lvj", &number));
    assert_false(segment_parse_name("000000000000001F.lvj", ".lvj", &number));
    assert_false(segment_parse_name("000000000000001g.lvj", ".lvj", &number));
    assert_false(segment_parse_name("00000000000000 1.lvj", ".lvj", &number));
    assert_false(segment_parse_name("000000000000001f.lvj.tmp", ".lvj", &number));
    assert_false(segment_parse_name("quarantine-000000000000001f.lvj", ".lvj", &number));
    assert_false(segment_parse_name("..", ".lvj", &number));
}

static void a_segment_header_comes_back(void **state) {
    struct segment_header written = {.number = 7,
                                     .size = 1 << 20,
                                     .epoch = 3,
                                     .supersedes = true,
                                     .superseded = 6,
                                     .superseded_end = 8192};
    struct segment_header read;
    uint8_t block[SEGMENT_BLOCK];

    (void)state;
    memcpy(written.uuid, uuid, sizeof uuid);
    segment_header_encode(&written, block);
    assert_int_equal(segment_header_decode(block, &read), 0);
    assert_memory_equal(read.uuid, uuid, sizeof uuid);
    assert_true(read.number == 7 && read.size == 1 << 20 && read.epoch == 3);
    assert_true(read.supersedes && read.superseded == 6 && read.superseded_end == 8192);
    for (size_t at = 0; at < SEGMENT_BLOCK; at++) {
        block[at] ^= 0x10;
        assert_int_equal(segment_header_decode(block, &read), -EBADMSG);
        block[at] ^= 0x10;
    }
}

static void put_u32(uint8_t *at, uint32_t value) {
    struct writer w = writer_over(at, 4);

    writer_u32(&w, value);
}

static void a_newer_major_version_is_told_from_damage(void **state) {
    struct segment_header header = {.number = 7};
    uint8_t block[SEGMENT_BLOCK];

    (void)state;
    segment_header_encode(&header, block);
    block[9] = 2;
    assert_int_equal(segment_header_decode(block, &header), -EBADMSG);
    put_u32(block + 12, 0);
    put_u32(block + 12, crc32c(0, block, sizeof block));
    assert_int_equal(segment_header_decode(block, &header), -EPROTONOSUPPORT);
}

/* Field by field: the octets that pad the struct have no value. */
static void assert_same_header(const struct batch_header *one, const struct batch_header *other) {
    assert_int_equal(one->length, other->length);
    assert_int_equal(one->term, other->term);
    assert_int_equal(one->index, other->index);
    assert_int_equal(one->time_ms, other->time_ms);
    assert_int_equal(one->record_count, other->record_count);
    assert_int_equal(one->flags, other->flags);
    assert_int_equal(one->payload_crc, other->payload_crc);
}

static void a_batch_header_is_valid_at_its_place_alone(void **state) {
    struct segment_place place = {uuid, 3, 8192};
    struct batch_header written = {.length = 100,
                                   .term = 1,
                                   .index = 42,
                                   .time_ms = -5,
                                   .record_count = 2,
                                   .flags = BATCH_SEAL,
                                   .payload_crc = 99};
    uint8_t other_uuid[16] = {9};
    uint8_t octets[BATCH_HEADER];
    struct batch_header read;

    (void)state;
    batch_header_encode(&written, &place, octets);
    assert_int_equal(batch_header_decode(slice_of(octets, sizeof octets), &place, &read), 0);
    assert_same_header(&read, &written);
    assert_int_equal(batch_header_decode(slice_of(octets, sizeof octets - 1), &place, &read),
                     -EBADMSG);
    place.offset += SEGMENT_BLOCK;
    assert_int_equal(batch_header_decode(slice_of(octets, sizeof octets), &place, &read), -EBADMSG);
    place = (struct segment_place){uuid, 4, 8192};
    assert_int_equal(batch_header_decode(slice_of(octets, sizeof octets), &place, &read), -EBADMSG);
    place = (struct segment_place){other_uuid, 3, 8192};
    assert_int_equal(batch_header_decode(slice_of(octets, sizeof octets), &place, &read), -EBADMSG);
}

static void every_flipped_bit_of_a_batch_header_is_refused(void **state) {
    struct segment_place place = {uuid, 3, 4096};
    struct batch_header header = {.length = 64, .index = 1};
    uint8_t octets[BATCH_HEADER];

    (void)state;
    batch_header_encode(&header, &place, octets);
    for (size_t bit = 0; bit < sizeof octets * 8; bit++) {
        octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(batch_header_decode(slice_of(octets, sizeof octets), &place, &header),
                         -EBADMSG);
        octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void a_length_below_the_header_is_refused(void **state) {
    struct segment_place place = {uuid, 3, 4096};
    struct batch_header header = {.length = BATCH_HEADER - 1, .index = 1};
    uint8_t octets[BATCH_HEADER];

    (void)state;
    batch_header_encode(&header, &place, octets);
    assert_int_equal(batch_header_decode(slice_of(octets, sizeof octets), &place, &header),
                     -EBADMSG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_sixteen_digits),
        cmocka_unit_test(a_segment_header_comes_back),
        cmocka_unit_test(a_newer_major_version_is_told_from_damage),
        cmocka_unit_test(a_batch_header_is_valid_at_its_place_alone),
        cmocka_unit_test(every_flipped_bit_of_a_batch_header_is_refused),
        cmocka_unit_test(a_length_below_the_header_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
