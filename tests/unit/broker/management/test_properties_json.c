/* SPDX-License-Identifier: Apache-2.0 */
/* Properties and tables as JSON and back, and what is no property and no table. */
#include "broker/management/properties_json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker/entities/table_json.h"

#define ALL                                                                             \
    "{\"type\":\"t\",\"user_id\":\"u\",\"app_id\":\"a\",\"cluster_id\":\"c\","          \
    "\"message_id\":\"m\",\"timestamp\":1700000000,\"expiration\":\"1000\","            \
    "\"reply_to\":\"r\",\"correlation_id\":\"i\",\"priority\":9,\"delivery_mode\":2,"   \
    "\"headers\":{\"text\":\"x\",\"number\":-5,\"real\":1.5,\"yes\":true,\"no\":false," \
    "\"list\":[1,\"two\",[3],{}],\"table\":{\"inner\":{\"deep\":[]}}},"                 \
    "\"content_encoding\":\"e\",\"content_type\":\"text/plain\"}"

static json_t *load(const char *text) {
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    assert_non_null(value);
    return value;
}

/* Reads, and when that went well writes again. */
/* The key that is refused is one of the JSON's, which does not last. */
static bool read_and_write(const char *json, struct text *again, const char **key) {
    static char refused[64];
    struct amqp_table_builder builder;
    struct amqp_properties properties;
    struct json_out out = {.text = again};
    json_t *object = load(json);

    amqp_table_builder_init(&builder);
    bool is_good = properties_json_read(object, &builder, &properties, key);
    if (is_good)
        properties_json_write(&out, &properties);
    if (*key != NULL)
        snprintf(refused, sizeof refused, "%s", *key);
    *key = *key == NULL ? NULL : refused;
    amqp_table_builder_clear(&builder);
    json_decref(object);
    return is_good;
}

static void all_properties_go_both_ways(void **state) {
    struct text again = {0};
    const char *key;

    (void)state;
    assert_true(read_and_write(ALL, &again, &key));
    assert_string_equal(text_chars(&again), ALL);
    text_clear(&again);
    /* What is no property at all is taken and forgotten, as by RabbitMQ. */
    assert_true(read_and_write("{\"colour\":\"red\",\"Type\":[null]}", &again, &key));
    assert_string_equal(text_chars(&again), "{}");
    text_clear(&again);
}

static void edges_of_what_fits(void **state) {
    static const char *const good[] = {
        "{\"priority\":0}",
        "{\"priority\":255}",
        "{\"timestamp\":0}",
        "{\"timestamp\":9223372036854775807}",
        "{\"type\":\"\"}",
        "{\"headers\":{}}",
        "{\"headers\":{\"\":0}}",
        "{\"headers\":{\"n\":9223372036854775807,\"m\":-9223372036854775808}}",
    };
    struct text again = {0};
    const char *key;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(read_and_write(good[i], &again, &key));
        assert_string_equal(text_chars(&again), good[i]);
        text_clear(&again);
    }
}

static void what_is_no_property_is_named(void **state) {
    static const struct {
        const char *json;
        const char *key;
    } bad[] = {
        {"{\"type\":1}", "type"},
        {"{\"type\":null}", "type"},
        {"{\"type\":[]}", "type"},
        {"{\"priority\":\"1\"}", "priority"},
        {"{\"priority\":-1}", "priority"},
        {"{\"priority\":256}", "priority"},
        {"{\"priority\":1.0}", "priority"},
        {"{\"delivery_mode\":true}", "delivery_mode"},
        {"{\"delivery_mode\":65538}", "delivery_mode"},
        {"{\"timestamp\":-1}", "timestamp"},
        {"{\"timestamp\":1e3}", "timestamp"},
        {"{\"headers\":[1]}", "headers"},
        {"{\"headers\":\"\"}", "headers"},
        {"{\"headers\":{\"a\":null}}", "headers"},
        {"{\"headers\":{\"a\":[[null]]}}", "headers"},
    };
    const char *key = NULL;
    struct text again = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(read_and_write(bad[i].json, &again, &key));
        assert_string_equal(key, bad[i].key);
        assert_int_equal(again.len, 0);
    }
    for (size_t length = 255; length <= 256; length++) { /* octets of a short string */
        char json[400];
        snprintf(json, sizeof json, "{\"app_id\":\"%0*d\"}", (int)length, 0);
        assert_int_equal(read_and_write(json, &again, &key), length == 255);
        text_clear(&again);
        snprintf(json, sizeof json, "{\"headers\":{\"%0*d\":1}}", (int)length, 0);
        assert_int_equal(read_and_write(json, &again, &key), length == 255);
        text_clear(&again);
    }
}

