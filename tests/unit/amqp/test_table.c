/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Field tables: every type tag, what is refused, and the three ways of comparing.
 * Tables are written out as octets where the wire form matters and built where it does not.
 */
#include "tests/unit/amqp/table_samples.h"

/* -- Every type -------------------------------------------------------------------------------- */

static struct amqp_value value_of(char tag) {
    struct amqp_value value = found(SLICE(EVERY_TYPE), slice_of(&tag, 1));

    assert_int_equal(value.tag, tag);
    return value;
}

static void every_type_is_valid(void **state) {
    /* rows: 63 */
    (void)state;
    assert_true(amqp_table_is_valid(SLICE(EVERY_TYPE)));
    assert_int_equal(amqp_table_count(SLICE(EVERY_TYPE)), 18);
}

static void integers_are_read_with_width_and_sign(void **state) {
    /* rows: 62 64 */
    (void)state;
    assert_int_equal(value_of('b').integer, -1);
    assert_int_equal(value_of('B').integer, 255);
    assert_int_equal(value_of('s').integer, -2);
    assert_int_equal(value_of('u').integer, 65534);
    assert_int_equal(value_of('I').integer, -3);
    assert_true(value_of('i').integer == INT64_C(4294967293));
    assert_true(value_of('l').integer == -4);
    assert_true(value_of('L').integer == -5);
}

static void other_types_are_read(void **state) {
    /* rows: 63 */
    (void)state;
    assert_true(value_of('t').boolean);
    assert_true(value_of('f').real >= 1.5 && value_of('f').real <= 1.5);
    assert_true(value_of('d').real >= -2.5 && value_of('d').real <= -2.5);
    assert_int_equal(value_of('D').decimal.scale, 2);
    assert_true(value_of('D').decimal.digits == 0xff000001);
    assert_slice_equal(value_of('S').bytes, SLICE("\xff\xfe"));
    assert_slice_equal(value_of('x').bytes, SLICE("\x00\x01\x02"));
    assert_slice_equal(value_of('A').bytes, SLICE("t\x00V"));
    assert_true(value_of('T').timestamp == UINT64_C(0x8000000000000001));
    assert_slice_equal(value_of('F').bytes, SLICE("\x01kV"));
    assert_true(slice_is_empty(value_of('V').bytes));
}

static void any_octet_but_zero_is_true(void **state) {
    (void)state;
    assert_true(found(SLICE("\x01kt\xff"), SLICE("k")).boolean);
    assert_false(found(SLICE("\x01kt\x00"), SLICE("k")).boolean);
}

static void only_those_18_tags_are_known(void **state) {
    /* rows: 65 */
    static const char known[] = "tbBsuIilLfdDSxATFV";
    static const char zeros[8];

    (void)state;
    for (unsigned tag = 0; tag <= UINT8_MAX; tag++) {
        bool is_valid = false;

        for (size_t width = 0; width <= sizeof zeros; width++) {
            uint8_t octets[3 + sizeof zeros] = {1, 'k', (uint8_t)tag};
            is_valid |= amqp_table_is_valid(slice_of(octets, 3 + width));
        }
        assert_int_equal(is_valid, tag != 0 && strchr(known, (int)tag) != NULL);
    }
}

static void types_have_the_names_of_error_texts(void **state) {
    (void)state;
    assert_string_equal(amqp_type_name('t'), "bool");
    assert_string_equal(amqp_type_name('b'), "byte");
    assert_string_equal(amqp_type_name('B'), "unsignedbyte");
    assert_string_equal(amqp_type_name('s'), "short");
    assert_string_equal(amqp_type_name('u'), "unsignedshort");
    assert_string_equal(amqp_type_name('I'), "signedint");
    assert_string_equal(amqp_type_name('i'), "unsignedint");
    assert_string_equal(amqp_type_name('l'), "long");
    assert_string_equal(amqp_type_name('L'), "long");
    assert_string_equal(amqp_type_name('f'), "float");
    assert_string_equal(amqp_type_name('d'), "double");
    assert_string_equal(amqp_type_name('D'), "decimal");
    assert_string_equal(amqp_type_name('S'), "longstr");
    assert_string_equal(amqp_type_name('x'), "binary");
    assert_string_equal(amqp_type_name('A'), "array");
    assert_string_equal(amqp_type_name('T'), "timestamp");
    assert_string_equal(amqp_type_name('F'), "table");
    assert_string_equal(amqp_type_name('V'), "void");
    assert_string_equal(amqp_type_name('Z'), "unknown");
    assert_string_equal(amqp_type_name('\xff'), "unknown");
}

/* -- Truncations ------------------------------------------------------------------------------- */

