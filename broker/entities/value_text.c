/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Erlang's ~p of table values. Arrays and tables nest at most AMQP_TABLE_DEPTH_MAX deep, which
 * validation made sure of, so that the recursion below is bounded.
 */
#include "broker/entities/value_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest decimal that reads back as `real`; Erlang always writes a decimal point. */
static void append_real(struct text *text, double real) {
    char digits[40];
    int precision = 1;

    do {
        snprintf(digits, sizeof digits, "%.*g", precision, real);
    } while (++precision <= 17 && strtod(digits, NULL) != real);
    const char *exponent = strchr(digits, 'e');
    size_t mantissa_len = exponent == NULL ? strlen(digits) : (size_t)(exponent - digits);
    text_append(text, slice_of(digits, mantissa_len));
    if (isfinite(real) && memchr(digits, '.', mantissa_len) == NULL)
        text_append(text, SLICE(".0"));
    if (exponent != NULL)
        text_append_format(text, "e%ld", strtol(exponent + 1, NULL, 10));
}

static void append_array(struct text *text, struct slice array) {
    struct amqp_array_iterator i = amqp_array_begin(array);
    struct amqp_value item;
    const char *separator = "";

    text_append(text, SLICE("["));
    while (amqp_array_next(&i, &item)) {
        text_append_format(text, "%s{%s,", separator, amqp_type_name(item.tag));
        value_text_append(text, &item);
        text_append(text, SLICE("}"));
        separator = ",";
    }
    text_append(text, SLICE("]"));
}

static void append_table(struct text *text, struct slice table) {
    struct amqp_table_iterator i = amqp_table_begin(table);
    struct slice name;
    struct amqp_value value;
    const char *separator = "";

    text_append(text, SLICE("["));
    while (amqp_table_next(&i, &name, &value)) {
        text_append_format(text, "%s{", separator);
        text_append_erlang_binary(text, name);
        text_append_format(text, ",%s,", amqp_type_name(value.tag));
        value_text_append(text, &value);
        text_append(text, SLICE("}"));
        separator = ",";
    }
    text_append(text, SLICE("]"));
}

void value_text_append(struct text *text, const struct amqp_value *value) {
    if (amqp_value_is_integer(value)) {
        text_append_format(text, "%" PRId64, value->integer);
        return;
    }
    switch (value->tag) {
    case AMQP_TAG_BOOL:
        text_append(text, value->boolean ? SLICE("true") : SLICE("false"));
        break;
    case AMQP_TAG_FLOAT:
    case AMQP_TAG_DOUBLE:
        append_real(text, value->real);
        break;
    case AMQP_TAG_DECIMAL:
        text_append_format(text, "{%u,%" PRIu32 "}", value->decimal.scale, value->decimal.digits);
        break;
    case AMQP_TAG_TIMESTAMP:
        text_append_format(text, "%" PRIu64, value->timestamp);
        break;
    case AMQP_TAG_TEXT:
    case AMQP_TAG_BINARY:
        text_append_erlang_binary(text, value->bytes);
        break;
    case AMQP_TAG_ARRAY:
        append_array(text, value->bytes);
        break;
    case AMQP_TAG_TABLE:
        append_table(text, value->bytes);
        break;
    default:
        text_append(text, SLICE("undefined"));
        break;
    }
}

void value_text_append_bare(struct text *text, const struct amqp_value *value) {
    if (value->tag == AMQP_TAG_TEXT || value->tag == AMQP_TAG_BINARY)
        text_append(text, value->bytes);
    else
        value_text_append(text, value);
}
