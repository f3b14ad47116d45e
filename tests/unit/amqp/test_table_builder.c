/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables as they are built, in memory of their own or of the caller. */
#include "tests/unit/amqp/table_samples.h"

static void put_everything(struct amqp_table_builder *builder) {
    amqp_table_put_bool(builder, SLICE("t"), true);
    amqp_table_put_int(builder, SLICE("b"), 'b', -1);
    amqp_table_put_int(builder, SLICE("I"), 'I', -2);
    amqp_table_put_int(builder, SLICE("l"), 'l', INT64_MIN);
    amqp_table_put_double(builder, SLICE("d"), -2.5);
    amqp_table_put_text(builder, SLICE("S"), SLICE("text"));
    amqp_table_put_binary(builder, SLICE("x"), SLICE("\x00\xff"));
    amqp_table_put_timestamp(builder, SLICE("T"), 5);
    amqp_table_put_void(builder, SLICE("V"));
    amqp_table_put_table(builder, SLICE("F"), SLICE("\x01kV"));
    amqp_table_put_array(builder, SLICE("A"), SLICE("V"));
}

#define EVERYTHING                           \
    "\x01tt\x01"                             \
    "\x01"                                   \
    "bb\xff"                                 \
    "\x01II\xff\xff\xff\xfe"                 \
    "\x01ll\x80\x00\x00\x00\x00\x00\x00\x00" \
    "\x01"                                   \
    "dd\xc0\x04\x00\x00\x00\x00\x00\x00"     \
    "\x01SS\x00\x00\x00\x04text"             \
    "\x01xx\x00\x00\x00\x02\x00\xff"         \
    "\x01TT\x00\x00\x00\x00\x00\x00\x00\x05" \
    "\x01VV"                                 \
    "\x01"                                   \
    "FF\x00\x00\x00\x03\x01kV"               \
    "\x01"                                   \
    "AA\x00\x00\x00\x01V"

static void builder_writes_every_type(void **state) {
    struct amqp_table_builder builder;

    (void)state;
    amqp_table_builder_init(&builder);
    put_everything(&builder);
    assert_slice_equal(amqp_table_builder_finish(&builder), SLICE(EVERYTHING));
    assert_true(amqp_table_is_valid(amqp_table_builder_finish(&builder)));
    amqp_table_builder_clear(&builder);
}

static void builder_appends_to_a_writer(void **state) {
    uint8_t buffer[256];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct amqp_table_builder builder;

    (void)state;
    writer_u32(&w, 0);
    amqp_table_builder_over(&builder, &w);
    put_everything(&builder);
    assert_slice_equal(amqp_table_builder_finish(&builder), SLICE(EVERYTHING));
    assert_int_equal(writer_length(&w), 4 + SLICE(EVERYTHING).len);
    amqp_table_builder_clear(&builder);
}

static void builder_over_a_full_writer_fails(void **state) {
    struct slice whole = SLICE(EVERYTHING);

    (void)state;
    for (size_t size = 0; size < whole.len; size++) {
        struct slice room = exact_copy(whole, size);
        struct writer w = writer_over((void *)(uintptr_t)room.data, size);
        struct amqp_table_builder builder;

        amqp_table_builder_over(&builder, &w);
        put_everything(&builder);
        assert_true(amqp_table_builder_failed(&builder));
        assert_true(slice_is_empty(amqp_table_builder_finish(&builder)));
        assert_int_equal(writer_length(&w), whole.len);
        exact_free(room);
    }
}

static void builder_nests(void **state) {
    /* rows: 68 */
    struct amqp_table_builder builder;

    (void)state;
    amqp_table_builder_init(&builder);
    amqp_table_begin_array(&builder, SLICE("x-death"));
    amqp_table_begin_table(&builder, AMQP_NO_NAME);
    amqp_table_put_text(&builder, SLICE("q"), SLICE("a"));
    amqp_table_begin_array(&builder, SLICE("keys"));
    amqp_table_put_text(&builder, AMQP_NO_NAME, SLICE("b"));
    amqp_table_end(&builder);
    amqp_table_end(&builder);
    amqp_table_put_int(&builder, AMQP_NO_NAME, 'B', 200);
    amqp_table_end(&builder);
    amqp_table_put_bool(&builder, SLICE("z"), false);

    struct slice table = amqp_table_builder_finish(&builder);
    assert_slice_equal(table, SLICE("\x07x-deathA\x00\x00\x00\x1f"
                                    "F\x00\x00\x00\x18"
                                    "\x01qS\x00\x00\x00\x01"
                                    "a"
                                    "\x04keysA\x00\x00\x00\x06S\x00\x00\x00\x01"
                                    "b"
                                    "B\xc8"
                                    "\x01zt\x00"));
    assert_true(amqp_table_is_valid(table));
    amqp_table_builder_clear(&builder);
}