static bool tables_equal(struct slice a, struct slice b) {
    struct amqp_value one = {.tag = AMQP_TAG_TABLE, .bytes = a};
    struct amqp_value other = {.tag = AMQP_TAG_TABLE, .bytes = b};

    return amqp_value_equal(&one, &other, AMQP_EQUAL_STRICT);
}

static void truncations_are_valid_only_between_entries(void **state) {
    struct slice whole = SLICE(EVERY_TYPE);
    size_t valid = 0;

    (void)state;
    for (size_t len = 0; len <= whole.len; len++) {
        struct slice cut = exact_copy(whole, len);
        bool is_valid = amqp_table_is_valid(cut);
        struct amqp_table_iterator i = amqp_table_begin(cut);
        struct amqp_value value;
        struct slice name;

        while (amqp_table_next(&i, &name, &value)) {
        }
        assert_int_equal(is_valid, cursor_at_end(&i.cursor) && !cursor_failed(&i.cursor));
        assert_int_equal(tables_equal(cut, whole), len == whole.len);
        valid += is_valid;
        exact_free(cut);
    }
    assert_int_equal(valid, 19); /* nothing, and behind each of the 18 entries */
}

static void inner_containers_are_judged_too(void **state) {
    (void)state;
    assert_true(amqp_table_is_valid(SLICE("\x01kF\x00\x00\x00\x04\x01jt\x01")));
    assert_false(amqp_table_is_valid(SLICE("\x01kF\x00\x00\x00\x03\x01jt\x01"))); /* cut short */
    assert_false(amqp_table_is_valid(SLICE("\x01kF\x00\x00\x00\x05\x01jt\x01"))); /* too long */
    assert_false(amqp_table_is_valid(SLICE("\x01kA\x00\x00\x00\x01Z")));
    assert_false(amqp_table_is_valid(SLICE("\x01kA\xff\xff\xff\xff")));
    assert_true(amqp_table_is_valid(SLICE("\x01kA\x00\x00\x00\x00")));
    assert_int_equal(amqp_table_count(SLICE("\x01kA\xff\xff\xff\xff")), 0);
}

static void names_may_be_empty_or_no_utf8_or_double(void **state) {
    struct slice table =
        SLICE("\x00t\x01\x02\xff\xfet\x01\x01kI\x00\x00\x00\x01\x01kI\x00\x00\x00\x02");

    (void)state;
    assert_true(amqp_table_is_valid(table));
    assert_int_equal(amqp_table_count(table), 4);
}

/* -- Limits ------------------------------------------------------------------------------------ */

/* `depth` tables in each other, the outermost counted: 01 'k' 'F' and the length of the rest. */
static struct slice nested_tables(uint8_t *buffer, size_t size, unsigned depth) {
    struct writer w = writer_over(buffer, size);

    for (unsigned inside = depth - 1; inside > 0; inside--) {
        writer_shortstr(&w, SLICE("k"));
        writer_u8(&w, AMQP_TAG_TABLE);
        writer_u32(&w, (inside - 1) * 7);
    }
    assert_true(writer_is_complete(&w));
    return writer_written(&w);
}

/* A table with an array that has `depth - 1` arrays in each other: 'A' and the length of the rest.
 */
static struct slice nested_arrays(uint8_t *buffer, size_t size, unsigned depth) {
    struct writer w = writer_over(buffer, size);

    writer_shortstr(&w, SLICE("k"));
    for (unsigned inside = depth - 1; inside > 0; inside--) {
        writer_u8(&w, AMQP_TAG_ARRAY);
        writer_u32(&w, (inside - 1) * 5);
    }
    assert_true(writer_is_complete(&w));
    return writer_written(&w);
}

static void containers_nest_16_deep(void **state) {
    uint8_t buffer[512];

    (void)state;
    for (unsigned depth = 2; depth <= 40; depth++) {
        bool allowed = depth <= AMQP_TABLE_DEPTH_MAX;

        assert_int_equal(amqp_table_is_valid(nested_tables(buffer, sizeof buffer, depth)), allowed);
        assert_int_equal(amqp_table_is_valid(nested_arrays(buffer, sizeof buffer, depth)), allowed);
    }
}

static void deeper_containers_are_not_followed_when_compared(void **state) {
    uint8_t one[512], other[512];
    struct slice a = nested_tables(one, sizeof one, 40);
    struct slice b = nested_tables(other, sizeof other, 40);
    struct amqp_value in_a = found(a, SLICE("k")), in_b = found(b, SLICE("k"));

    (void)state;
    assert_false(amqp_value_equal(&in_a, &in_b, AMQP_EQUAL_STRICT));
}

