/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/rabbitmqadmin/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/text.h"

/* --- cells --- */

static const json_t *value_at(const json_t *object, const char *path) {
    const char *dot = strchr(path, '.');

    if (dot == NULL)
        return json_object_get(object, path);
    return value_at(json_object_getn(object, path, (size_t)(dot - path)), dot + 1);
}

static void append_list(struct text *text, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *member = json_array_get(list, i);
        text_append_format(text, "%s%s", i > 0 ? ", " : "",
                           json_is_string(member) ? json_string_value(member) : "");
    }
}

/* Python's words for truth, as scripts expect them. */
static json_t *cell(const json_t *object, const char *column) {
    const json_t *value = value_at(object, column);
    struct text text = {0};

    if (json_is_string(value)) {
        text_append_format(&text, "%s", json_string_value(value));
    } else if (json_is_boolean(value)) {
        text_append_format(&text, json_is_true(value) ? "True" : "False");
    } else if (json_is_array(value)) {
        append_list(&text, value);
    } else if (value != NULL && !json_is_null(value)) {
        char *dumped = json_dumps(value, JSON_ENCODE_ANY);
        text_append_format(&text, "%s", dumped);
        free(dumped);
    }
    json_t *string = json_string(text_chars(&text));
    text_clear(&text);
    return string;
}

static json_t *split(const char *names) {
    json_t *array = json_array();

    while (*names != '\0') {
        size_t len = strcspn(names, ",");
        json_array_append_new(array, json_stringn(names, len));
        names += len + (names[len] == ',');
    }
    return array;
}

static json_t *row_of(const json_t *object, const json_t *columns) {
    json_t *row = json_array();

    for (size_t i = 0; i < json_array_size(columns); i++)
        json_array_append_new(row, cell(object, json_string_value(json_array_get(columns, i))));
    return row;
}

/* --- two forms --- */

static const char *text_at(const json_t *row, size_t index) {
    return json_string_value(json_array_get(row, index));
}

/* Characters, of which UTF-8 has one for each octet that does not continue one. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_tsv(const json_t *row) {
    for (size_t i = 0; i < json_array_size(row); i++)
        printf("%s%s", i > 0 ? "\t" : "", text_at(row, i));
    putchar('\n');
}

static void print_rule(const size_t *widths, size_t count) {
    for (size_t i = 0; i < count; i++) {
        putchar('+');
        for (size_t j = 0; j < widths[i] + 2; j++)
            putchar('-');
    }
    puts("+");
}

static void print_row(const size_t *widths, const json_t *row, bool is_centered) {
    for (size_t i = 0; i < json_array_size(row); i++) {
        size_t blanks = widths[i] - width_of(text_at(row, i));
        size_t left = is_centered ? blanks / 2 : 0;
        printf("| %*s%s%*s ", (int)left, "", text_at(row, i), (int)(blanks - left), "");
    }
    puts("|");
}

static void widen(size_t *widths, const json_t *row) {
    for (size_t i = 0; i < json_array_size(row); i++) {
        size_t width = width_of(text_at(row, i));
        widths[i] = width > widths[i] ? width : widths[i];
    }
}

static void print_boxes(const json_t *columns, const json_t *rows) {
    size_t count = json_array_size(columns);
    size_t *widths = xcalloc(count + 1, sizeof *widths);

    widen(widths, columns);
    for (size_t i = 0; i < json_array_size(rows); i++)
        widen(widths, json_array_get(rows, i));
    print_rule(widths, count);
    print_row(widths, columns, true);
    print_rule(widths, count);
    for (size_t i = 0; i < json_array_size(rows); i++)
        print_row(widths, json_array_get(rows, i), false);
    print_rule(widths, count);
    free(widths);
}

static void print_lines(const json_t *columns, const json_t *rows) {
    print_tsv(columns);
    for (size_t i = 0; i < json_array_size(rows); i++)
        print_tsv(json_array_get(rows, i));
}

void table_print(const json_t *objects, const char *names, bool is_tsv, bool is_quiet) {
    json_t *columns = split(names), *rows = json_array();

    for (size_t i = 0; i < json_array_size(objects); i++)
        json_array_append_new(rows, row_of(json_array_get(objects, i), columns));
    if (is_tsv)
        print_lines(columns, rows);
    else if (json_array_size(rows) > 0)
        print_boxes(columns, rows);
    else if (!is_quiet)
        puts("No items");
    json_decref(columns);
    json_decref(rows);
}
