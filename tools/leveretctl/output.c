/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void output_init(struct output *output, const struct call *call) {
    *output = (struct output){.format = call->format, .quiet = call->quiet};
}

static char *text_of(const json_t *value) {
    if (json_is_string(value))
        return strdup(json_string_value(value));
    if (json_is_null(value))
        return strdup("");
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* A field of CSV (RFC 4180); of a table, where a tab ends it, as it is. */
static void print_field(const struct output *output, const char *text) {
    if (output->format != CALL_FORMAT_CSV || text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_fields(const struct output *output, const json_t *fields) {
    char separator = output->format == CALL_FORMAT_CSV ? ',' : '\t';
    for (size_t i = 0; i < json_array_size(fields); i++) {
        char *text = text_of(json_array_get(fields, i));
        if (i > 0)
            putchar(separator);
        print_field(output, text);
        free(text);
    }
    putchar('\n');
}

static void print_object(const struct output *output, const json_t *row) {
    json_t *object = json_object();
    for (size_t i = 0; i < json_array_size(row); i++)
        json_object_set(object, json_string_value(json_array_get(output->columns, i)),
                        json_array_get(row, i));
    char *text = json_dumps(object, JSON_COMPACT);
    printf("%s%s", output->row_count == 0 ? "\n" : ",\n", text);
    free(text);
    json_decref(object);
}

static void begin_rows(struct output *output, json_t *columns) {
    output->columns = json_incref(columns);
    if (output->format == CALL_FORMAT_JSON)
        putchar('[');
    else if (!output->quiet)
        print_fields(output, columns);
}

static void print_text(const struct output *output, const json_t *text) {
    if (output->format != CALL_FORMAT_JSON)
        puts(json_string_value(text));
    else
        json_dumpf(text, stdout, JSON_ENCODE_ANY), putchar('\n');
}

void output_line(struct output *output, const json_t *line) {
    json_t *text = json_object_get(line, "text");
    json_t *columns = json_object_get(line, "columns");
    json_t *row = json_object_get(line, "row");

    if (json_is_string(text))
        print_text(output, text);
    if (columns != NULL && output->columns == NULL)
        begin_rows(output, columns);
    if (row == NULL)
        return;
    if (output->format == CALL_FORMAT_JSON)
        print_object(output, row);
    else
        print_fields(output, row);
    output->row_count++;
}

void output_finish(struct output *output) {
    if (output->columns != NULL && output->format == CALL_FORMAT_JSON)
        fputs(output->row_count == 0 ? "]\n" : "\n]\n", stdout);
    json_decref(output->columns);
}