/* `count` entries with an empty name and no value. */
static struct slice many_entries(uint8_t *buffer, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buffer[2 * i] = 0;
        buffer[2 * i + 1] = 'V';
    }
    return slice_of(buffer, 2 * count);
}

static void a_table_has_1024_entries_at_most(void **state) {
    static uint8_t buffer[2 * (AMQP_TABLE_ENTRIES_MAX + 1)];

    (void)state;
    assert_true(amqp_table_is_valid(many_entries(buffer, AMQP_TABLE_ENTRIES_MAX)));
    assert_false(amqp_table_is_valid(many_entries(buffer, AMQP_TABLE_ENTRIES_MAX + 1)));
}

static void entries_of_inner_containers_count(void **state) {
    static uint8_t items[AMQP_TABLE_ENTRIES_MAX], buffer[AMQP_TABLE_ENTRIES_MAX + 16];

    (void)state;
    memset(items, 'V', sizeof items);
    for (size_t count = AMQP_TABLE_ENTRIES_MAX - 1; count <= AMQP_TABLE_ENTRIES_MAX; count++) {
        struct writer w = writer_over(buffer, sizeof buffer);

        writer_shortstr(&w, SLICE("k"));
        writer_u8(&w, AMQP_TAG_ARRAY);
        writer_longstr(&w, slice_of(items, count));
        assert_int_equal(amqp_table_is_valid(writer_written(&w)), count < AMQP_TABLE_ENTRIES_MAX);
    }
}

/* -- Reading ----------------------------------------------------------------------------------- */

static void entries_come_in_wire_order(void **state) {
    struct amqp_table_iterator i = amqp_table_begin(SLICE("\x01zt\x01\x01"
                                                          "aV"));
    struct slice name;
    struct amqp_value value;

    (void)state;
    assert_true(amqp_table_next(&i, &name, &value));
    assert_slice_equal(name, SLICE("z"));
    assert_true(amqp_table_next(&i, &name, &value));
    assert_slice_equal(name, SLICE("a"));
    assert_int_equal(value.tag, 'V');
    assert_false(amqp_table_next(&i, &name, &value));
    assert_slice_equal(name, SLICE("a"));
}

static void items_of_an_array_come_in_wire_order(void **state) {
    struct amqp_array_iterator i = amqp_array_begin(SLICE("b\x05Vt\x00"));
    struct amqp_value value;

    (void)state;
    assert_true(amqp_array_next(&i, &value));
    assert_int_equal(value.integer, 5);
    assert_true(amqp_array_next(&i, &value));
    assert_true(amqp_array_next(&i, &value));
    assert_false(value.boolean);
    assert_false(amqp_array_next(&i, &value));
}

static void first_of_two_entries_with_a_name_is_found(void **state) {
    struct slice table = SLICE("\x01kI\x00\x00\x00\x01\x01kI\x00\x00\x00\x02");
    struct amqp_value value = {.tag = '?'};

    (void)state;
    assert_int_equal(found(table, SLICE("k")).integer, 1);
    assert_false(amqp_table_find(table, SLICE("x"), &value));
    assert_false(amqp_table_find(slice_of(NULL, 0), SLICE("k"), &value));
    assert_int_equal(value.tag, '?');
}

static void integer_and_real_tags_are_told(void **state) {
    static const char integers[] = "bBsuIilL", reals[] = "fd", others[] = "tDSxATFV";
    struct amqp_value value;

    (void)state;
    for (const char *tag = integers; *tag != '\0'; tag++) {
        value.tag = *tag;
        assert_true(amqp_value_is_integer(&value));
        assert_false(amqp_value_is_real(&value));
    }
    for (const char *tag = reals; *tag != '\0'; tag++) {
        value.tag = *tag;
        assert_false(amqp_value_is_integer(&value));
        assert_true(amqp_value_is_real(&value));
    }
    for (const char *tag = others; *tag != '\0'; tag++) {
        value.tag = *tag;
        assert_false(amqp_value_is_integer(&value));
        assert_false(amqp_value_is_real(&value));
    }
}

/* -- Comparing --------------------------------------------------------------------------------- */

static bool equal(struct slice a, struct slice b, enum amqp_equality equality) {
    struct amqp_value value_a = found(a, SLICE("k")), value_b = found(b, SLICE("k"));
    bool forth = amqp_value_equal(&value_a, &value_b, equality);

    assert_int_equal(amqp_value_equal(&value_b, &value_a, equality), forth);
    return forth;
}

