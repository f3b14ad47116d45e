/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/output.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/text.h"
#include "tools/cells.h"
#include "tools/leveretctl/banner.h"
#include "tools/leveretctl/erlang_term.h"
#include "tools/leveretctl/pretty_table.h"

void output_init(struct output *output, const struct call *call, FILE *file) {
    *output = (struct output){.call = call, .file = file, .table = json_array()};
}

/* --- fields of tables --- */

/* Of a list of names, which RabbitMQ's tools show without quotes. */
static void append_names(struct text *text, const json_t *array) {
    text_append(text, SLICE("["));
    for (size_t i = 0; i < json_array_size(array); i++)
        text_append_format(text, "%s%s", i > 0 ? ", " : "",
                           json_string_value(json_array_get(array, i)));
    text_append(text, SLICE("]"));
}

static void append_field(struct text *text, const json_t *value) {
    if (json_is_string(value))
        text_append_format(text, "%s", json_string_value(value));
    else if (cell_is_list_of_texts(value))
        append_names(text, value);
    else if (!json_is_null(value))
        erlang_term_append(text, value, false);
}

/* As RFC 4180 has it, every one in quotes. */
static void print_csv_field(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_fields(const struct output *output, const json_t *fields) {
    bool is_csv = output->call->format == CALL_FORMAT_CSV;

    for (size_t i = 0; i < json_array_size(fields); i++) {
        struct text text = {0};
        append_field(&text, json_array_get(fields, i));
        if (i > 0)
            putchar(is_csv ? ',' : '\t');
        if (is_csv)
            print_csv_field(text_chars(&text));
        else
            fputs(text_chars(&text), stdout);
        text_clear(&text);
    }
    putchar('\n');
}

/* --- rows --- */

static json_t *object_of(const struct output *output, const json_t *row) {
    json_t *object = json_object();

    for (size_t i = 0; i < json_array_size(row); i++)
        json_object_set(object, json_string_value(json_array_get(output->columns, i)),
                        json_array_get(row, i));
    return object;
}

static void print_object(const struct output *output, const json_t *row) {
    bool is_stream = output->call->format == CALL_FORMAT_JSON_STREAM;
    json_t *object = object_of(output, row);
    char *text = json_dumps(object, JSON_COMPACT);

    printf("%s%s\n", is_stream || output->row_count == 0 ? "" : ",", text);
    free(text);
    json_decref(object);
}

static void print_proplist(const struct output *output, const json_t *row) {
    fputs(output->row_count == 0 ? "[" : ",", stdout);
    for (size_t i = 0; i < json_array_size(row); i++) {
        struct text text = {0};
        erlang_term_append(&text, json_array_get(row, i), true);
        printf("%s{%s,%s}", i == 0 ? "[" : ",",
               json_string_value(json_array_get(output->columns, i)), text_chars(&text));
        text_clear(&text);
    }
    putchar(']');
}

static bool wants_headers(const struct call *call) {
    return call->format == CALL_FORMAT_CSV ||
           (!call->silent && !call->no_headers && (call->is_rabbitmq || !call->quiet));
}

static void print_headers(const struct output *output) {
    if (wants_headers(output->call))
        print_fields(output, output->columns);
}

static void begin_rows(struct output *output, json_t *columns) {
    enum call_format format = output->call->format;

    output->columns = json_incref(columns);
    if (output->collected != NULL)
        return;
    if (format == CALL_FORMAT_JSON)
        puts("[");
    else if (format == CALL_FORMAT_TABLE && !output->call->is_rabbitmq)
        print_headers(output);
}

/* The row as it stands in a pretty table: texts. */
static json_t *texts_of(const json_t *row) {
    json_t *texts = json_array();

    for (size_t i = 0; i < json_array_size(row); i++) {
        struct text text = {0};
        append_field(&text, json_array_get(row, i));
        json_array_append_new(texts, json_string(text_chars(&text)));
        text_clear(&text);
    }
    return texts;
}

static void print_row(struct output *output, const json_t *row) {
    switch (output->call->format) {
    case CALL_FORMAT_JSON:
    case CALL_FORMAT_JSON_STREAM:
        print_object(output, row);
        break;
    case CALL_FORMAT_ERLANG:
        print_proplist(output, row);
        break;
    case CALL_FORMAT_PRETTY_TABLE:
        json_array_append_new(output->table, texts_of(row));
        break;
    case CALL_FORMAT_TABLE:
    case CALL_FORMAT_CSV:
    default:
        if (output->row_count == 0 &&
            (output->call->is_rabbitmq || output->call->format == CALL_FORMAT_CSV))
            print_headers(output);
        print_fields(output, row);
        break;
    }
}

static void take_row(struct output *output, const json_t *row) {
    if (output->collected != NULL)
        json_array_append_new(output->collected, object_of(output, row));
    else
        print_row(output, row);
    output->row_count++;
}

/* --- texts --- */

static bool is_for_programs(const struct output *output) {
    return output->call->format == CALL_FORMAT_JSON ||
           output->call->format == CALL_FORMAT_JSON_STREAM;
}

static void print_json(const json_t *value) {
    json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
    putchar('\n');
}

static void print_text(const struct output *output, const json_t *text) {
    bool is_document = output->call->command == COMMAND_export_definitions;

    if (is_for_programs(output) && !is_document)
        print_json(text);
    else
        fprintf(output->file, "%s\n", json_string_value(text));
}

/* What went well: a sentence, or an object that has it under `name`. */
static void print_sentence(const struct output *output, const char *name, json_t *message) {
    if (!is_for_programs(output)) {
        puts(json_string_value(message));
        return;
    }
    json_t *object = json_pack("{sssssO}", "result", "ok", "node",
                               output->node == NULL ? "" : output->node, name, message);
    print_json(object);
    json_decref(object);
}

/* What RabbitMQ's tools show instead of the rest. */
static void take_instead(struct output *output, const json_t *document, const json_t *lines) {
    size_t i;
    json_t *line;

    output->is_replaced = is_for_programs(output) || lines != NULL;
    if (is_for_programs(output)) {
        print_json(document);
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)lines, i, line) puts(json_string_value(line));
}

