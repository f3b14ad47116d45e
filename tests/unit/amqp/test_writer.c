/* SPDX-License-Identifier: Apache-2.0 */

/* The writer writes big-endian, never past its end, and tells the size it would have needed. */
#include "tests/unit/amqp/support.h"

#include "amqp/writer.h"

static void write_one_of_each(struct writer *w) {
    writer_u8(w, 0x01);
    writer_u16(w, 0x0203);
    writer_u32(w, 0x04050607);
    writer_u64(w, UINT64_C(0x08090a0b0c0d0e0f));
    writer_shortstr(w, SLICE("ab"));
    size_t block = writer_open_block(w);
    writer_longstr(w, SLICE("xyz"));
    writer_close_block(w, block);
    writer_bytes(w, SLICE("!"));
}

#define ONE_OF_EACH                                                    \
    "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x02" \
    "ab\x00\x00\x00\x07\x00\x00\x00\x03xyz!"

static void everything_is_written_big_endian(void **state) {
    uint8_t buffer[64];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    write_one_of_each(&w);
    assert_true(writer_is_complete(&w));
    assert_slice_equal(writer_written(&w), SLICE(ONE_OF_EACH));
    assert_int_equal(writer_length(&w), SLICE(ONE_OF_EACH).len);
}

static void too_small_a_buffer_keeps_what_fits_and_counts_the_rest(void **state) {
    struct slice whole = SLICE(ONE_OF_EACH);

    (void)state;
    for (size_t size = 0; size < whole.len; size++) {
        uint8_t *buffer = malloc(size > 0 ? size : 1);
        assert_non_null(buffer);
        struct writer w = writer_over(buffer, size);

        write_one_of_each(&w);
        assert_true(writer_overflowed(&w));
        assert_false(writer_failed(&w));
        assert_false(writer_is_complete(&w));
        assert_int_equal(writer_length(&w), whole.len);
        assert_true(writer_written(&w).len <= size);
        free(buffer);
    }
}

static void exact_buffer_suffices(void **state) {
    uint8_t buffer[sizeof ONE_OF_EACH - 1];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    write_one_of_each(&w);
    assert_true(writer_is_complete(&w));
}

static void no_buffer_only_counts(void **state) {
    struct writer w = writer_over(NULL, 0);

    (void)state;
    write_one_of_each(&w);
    assert_int_equal(writer_length(&w), SLICE(ONE_OF_EACH).len);
    assert_true(writer_overflowed(&w));
}

static void nothing_is_written_behind_a_gap(void **state) {
    uint8_t buffer[3] = {0xee, 0xee, 0xee};
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    writer_u16(&w, 0x0102);
    writer_u32(&w, 0x03040506);
    writer_u8(&w, 0x07);
    assert_int_equal(writer_length(&w), 7);
    assert_int_equal(buffer[2], 0xee);
}

static void short_string_over_255_octets_fails(void **state) {
    uint8_t buffer[300];
    static const uint8_t text[256];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    writer_shortstr(&w, slice_of(text, 255));
    assert_false(writer_failed(&w));
    assert_int_equal(writer_length(&w), 256);
    writer_shortstr(&w, slice_of(text, 256));
    assert_true(writer_failed(&w));
    assert_false(writer_is_complete(&w));
}

static void blocks_nest(void **state) {
    uint8_t buffer[32];
    struct writer w = writer_over(buffer, sizeof buffer);
    size_t outer = writer_open_block(&w);
    size_t inner = writer_open_block(&w);

    (void)state;
    writer_u8(&w, 0xaa);
    writer_close_block(&w, inner);
    writer_close_block(&w, outer);
    assert_slice_equal(writer_written(&w), SLICE("\x00\x00\x00\x05\x00\x00\x00\x01\xaa"));
}

static void moved_writer_goes_on(void **state) {
    uint8_t small[4], large[16];
    struct writer w = writer_over(small, sizeof small);
    size_t block = writer_open_block(&w);

    (void)state;
    memcpy(large, small, sizeof small);
    writer_move(&w, large, sizeof large);
    writer_u16(&w, 0x0102);
    writer_close_block(&w, block);
    assert_slice_equal(writer_written(&w), SLICE("\x00\x00\x00\x02\x01\x02"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_written_big_endian),
        cmocka_unit_test(too_small_a_buffer_keeps_what_fits_and_counts_the_rest),
        cmocka_unit_test(exact_buffer_suffices),
        cmocka_unit_test(no_buffer_only_counts),
        cmocka_unit_test(nothing_is_written_behind_a_gap),
        cmocka_unit_test(short_string_over_255_octets_fails),
        cmocka_unit_test(blocks_nest),
        cmocka_unit_test(moved_writer_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
