/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/value_text.h"

/* The table's first value, as text. */
static void assert_first_value(struct amqp_table_builder *builder, const char *expected,
                               const char *expected_bare) {
    struct amqp_table_iterator i = amqp_table_begin(amqp_table_builder_finish(builder));
    struct amqp_value value;
    struct slice name;
    struct text text = {0};
    struct text bare = {0};

    assert_true(amqp_table_next(&i, &name, &value));
    value_text_append(&text, &value);
    value_text_append_bare(&bare, &value);
    assert_string_equal(text_chars(&text), expected);
    assert_string_equal(text_chars(&bare), expected_bare);
    text_clear(&text);
    text_clear(&bare);
    amqp_table_builder_clear(builder);
}

static void scalars_read_as_erlang_terms(void **state) {
    struct amqp_table_builder b = {0};

    (void)state;
    amqp_table_put_int(&b, SLICE("k"), AMQP_TAG_INT64, -1000);
    assert_first_value(&b, "-1000", "-1000");
    amqp_table_put_bool(&b, SLICE("k"), true);
    assert_first_value(&b, "true", "true");
    amqp_table_put_timestamp(&b, SLICE("k"), 1700000000);
    assert_first_value(&b, "1700000000", "1700000000");
    amqp_table_put_void(&b, SLICE("k"));
    assert_first_value(&b, "undefined", "undefined");
    amqp_table_put_text(&b, SLICE("k"), SLICE("foo"));
    assert_first_value(&b, "<<\"foo\">>", "foo");
    amqp_table_put_binary(&b, SLICE("k"), SLICE("\x01\x02"));
    assert_first_value(&b, "<<1,2>>", "\x01\x02");
}

static void decimal_is_scale_and_digits(void **state) {
    struct amqp_value value = {.tag = AMQP_TAG_DECIMAL, .decimal = {2, 314}};
    struct text text = {0};

    (void)state;
    value_text_append(&text, &value);
    assert_string_equal(text_chars(&text), "{2,314}");
    text_clear(&text);
}

static void real_is_the_shortest_that_reads_back(void **state) {
    struct amqp_table_builder b = {0};

    (void)state;
    amqp_table_put_double(&b, SLICE("k"), 1.0);
    assert_first_value(&b, "1.0", "1.0");
    amqp_table_put_double(&b, SLICE("k"), 0.1);
    assert_first_value(&b, "0.1", "0.1");
    amqp_table_put_double(&b, SLICE("k"), -1e300);
    assert_first_value(&b, "-1.0e300", "-1.0e300");
}

static void containers_nest(void **state) {
    struct amqp_table_builder b = {0};

    (void)state;
    amqp_table_begin_array(&b, SLICE("k"));
    amqp_table_put_int(&b, AMQP_NO_NAME, AMQP_TAG_INT32, 1);
    amqp_table_begin_table(&b, AMQP_NO_NAME);
    amqp_table_put_text(&b, SLICE("a"), SLICE("b"));
    amqp_table_put_bool(&b, SLICE("c"), false);
    amqp_table_end(&b);
    amqp_table_end(&b);
    const char *expected = "[{signedint,1},{table,[{<<\"a\">>,longstr,<<\"b\">>},"
                           "{<<\"c\">>,bool,false}]}]";
    assert_first_value(&b, expected, expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_read_as_erlang_terms),
        cmocka_unit_test(decimal_is_scale_and_digits),
        cmocka_unit_test(real_is_the_shortest_that_reads_back),
        cmocka_unit_test(containers_nest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
