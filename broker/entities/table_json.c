/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables as JSON and back. */
#include "broker/entities/table_json.h"

#include <math.h>

#include "broker/base/json.h"

/* --- writing; the tables were validated when they came in, so the depth is bounded --- */

static void write_value(struct json_out *out, const struct amqp_value *value);

static void write_array(struct json_out *out, struct slice array) {
    struct amqp_array_iterator i = amqp_array_begin(array);
    struct amqp_value value;

    json_out_begin_array(out);
    while (amqp_array_next(&i, &value))
        write_value(out, &value);
    json_out_end_array(out);
}

static double decimal_value(struct amqp_decimal decimal) {
    return decimal.digits / pow(10, decimal.scale);
}

static void write_value(struct json_out *out, const struct amqp_value *value) {
    if (amqp_value_is_integer(value)) {
        json_out_integer(out, value->integer);
        return;
    }
    switch (value->tag) {
    case AMQP_TAG_BOOL:
        json_out_bool(out, value->boolean);
        break;
    case AMQP_TAG_FLOAT:
    case AMQP_TAG_DOUBLE:
        json_out_double(out, value->real);
        break;
    case AMQP_TAG_DECIMAL:
        json_out_double(out, decimal_value(value->decimal));
        break;
    case AMQP_TAG_TIMESTAMP:
        json_out_unsigned(out, value->timestamp);
        break;
    case AMQP_TAG_TEXT:
    case AMQP_TAG_BINARY:
        json_out_text(out, value->bytes);
        break;
    case AMQP_TAG_ARRAY:
        write_array(out, value->bytes);
        break;
    case AMQP_TAG_TABLE:
        table_json_write(out, value->bytes);
        break;
    default:
        json_out_null(out);
    }
}

static bool is_first_of_its_name(struct slice table, struct slice name,
                                 const struct amqp_value *value) {
    struct amqp_value first;

    return amqp_table_find(table, name, &first) && first.encoded.data == value->encoded.data;
}

void table_json_write(struct json_out *out, struct slice table) {
    struct amqp_table_iterator i = amqp_table_begin(table);
    struct slice name;
    struct amqp_value value;

    json_out_begin_object(out);
    while (amqp_table_next(&i, &name, &value)) {
        if (!is_first_of_its_name(table, name, &value))
            continue;
        json_out_key_text(out, name);
        write_value(out, &value);
    }
    json_out_end_object(out);
}

/* --- reading --- */

struct reader {
    struct amqp_table_builder *builder;
    size_t entries;
    size_t depth;
};

static bool read_value(struct reader *reader, struct slice name, const json_t *value);

static bool read_items(struct reader *reader, const json_t *array) {
    size_t index;
    json_t *item;

    json_array_foreach(array, index, item) {
        if (!read_value(reader, AMQP_NO_NAME, item))
            return false;
    }
    return true;
}

static bool read_entries(struct reader *reader, const json_t *object) {
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        if (!read_value(reader, slice_from_text(key), value))
            return false;
    }
    return true;
}

static bool read_container(struct reader *reader, struct slice name, const json_t *value) {
    if (++reader->depth >= AMQP_TABLE_DEPTH_MAX)
        return false;
    const bool is_array = json_is_array(value);
    (is_array ? amqp_table_begin_array : amqp_table_begin_table)(reader->builder, name);
    const bool ok = (is_array ? read_items : read_entries)(reader, value);
    amqp_table_end(reader->builder);
    reader->depth--;
    return ok;
}

static bool read_value(struct reader *reader, struct slice name, const json_t *value) {
    if (++reader->entries > AMQP_TABLE_ENTRIES_MAX)
        return false;
    switch (json_typeof(value)) {
    case JSON_STRING:
        amqp_table_put_text(reader->builder, name, slice_from_json(value));
        return true;
    case JSON_INTEGER:
        amqp_table_put_int(reader->builder, name, AMQP_TAG_INT64, json_integer_value(value));
        return true;
    case JSON_REAL:
        amqp_table_put_double(reader->builder, name, json_real_value(value));
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        amqp_table_put_bool(reader->builder, name, json_is_true(value));
        return true;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return read_container(reader, name, value);
    case JSON_NULL:
    default:
        return false;
    }
}

bool table_json_read(const json_t *object, struct amqp_table_builder *builder) {
    struct reader reader = {.builder = builder};

    return read_entries(&reader, object) && !amqp_table_builder_failed(builder);
}