/* {"a":{"a":...}} or [[...]], `depth` containers in all. */
static void nest(struct text *json, size_t depth, bool in_arrays) {
    text_append(json, SLICE("{\"headers\":{\"a\":"));
    for (size_t i = 0; i < depth; i++)
        text_append_format(json, "%s", in_arrays ? "[" : "{\"a\":");
    text_append(json, SLICE("1"));
    for (size_t i = 0; i < depth; i++)
        text_append_format(json, "%s", in_arrays ? "]" : "}");
    text_append(json, SLICE("}}"));
}

static void tables_have_a_depth_and_a_size(void **state) {
    struct text json = {0}, again = {0};
    const char *key;

    (void)state;
    for (int in_arrays = 0; in_arrays < 2; in_arrays++) {
        for (size_t depth = AMQP_TABLE_DEPTH_MAX - 1; depth <= AMQP_TABLE_DEPTH_MAX; depth++) {
            nest(&json, depth, in_arrays);
            assert_int_equal(read_and_write(text_chars(&json), &again, &key),
                             depth < AMQP_TABLE_DEPTH_MAX);
            text_clear(&json);
            text_clear(&again);
        }
    }
    for (int entries = AMQP_TABLE_ENTRIES_MAX; entries <= AMQP_TABLE_ENTRIES_MAX + 1; entries++) {
        text_append(&json, SLICE("{\"headers\":{\"0\":0"));
        for (int i = 1; i < entries; i++)
            text_append_format(&json, ",\"%d\":0", i);
        text_append(&json, SLICE("}}"));
        assert_int_equal(read_and_write(text_chars(&json), &again, &key),
                         entries == AMQP_TABLE_ENTRIES_MAX);
        text_clear(&json);
        text_clear(&again);
    }
}

/* --- types that only AMQP has --- */

static void assert_written(struct amqp_table_builder *builder, const char *expected) {
    struct text text = {0};
    struct json_out out = {.text = &text};

    table_json_write(&out, amqp_table_builder_finish(builder));
    assert_string_equal(text_chars(&text), expected);
    json_decref(load(text_chars(&text)));
    text_clear(&text);
    amqp_table_builder_clear(builder);
}

static void every_type_of_a_table_has_a_form(void **state) {
    struct amqp_table_builder builder;

    (void)state;
    amqp_table_builder_init(&builder);
    amqp_table_put_int(&builder, SLICE("byte"), AMQP_TAG_INT8, -128);
    amqp_table_put_int(&builder, SLICE("int"), AMQP_TAG_INT32, 7);
    amqp_table_put_timestamp(&builder, SLICE("time"), INT64_MAX);
    amqp_table_put_binary(&builder, SLICE("octets"), SLICE("b"));
    amqp_table_put_void(&builder, SLICE("void"));
    assert_written(&builder, "{\"byte\":-128,\"int\":7,\"time\":9223372036854775807,"
                             "\"octets\":\"b\",\"void\":null}");
}

static void numbers_that_json_has_not(void **state) {
    static const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1e308, -0.0};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct amqp_table_builder builder;
        struct text text = {0};
        struct json_out out = {.text = &text};
        amqp_table_builder_init(&builder);
        amqp_table_put_double(&builder, SLICE("x"), values[i]);
        table_json_write(&out, amqp_table_builder_finish(&builder));
        json_decref(load(text_chars(&text)));
        text_clear(&text);
        amqp_table_builder_clear(&builder);
    }
}

/* A client may write a name twice, or what is no UTF-8. */
static void hostile_tables_are_json_all_the_same(void **state) {
    struct amqp_table_builder builder;

    (void)state;
    amqp_table_builder_init(&builder);
    amqp_table_put_text(&builder, SLICE("a"), SLICE("1"));
    amqp_table_put_text(&builder, SLICE("a"), SLICE("2"));
    amqp_table_put_text(&builder, SLICE("\"\\\n<script>"), SLICE("\x01\x1f\"\\</script>\x7f"));
    assert_written(&builder, "{\"a\":\"1\",\"\\\"\\\\\\n<script>\":"
                             "\"\\u0001\\u001f\\\"\\\\</script>\\u007f\"}");
    for (int octet = 0; octet < 256; octet++) {
        const uint8_t text[] = {(uint8_t)octet, 'x', (uint8_t)octet};
        struct text json = {0};
        struct json_out out = {.text = &json};
        amqp_table_builder_init(&builder);
        amqp_table_put_text(&builder, slice_of(text, sizeof text), slice_of(text, sizeof text));
        table_json_write(&out, amqp_table_builder_finish(&builder));
        if (octet != 0) /* no key of jansson's may have a NUL */
            json_decref(load(text_chars(&json)));
        text_clear(&json);
        amqp_table_builder_clear(&builder);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_properties_go_both_ways),
        cmocka_unit_test(edges_of_what_fits),
        cmocka_unit_test(what_is_no_property_is_named),
        cmocka_unit_test(tables_have_a_depth_and_a_size),
        cmocka_unit_test(every_type_of_a_table_has_a_form),
        cmocka_unit_test(numbers_that_json_has_not),
        cmocka_unit_test(hostile_tables_are_json_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
