/* SPDX-License-Identifier: Apache-2.0 */
/* Widths are counted in characters, of which UTF-8 has one for each octet that does not continue one. */
#include "tools/leveretctl/pretty_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/base/alloc.h"

static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void widen(size_t *widths, const json_t *row) {
    for (size_t i = 0; i < json_array_size(row); i++) {
        size_t width = width_of(json_string_value(json_array_get(row, i)));
        if (width > widths[i])
            widths[i] = width;
    }
}

static void print_rule(const size_t *widths, size_t count, const char *left, const char *cross,
                       const char *right) {
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? left : cross, stdout);
        for (size_t j = 0; j < widths[i] + 2; j++)
            fputs("─", stdout);
    }
    puts(right);
}

static void print_row(const size_t *widths, const json_t *row) {
    for (size_t i = 0; i < json_array_size(row); i++) {
        const char *text = json_string_value(json_array_get(row, i));
        printf("│ %s%*s ", text, (int)(widths[i] - width_of(text)), "");
    }
    puts("│");
}

void pretty_table_print(const json_t *columns, const json_t *rows) {
    size_t count = json_array_size(columns);
    size_t *widths = xcalloc(count + 1, sizeof *widths);

    widen(widths, columns);
    for (size_t i = 0; i < json_array_size(rows); i++)
        widen(widths, json_array_get(rows, i));
    if (json_array_size(rows) > 0) {
        print_rule(widths, count, "┌", "┬", "┐");
        print_row(widths, columns);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            print_rule(widths, count, "├", "┼", "┤");
            print_row(widths, json_array_get(rows, i));
        }
        print_rule(widths, count, "└", "┴", "┘");
    }
    free(widths);
}