#define INT8_1        SLICE("\x01kb\x01")
#define INT16_1       SLICE("\x01ks\x00\x01")
#define INT32_1       SLICE("\x01kI\x00\x00\x00\x01")
#define INT32_2       SLICE("\x01kI\x00\x00\x00\x02")
#define UINT32_1      SLICE("\x01ki\x00\x00\x00\x01")
#define INT64_1       SLICE("\x01kl\x00\x00\x00\x00\x00\x00\x00\x01")
#define LARGE_L_1     SLICE("\x01kL\x00\x00\x00\x00\x00\x00\x00\x01")
#define TIMESTAMP_1   SLICE("\x01kT\x00\x00\x00\x00\x00\x00\x00\x01")
#define TIMESTAMP_MAX SLICE("\x01kT\xff\xff\xff\xff\xff\xff\xff\xff")
#define INT8_MINUS_1 \
    SLICE("\x01k"    \
          "b\xff")
#define FLOAT_1     SLICE("\x01kf\x3f\x80\x00\x00")
#define DOUBLE_1    SLICE("\x01kd\x3f\xf0\x00\x00\x00\x00\x00\x00")
#define DECIMAL_1   SLICE("\x01kD\x00\x00\x00\x00\x01")
#define DECIMAL_1_0 SLICE("\x01kD\x01\x00\x00\x00\x0a")
#define DECIMAL_0_1 SLICE("\x01kD\x01\x00\x00\x00\x01")
#define TRUE_1      SLICE("\x01kt\x01")
#define TRUE_FF     SLICE("\x01kt\xff")
#define FALSE_0     SLICE("\x01kt\x00")
#define TEXT_A                     \
    SLICE("\x01kS\x00\x00\x00\x01" \
          "a")
#define TEXT_B                     \
    SLICE("\x01kS\x00\x00\x00\x01" \
          "b")
#define BINARY_A                   \
    SLICE("\x01kx\x00\x00\x00\x01" \
          "a")
#define VOID_    SLICE("\x01kV")
#define ARRAY_I1 SLICE("\x01kA\x00\x00\x00\x05I\x00\x00\x00\x01")
#define ARRAY_B1                   \
    SLICE("\x01kA\x00\x00\x00\x02" \
          "b\x01")
#define ARRAY_B1B1                 \
    SLICE("\x01kA\x00\x00\x00\x04" \
          "b\x01"                  \
          "b\x01")
#define ARRAY_L1    SLICE("\x01kA\x00\x00\x00\x09l\x00\x00\x00\x00\x00\x00\x00\x01")
#define ARRAY_LL1   SLICE("\x01kA\x00\x00\x00\x09L\x00\x00\x00\x00\x00\x00\x00\x01")
#define TABLE_JB1   SLICE("\x01kF\x00\x00\x00\x04\x01jb\x01")
#define TABLE_JS1   SLICE("\x01kF\x00\x00\x00\x05\x01js\x00\x01")
#define TABLE_IB1   SLICE("\x01kF\x00\x00\x00\x04\x01ib\x01")
#define TABLE_EMPTY SLICE("\x01kF\x00\x00\x00\x00")

static void strict_equality_has_types(void **state) {
    const enum amqp_equality rule = AMQP_EQUAL_STRICT;

    (void)state;
    assert_true(equal(INT32_1, INT32_1, rule));
    assert_false(equal(INT32_1, INT32_2, rule));
    assert_false(equal(INT32_1, INT64_1, rule));
    assert_true(equal(INT64_1, LARGE_L_1, rule));
    assert_false(equal(FLOAT_1, DOUBLE_1, rule));
    assert_false(equal(TEXT_A, BINARY_A, rule));
    assert_true(equal(TRUE_1, TRUE_FF, rule));
    assert_true(equal(ARRAY_L1, ARRAY_LL1, rule));
    assert_false(equal(ARRAY_I1, ARRAY_B1, rule));
    assert_true(equal(VOID_, VOID_, rule));
}

static void arguments_are_equivalent_by_class(void **state) {
    /* rows: 71 */
    const enum amqp_equality rule = AMQP_EQUAL_EQUIVALENT;

    (void)state;
    assert_true(equal(INT32_1, INT64_1, rule));
    assert_true(equal(INT8_1, UINT32_1, rule));
    assert_true(equal(INT16_1, LARGE_L_1, rule));
    assert_false(equal(INT32_1, INT32_2, rule));
    assert_true(equal(FLOAT_1, DOUBLE_1, rule));
    assert_false(equal(INT32_1, FLOAT_1, rule));
    assert_false(equal(INT64_1, TIMESTAMP_1, rule));
    assert_false(equal(INT8_1, TRUE_1, rule));
    assert_true(equal(TEXT_A, BINARY_A, rule));
    assert_false(equal(TEXT_A, TEXT_B, rule));
    assert_false(equal(INT32_1, DECIMAL_1, rule));
    assert_true(equal(DECIMAL_1, DECIMAL_1, rule));
    assert_false(equal(DECIMAL_1, DECIMAL_1_0, rule));
    assert_false(equal(DECIMAL_1, DECIMAL_0_1, rule));
    assert_false(equal(ARRAY_I1, ARRAY_B1, rule)); /* inside, types count */
    assert_false(equal(TABLE_JB1, TABLE_JS1, rule));
}