static void builder_copies_values_octet_by_octet(void **state) {
    struct slice whole = SLICE(EVERY_TYPE);
    struct amqp_table_iterator i = amqp_table_begin(whole);
    struct amqp_table_builder builder;
    struct slice name;
    struct amqp_value value;

    (void)state;
    amqp_table_builder_init(&builder);
    while (amqp_table_next(&i, &name, &value)) {
        if (value.tag != 'L')
            amqp_table_put_value(&builder, name, &value);
    }
    amqp_table_put_value(&builder, SLICE("L"), &(struct amqp_value){.tag = 'V'});

    struct slice copy = amqp_table_builder_finish(&builder);
    assert_int_equal(copy.len, whole.len - 11 + 3);
    assert_true(amqp_table_is_valid(copy));
    i = amqp_table_begin(whole);
    while (amqp_table_next(&i, &name, &value)) {
        struct amqp_value copied = found(copy, name);
        if (value.tag != 'L')
            assert_slice_equal(copied.encoded, value.encoded);
    }
    amqp_table_builder_clear(&builder);
}

static void builder_never_writes_the_tag_that_rabbitmq_only_reads(void **state) {
    struct amqp_value value = found(SLICE("\x01kL\x00\x00\x00\x00\x00\x00\x00\x01"), SLICE("k"));
    struct amqp_table_builder builder;

    (void)state;
    amqp_table_builder_init(&builder);
    amqp_table_put_value(&builder, SLICE("k"), &value);
    assert_slice_equal(amqp_table_builder_finish(&builder),
                       SLICE("\x01kl\x00\x00\x00\x00\x00\x00\x00\x01"));
    amqp_table_builder_clear(&builder);
}

static void builder_grows(void **state) {
    struct amqp_table_builder builder;

    (void)state;
    amqp_table_builder_init(&builder);
    amqp_table_begin_table(&builder, SLICE("inside"));
    for (int i = 0; i < 1000; i++)
        amqp_table_put_int(&builder, SLICE("number"), 'I', i);
    amqp_table_end(&builder);

    struct slice table = amqp_table_builder_finish(&builder);
    assert_int_equal(table.len, 1 + 6 + 1 + 4 + 1000 * (1 + 6 + 1 + 4));
    assert_true(amqp_table_is_valid(table));
    assert_int_equal(amqp_table_count(found(table, SLICE("inside")).bytes), 1000);
    amqp_table_builder_clear(&builder);
}

static void integers_that_do_not_fit_their_tag_fail(void **state) {
    static const struct {
        char tag;
        int64_t lowest, highest;
    } ranges[] = {
        {'b', INT8_MIN, INT8_MAX}, {'B', 0, UINT8_MAX},  {'s', INT16_MIN, INT16_MAX},
        {'u', 0, UINT16_MAX},      {'i', 0, UINT32_MAX}, {'I', INT32_MIN, INT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ranges); i++) {
        const int64_t values[] = {ranges[i].lowest, ranges[i].highest, ranges[i].lowest - 1,
                                  ranges[i].highest + 1};

        for (size_t j = 0; j < ARRAY_LENGTH(values); j++) {
            struct amqp_table_builder builder;

            amqp_table_builder_init(&builder);
            amqp_table_put_int(&builder, SLICE("k"), ranges[i].tag, values[j]);
            assert_int_equal(amqp_table_builder_failed(&builder), j >= 2);
            if (j < 2) {
                struct slice table = amqp_table_builder_finish(&builder);
                assert_true(found(table, SLICE("k")).integer == values[j]);
            }
            amqp_table_builder_clear(&builder);
        }
    }
}

static void name_too_long_fails_the_builder(void **state) {
    static const uint8_t name[256];
    struct amqp_table_builder builder;

    (void)state;
    amqp_table_builder_init(&builder);
    amqp_table_put_void(&builder, slice_of(name, 255));
    assert_false(amqp_table_builder_failed(&builder));
    amqp_table_put_void(&builder, slice_of(name, 256));
    assert_true(amqp_table_builder_failed(&builder));
    assert_true(slice_is_empty(amqp_table_builder_finish(&builder)));
    amqp_table_builder_clear(&builder);
    assert_false(amqp_table_builder_failed(&builder));
}

static void empty_and_zeroed_builders_are_fine(void **state) {
    struct amqp_table_builder builder = {0};

    (void)state;
    assert_true(slice_is_empty(amqp_table_builder_finish(&builder)));
    assert_false(amqp_table_builder_failed(&builder));
    amqp_table_builder_clear(&builder);
    amqp_table_put_void(&builder, SLICE("k"));
    assert_slice_equal(amqp_table_builder_finish(&builder), SLICE("\x01kV"));
    amqp_table_builder_clear(&builder);
    amqp_table_builder_clear(&builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builder_writes_every_type),
        cmocka_unit_test(builder_appends_to_a_writer),
        cmocka_unit_test(builder_over_a_full_writer_fails),
        cmocka_unit_test(builder_nests),
        cmocka_unit_test(builder_copies_values_octet_by_octet),
        cmocka_unit_test(builder_never_writes_the_tag_that_rabbitmq_only_reads),
        cmocka_unit_test(builder_grows),
        cmocka_unit_test(integers_that_do_not_fit_their_tag_fail),
        cmocka_unit_test(name_too_long_fails_the_builder),
        cmocka_unit_test(empty_and_zeroed_builders_are_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
