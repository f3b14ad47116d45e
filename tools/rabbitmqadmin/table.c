/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/rabbitmqadmin/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "tools/cells.h"

/* --- cells --- */

/* Names may have dots themselves. */
static const json_t *value_at(const json_t *object, const char *path) {
    const char *dot = strchr(path, '.');
    const json_t *value = json_object_get(object, path);

    if (value != NULL || dot == NULL)
        return value;
    return value_at(json_object_getn(object, path, (size_t)(dot - path)), dot + 1);
}

static void append_texts(struct text *text, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++)
        text_append_format(text, "%s%s", i > 0 ? " " : "",
                           json_string_value(json_array_get(list, i)));
}

/* Python's words for truth, as scripts expect them. */
static json_t *cell(const json_t *object, const char *column) {
    const json_t *value = value_at(object, column);
    struct text text = {0};

    if (json_is_string(value)) {
        text_append_format(&text, "%s", json_string_value(value));
    } else if (json_is_boolean(value)) {
        text_append_format(&text, json_is_true(value) ? "True" : "False");
    } else if (cell_is_list_of_texts(value)) {
        append_texts(&text, value);
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

/* --- columns that nobody named --- */

/* These come first, in this order; the others follow by name. */
static const char *const promoted[] = {
    "vhost", "name", "type", "source", "destination", "destination_type", "routing_key"};
#define PROMOTED_COUNT (sizeof promoted / sizeof promoted[0])

static size_t rank_of(const char *column) {
    for (size_t i = 0; i < PROMOTED_COUNT; i++) {
        if (strcmp(promoted[i], column) == 0)
            return i;
    }
    return PROMOTED_COUNT;
}

static int compare_columns(const void *a, const void *b) {
    const char *one = *(const char *const *)a, *other = *(const char *const *)b;
    const size_t rank = rank_of(one), other_rank = rank_of(other);

    return rank != other_rank ? (rank < other_rank ? -1 : 1) : strcmp(one, other);
}

/* What parameters and policies are about is shown as JSON, whatever is inside. */
static bool is_opened(const char *path, const json_t *value) {
    return json_is_object(value) && strcmp(path, "value") != 0 && strcmp(path, "definition") != 0;
}

/* Into `columns`, an object whose keys are what was found; the levels end with `depth`. */
static void find_columns(json_t *columns, const char *prefix, const json_t *object, int depth) {
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        struct text path = {0};
        text_append_format(&path, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", key);
        if (!is_opened(text_chars(&path), value))
            json_object_set_new(columns, text_chars(&path), json_true());
        else if (depth > 1)
            find_columns(columns, text_chars(&path), value, depth - 1);
        text_clear(&path);
    }
}

static json_t *sorted_columns(json_t *found) {
    const size_t count = json_object_size(found);
    const char **names = xcalloc(count + 1, sizeof *names);
    json_t *columns = json_array(), *value;
    const char *key;
    size_t i = 0;

    json_object_foreach(found, key, value) {
        names[i++] = key;
    }
    qsort(names, count, sizeof *names, compare_columns);
    for (i = 0; i < count; i++)
        json_array_append_new(columns, json_string(names[i]));
    free(names);
    return columns;
}

static json_t *all_columns(const json_t *objects, int depth) {
    json_t *found = json_object();

    for (size_t i = 0; i < json_array_size(objects); i++)
        find_columns(found, "", json_array_get(objects, i), depth);
    json_t *columns = sorted_columns(found);
    json_decref(found);
    return columns;
}

/* --- forms --- */

static const char *text_at(const json_t *row, size_t index) {
    return json_string_value(json_array_get(row, index));
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
        size_t blanks = widths[i] - cell_width(text_at(row, i));
        size_t left = is_centered ? blanks / 2 : 0;
        printf("| %*s%s%*s ", (int)left, "", text_at(row, i), (int)(blanks - left), "");
    }
    puts("|");
}

static void print_boxes(const json_t *columns, const json_t *rows, bool is_quiet) {
    (void)is_quiet;
    size_t count = json_array_size(columns);
    size_t *widths = xcalloc(count + 1, sizeof *widths);

    cells_widen(widths, columns);
    for (size_t i = 0; i < json_array_size(rows); i++)
        cells_widen(widths, json_array_get(rows, i));
    print_rule(widths, count);
    print_row(widths, columns, true);
    print_rule(widths, count);
    for (size_t i = 0; i < json_array_size(rows); i++)
        print_row(widths, json_array_get(rows, i), false);
    print_rule(widths, count);
    free(widths);
}

static void print_lines(const json_t *columns, const json_t *rows, bool is_quiet) {
    if (!is_quiet)
        print_tsv(columns);
    for (size_t i = 0; i < json_array_size(rows); i++)
        print_tsv(json_array_get(rows, i));
}

static void print_separator(void) {
    putchar('\n');
    for (int i = 0; i < 80; i++)
        putchar('-');
    puts("\n");
}

static void print_long(const json_t *columns, const json_t *rows, bool is_quiet) {
    size_t width = 0;

    (void)is_quiet;
    for (size_t i = 0; i < json_array_size(columns); i++)
        width = cell_width(text_at(columns, i)) > width ? cell_width(text_at(columns, i)) : width;
    print_separator();
    for (size_t i = 0; i < json_array_size(rows); i++) {
        for (size_t j = 0; j < json_array_size(columns); j++)
            printf("%*s: %s\n", (int)width, text_at(columns, j),
                   text_at(json_array_get(rows, i), j));
        print_separator();
    }
}

static void print_pairs(const json_t *columns, const json_t *rows, bool is_quiet) {
    (void)is_quiet;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        for (size_t j = 0; j < json_array_size(columns); j++)
            printf("%s%s=\"%s\"", j > 0 ? " " : "", text_at(columns, j),
                   text_at(json_array_get(rows, i), j));
        putchar('\n');
    }
}

/* Names in one line, to choose from. */
static void print_names(const json_t *columns, const json_t *rows, bool is_quiet) {
    (void)is_quiet;
    for (size_t i = 0; i < json_array_size(columns); i++) {
        if (strcmp(text_at(columns, i), "name") != 0)
            continue;
        for (size_t j = 0; j < json_array_size(rows); j++)
            printf("%s%s", j > 0 ? " " : "", text_at(json_array_get(rows, j), i));
        putchar('\n');
    }
}

static const struct {
    const char *name;
    void (*print)(const json_t *columns, const json_t *rows, bool is_quiet);
} forms[] = {{"table", print_boxes},
             {"tsv", print_lines},
             {"long", print_long},
             {"kvp", print_pairs},
             {"bash", print_names}};
#define FORM_COUNT (sizeof forms / sizeof forms[0])

bool table_print(const json_t *objects, const char *format, const char *names, int depth,
                 bool is_quiet) {
    size_t form = 0;

    while (form < FORM_COUNT && strcmp(forms[form].name, format) != 0)
        form++;
    if (form == FORM_COUNT)
        return false;
    json_t *columns = names[0] == '\0' ? all_columns(objects, depth) : split(names);
    json_t *rows = json_array();
    for (size_t i = 0; i < json_array_size(objects); i++)
        json_array_append_new(rows, row_of(json_array_get(objects, i), columns));
    if (json_array_size(rows) > 0)
        forms[form].print(columns, rows, is_quiet);
    else if (!is_quiet)
        puts("No items");
    json_decref(columns);
    json_decref(rows);
    return true;
}