static void headers_are_equal_by_value(void **state) {
    /* rows: 143 144 145 */
    const enum amqp_equality rule = AMQP_EQUAL_HEADERS;

    (void)state;
    assert_true(equal(INT8_1, INT64_1, rule));
    assert_true(equal(INT32_1, LARGE_L_1, rule));
    assert_false(equal(INT32_1, INT32_2, rule));
    assert_false(equal(INT32_1, DOUBLE_1, rule));
    assert_true(equal(FLOAT_1, DOUBLE_1, rule));
    assert_false(equal(INT8_1, TRUE_1, rule));
    assert_false(equal(TRUE_1, FALSE_0, rule));
    assert_true(equal(TEXT_A, BINARY_A, rule));
    assert_false(equal(TEXT_A, TEXT_B, rule));
    assert_true(equal(INT64_1, TIMESTAMP_1, rule));
    assert_false(equal(TIMESTAMP_1, INT32_2, rule));
    assert_false(equal(TIMESTAMP_MAX, INT8_MINUS_1, rule));
    assert_true(equal(TIMESTAMP_1, TIMESTAMP_1, rule));
    assert_false(equal(VOID_, FALSE_0, rule));
    assert_true(equal(VOID_, VOID_, rule));
}

static void containers_are_equal_entry_by_entry(void **state) {
    const enum amqp_equality rule = AMQP_EQUAL_HEADERS;

    (void)state;
    assert_true(equal(ARRAY_I1, ARRAY_I1, rule));
    assert_false(equal(ARRAY_I1, ARRAY_B1, rule)); /* inside, types count */
    assert_false(equal(ARRAY_B1, ARRAY_B1B1, rule));
    assert_true(equal(TABLE_JB1, TABLE_JB1, rule));
    assert_false(equal(TABLE_JB1, TABLE_JS1, rule));
    assert_false(equal(TABLE_JB1, TABLE_IB1, rule));
    assert_false(equal(TABLE_JB1, TABLE_EMPTY, rule));
    assert_false(equal(ARRAY_B1, TABLE_JB1, rule));
    assert_true(equal(TABLE_EMPTY, TABLE_EMPTY, rule));
}

static void octets_that_are_no_table_equal_nothing(void **state) {
    struct amqp_value broken = {.tag = AMQP_TAG_TABLE, .bytes = SLICE("\x01kZ")};
    struct amqp_value empty = {.tag = AMQP_TAG_TABLE};

    (void)state;
    assert_false(amqp_value_equal(&broken, &empty, AMQP_EQUAL_STRICT));
    assert_false(amqp_value_equal(&empty, &broken, AMQP_EQUAL_STRICT));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_valid),
        cmocka_unit_test(integers_are_read_with_width_and_sign),
        cmocka_unit_test(other_types_are_read),
        cmocka_unit_test(any_octet_but_zero_is_true),
        cmocka_unit_test(only_those_18_tags_are_known),
        cmocka_unit_test(types_have_the_names_of_error_texts),
        cmocka_unit_test(truncations_are_valid_only_between_entries),
        cmocka_unit_test(inner_containers_are_judged_too),
        cmocka_unit_test(names_may_be_empty_or_no_utf8_or_double),
        cmocka_unit_test(containers_nest_16_deep),
        cmocka_unit_test(deeper_containers_are_not_followed_when_compared),
        cmocka_unit_test(a_table_has_1024_entries_at_most),
        cmocka_unit_test(entries_of_inner_containers_count),
        cmocka_unit_test(entries_come_in_wire_order),
        cmocka_unit_test(items_of_an_array_come_in_wire_order),
        cmocka_unit_test(first_of_two_entries_with_a_name_is_found),
        cmocka_unit_test(integer_and_real_tags_are_told),
        cmocka_unit_test(strict_equality_has_types),
        cmocka_unit_test(arguments_are_equivalent_by_class),
        cmocka_unit_test(headers_are_equal_by_value),
        cmocka_unit_test(containers_are_equal_entry_by_entry),
        cmocka_unit_test(octets_that_are_no_table_equal_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