static void take_value(struct output *output, json_t *value) {
    if (output->collected != NULL)
        json_array_append_new(output->collected, json_pack("{sO}", "value", value));
    else
        print_sentence(output, "value", value);
}

static void take_node(struct output *output, const char *node) {
    if (output->node != NULL)
        return;
    output->node = strdup(node);
    if (output->collected == NULL)
        banner_print(output->call, node);
}

void output_line(struct output *output, const json_t *line) {
    const json_t *text = json_object_get(line, "text");
    json_t *message = json_object_get(line, "message");
    json_t *value = json_object_get(line, "value");
    const char *banner = json_string_value(json_object_get(line, "banner"));
    const char *node = json_string_value(json_object_get(line, "node"));
    json_t *columns = json_object_get(line, "columns");
    const json_t *row = json_object_get(line, "row");
    const json_t *document = json_object_get(line, "document");

    if (node != NULL)
        take_node(output, node);
    if (document != NULL && output->call->is_rabbitmq && output->collected == NULL)
        take_instead(output, document, json_object_get(line, "lines"));
    if (output->is_replaced)
        return;
    const bool is_shown = output->collected == NULL;
    if (banner != NULL && is_shown && banner_is_wanted(output->call))
        puts(banner);
    if (text != NULL && is_shown)
        print_text(output, text);
    if (message != NULL && is_shown)
        print_sentence(output, "message", message);
    if (value != NULL)
        take_value(output, value);
    if (columns != NULL && output->columns == NULL)
        begin_rows(output, columns);
    if (row != NULL)
        take_row(output, row);
}

void output_finish(struct output *output) {
    if (output->columns == NULL || output->collected != NULL)
        return;
    if (output->call->format == CALL_FORMAT_JSON)
        puts("]");
    else if (output->call->format == CALL_FORMAT_ERLANG)
        puts(output->row_count == 0 ? "[]" : "]");
    else if (output->call->format == CALL_FORMAT_PRETTY_TABLE)
        pretty_table_print(output->columns, output->table);
}

void output_clear(struct output *output) {
    json_decref(output->columns);
    json_decref(output->collected);
    json_decref(output->table);
    free(output->node);
}
