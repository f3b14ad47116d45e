/* SPDX-License-Identifier: Apache-2.0 */

/* The cursor reads big-endian, never past its end, and remembers that it failed. */
#include "tests/unit/amqp/support.h"

#include "amqp/cursor.h"

static void integers_are_read_big_endian(void **state) {
    struct cursor c =
        cursor_over(SLICE("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"));

    (void)state;
    assert_int_equal(cursor_u8(&c), 0x01);
    assert_int_equal(cursor_u16(&c), 0x0203);
    assert_int_equal(cursor_u32(&c), 0x04050607);
    assert_true(cursor_u64(&c) == UINT64_C(0x08090a0b0c0d0e0f));
    assert_true(cursor_at_end(&c));
    assert_false(cursor_failed(&c));
}

static void strings_carry_their_length(void **state) {
    struct cursor c = cursor_over(SLICE("\x03"
                                        "abc\x00\x00\x00\x02xy\x00"));

    (void)state;
    assert_slice_equal(cursor_shortstr(&c), SLICE("abc"));
    assert_slice_equal(cursor_longstr(&c), SLICE("xy"));
    assert_slice_equal(cursor_shortstr(&c), SLICE(""));
    assert_true(cursor_at_end(&c));
    assert_false(cursor_failed(&c));
}

static void failure_is_sticky_and_reads_zero(void **state) {
    struct slice octets = exact_copy(SLICE("\x11\x22\x33"), 3);
    struct cursor c = cursor_over(octets);

    (void)state;
    assert_int_equal(cursor_u32(&c), 0);
    assert_true(cursor_failed(&c));
    assert_int_equal(cursor_u8(&c), 0);
    assert_int_equal(cursor_u16(&c), 0);
    assert_true(cursor_u64(&c) == 0);
    assert_true(slice_is_empty(cursor_bytes(&c, 1)));
    assert_true(slice_is_empty(cursor_shortstr(&c)));
    assert_true(slice_is_empty(cursor_longstr(&c)));
    assert_true(slice_is_empty(cursor_rest(&c)));
    assert_int_equal(cursor_remaining(&c), 3);
    exact_free(octets);
}

static void lengths_beyond_memory_do_not_wrap(void **state) {
    struct slice octets = exact_copy(SLICE("\xff\xff\xff\xff"), 4);
    struct cursor c = cursor_over(octets);

    (void)state;
    assert_true(slice_is_empty(cursor_bytes(&c, SIZE_MAX)));
    assert_true(cursor_failed(&c));

    c = cursor_over(octets);
    assert_true(slice_is_empty(cursor_longstr(&c)));
    assert_true(cursor_failed(&c));
    exact_free(octets);
}

static void rest_takes_everything_once(void **state) {
    struct cursor c = cursor_over(SLICE("abcd"));

    (void)state;
    cursor_u8(&c);
    assert_slice_equal(cursor_rest(&c), SLICE("bcd"));
    assert_true(cursor_at_end(&c));
    assert_slice_equal(cursor_rest(&c), SLICE(""));
    assert_false(cursor_failed(&c));
}

static void inner_cursor_cannot_leave_its_container(void **state) {
    struct cursor c = cursor_over(SLICE("abcd"));
    struct cursor inner = cursor_sub(&c, 2);

    (void)state;
    assert_int_equal(cursor_u8(&inner), 'a');
    assert_int_equal(cursor_u16(&inner), 0);
    assert_true(cursor_failed(&inner));
    assert_false(cursor_failed(&c));
    assert_int_equal(cursor_u8(&c), 'c');
}

static void inner_cursor_over_missing_octets_fails_with_its_outer(void **state) {
    struct cursor c = cursor_over(SLICE("abcd"));
    struct cursor inner = cursor_sub(&c, 5);

    (void)state;
    assert_true(cursor_failed(&inner));
    assert_true(cursor_failed(&c));
    assert_true(cursor_failed(&(struct cursor){inner.at, inner.end, inner.failed}));
    assert_int_equal(cursor_u8(&inner), 0);
}

static void empty_cursor_is_at_its_end(void **state) {
    struct cursor c = cursor_over((struct slice){NULL, 0});

    (void)state;
    assert_true(cursor_at_end(&c));
    assert_true(slice_is_empty(cursor_bytes(&c, 0)));
    assert_false(cursor_failed(&c));
    assert_int_equal(cursor_u8(&c), 0);
    assert_true(cursor_failed(&c));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_big_endian),
        cmocka_unit_test(strings_carry_their_length),
        cmocka_unit_test(failure_is_sticky_and_reads_zero),
        cmocka_unit_test(lengths_beyond_memory_do_not_wrap),
        cmocka_unit_test(rest_takes_everything_once),
        cmocka_unit_test(inner_cursor_cannot_leave_its_container),
        cmocka_unit_test(inner_cursor_over_missing_octets_fails_with_its_outer),
        cmocka_unit_test(empty_cursor_is_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
