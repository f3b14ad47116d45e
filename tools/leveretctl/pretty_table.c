/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/pretty_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "tools/cells.h"

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
        printf("│ %s%*s ", text, (int)(widths[i] - cell_width(text)), "");
    }
    puts("│");
}

void pretty_table_print(const json_t *columns, const json_t *rows) {
    size_t count = json_array_size(columns);
    size_t *widths = xcalloc(count + 1, sizeof *widths);

    cells_widen(widths, columns);
    for (size_t i = 0; i < json_array_size(rows); i++)
        cells_widen(widths, json_array_get(rows, i));
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
