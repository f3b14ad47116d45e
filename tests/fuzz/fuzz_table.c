/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Field tables.  The first octet says where the rest is cut into two tables; each is walked, found
 * in and rebuilt, and both are compared.
 *
 * A valid table is walked to its end; a rebuilt one is valid, has the same values in the same order
 * and costs no more heap than HEAP_LIMIT.  Equality is symmetric, and each rule is laxer than the
 * one before it.  Octets that are no table make the same functions stop early and touch nothing
 * else.
 */
#include "tests/fuzz/support.h"

#include "amqp/table.h"

#define NAMES_LOOKED_UP 16

/* The entries up to the first that is none. */
static size_t walk(struct slice table, bool *ret_at_end) {
    struct amqp_table_iterator i = amqp_table_begin(table);
    struct slice name;
    struct amqp_value value;
    size_t count = 0;

    while (amqp_table_next(&i, &name, &value)) {
        assert(name.len <= UINT8_MAX);
        assert(value.encoded.len < table.len);
        count++;
    }
    *ret_at_end = cursor_at_end(&i.cursor) && !cursor_failed(&i.cursor);
    return count;
}

/* What is found under a name is its first entry. */
static void check_find(struct slice table) {
    struct amqp_table_iterator i = amqp_table_begin(table), before;
    struct slice name, earlier_name;
    struct amqp_value value, found, earlier;

    for (size_t n = 0; n < NAMES_LOOKED_UP && amqp_table_next(&i, &name, &value); n++) {
        bool is_first = true;

        before = amqp_table_begin(table);
        for (size_t m = 0; m < n && amqp_table_next(&before, &earlier_name, &earlier); m++)
            is_first &= !slice_equal(earlier_name, name);
        assert(amqp_table_find(table, name, &found));
        assert((found.encoded.data == value.encoded.data) == is_first);
    }
}

static void copy_entries(struct amqp_table_builder *builder, struct slice table) {
    struct amqp_table_iterator i = amqp_table_begin(table);
    struct slice name;
    struct amqp_value value;

    while (amqp_table_next(&i, &name, &value))
        amqp_table_put_value(builder, name, &value);
}

static void check_copy(struct slice table, struct slice copy) {
    struct amqp_table_iterator i = amqp_table_begin(table), j = amqp_table_begin(copy);
    struct slice name, name_in_copy;
    struct amqp_value value, value_in_copy;

    assert(copy.len == table.len);
    assert(amqp_table_is_valid(copy));
    while (amqp_table_next(&i, &name, &value)) {
        assert(amqp_table_next(&j, &name_in_copy, &value_in_copy));
        assert(slice_equal(name, name_in_copy));
        assert(slice_equal(value.encoded, value_in_copy.encoded));
    }
    assert(cursor_at_end(&j.cursor));
}

static void check_rebuild(struct slice table) {
    struct amqp_table_builder builder;

    heap_count_begin();
    amqp_table_builder_init(&builder);
    copy_entries(&builder, table);
    assert(!amqp_table_builder_failed(&builder));
    struct slice copy = amqp_table_builder_finish(&builder);
    assert(heap_count_end() <= HEAP_LIMIT(table.len));
    check_copy(table, copy);
    amqp_table_builder_clear(&builder);
}

static void check_valid(struct slice table) {
    bool at_end;

    assert(walk(table, &at_end) <= AMQP_TABLE_ENTRIES_MAX);
    assert(at_end);
    check_find(table);
    check_rebuild(table);
}

/* The tables as values: all rules, in both directions. */
static void check_equality(struct slice a, struct slice b) {
    struct amqp_value value_a = {.tag = AMQP_TAG_TABLE, .bytes = a};
    struct amqp_value value_b = {.tag = AMQP_TAG_TABLE, .bytes = b};
    bool strict = amqp_value_equal(&value_a, &value_b, AMQP_EQUAL_STRICT);
    bool equivalent = amqp_value_equal(&value_a, &value_b, AMQP_EQUAL_EQUIVALENT);
    bool headers = amqp_value_equal(&value_a, &value_b, AMQP_EQUAL_HEADERS);

    assert(strict == amqp_value_equal(&value_b, &value_a, AMQP_EQUAL_STRICT));
    assert(equivalent == amqp_value_equal(&value_b, &value_a, AMQP_EQUAL_EQUIVALENT));
    assert(headers == amqp_value_equal(&value_b, &value_a, AMQP_EQUAL_HEADERS));
    assert(!strict || equivalent);
    assert(!equivalent || headers);
}

/* Entry by entry under each rule, so that values inside reach the laxer ones. */
static void check_entries(struct slice a, struct slice b) {
    struct amqp_table_iterator i = amqp_table_begin(a), j = amqp_table_begin(b);
    struct slice name;
    struct amqp_value value_a, value_b;

    while (amqp_table_next(&i, &name, &value_a) && amqp_table_next(&j, &name, &value_b)) {
        bool strict = amqp_value_equal(&value_a, &value_b, AMQP_EQUAL_STRICT);
        bool equivalent = amqp_value_equal(&value_a, &value_b, AMQP_EQUAL_EQUIVALENT);
        bool headers = amqp_value_equal(&value_a, &value_b, AMQP_EQUAL_HEADERS);

        assert(!strict || equivalent);
        assert(!equivalent || headers);
        assert(equivalent == amqp_value_equal(&value_b, &value_a, AMQP_EQUAL_EQUIVALENT));
        assert(headers == amqp_value_equal(&value_b, &value_a, AMQP_EQUAL_HEADERS));
    }
}

static void check_table(struct slice table) {
    bool at_end;

    if (amqp_table_is_valid(table)) {
        check_valid(table);
        return;
    }
    walk(table, &at_end);
    amqp_table_count(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cursor c = cursor_over(slice_of(data, size));
    uint8_t cut = cursor_u8(&c);
    struct slice a = cursor_bytes(&c, cursor_remaining(&c) * cut / UINT8_MAX);
    struct slice b = cursor_rest(&c);

    check_table(a);
    check_table(b);
    check_equality(a, b);
    check_entries(a, b);
    return 0;
}
