/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of tables that leveretctl and rabbitmqadmin print: rows are arrays of texts. */
#ifndef LEVERET_TOOLS_CELLS_H
#define LEVERET_TOOLS_CELLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Characters, of which UTF-8 has one for each octet that does not continue one. */
static inline size_t cell_width(const char *text) {
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* `widths` has one for each column, and grows to what the row needs. */
static inline void cells_widen(size_t *widths, const json_t *row) {
    for (size_t i = 0; i < json_array_size(row); i++) {
        size_t width = cell_width(json_string_value(json_array_get(row, i)));
        if (width > widths[i])
            widths[i] = width;
    }
}

/* Also of none. */
static inline bool cell_is_list_of_texts(const json_t *value) {
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!json_is_string(json_array_get(value, i)))
            return false;
    }
    return json_is_array(value);
}

#endif
