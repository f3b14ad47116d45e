/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to settings. */
#include "broker/config_syntax.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"

#define FILE_SIZE_MAX     (1024u * 1024u)
#define INCLUDE_DEPTH_MAX 8

struct reader {
    struct config *config;
    const char *name;     /* of the file */
    struct slice content; /* what is left of it */
    unsigned line_number; /* of the last line taken */
    unsigned include_depth;
    struct text *error;
    bool good;
};

static bool is_blank(uint8_t octet) {
    return octet == ' ' || octet == '\t' || octet == '\r';
}

static struct slice trim(struct slice text) {
    while (text.len > 0 && is_blank(text.data[0]))
        text = slice_of(text.data + 1, text.len - 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* Splits at the first `separator`; false when there is none. */
static bool split(struct slice text, struct slice separator, struct slice *ret_before,
                  struct slice *ret_after) {
    const uint8_t *at =
        text.len == 0 ? NULL : memmem(text.data, text.len, separator.data, separator.len);
    if (at == NULL)
        return false;
    size_t before = (size_t)(at - text.data);
    *ret_before = slice_of(text.data, before);
    *ret_after = slice_of(at + separator.len, text.len - before - separator.len);
    return true;
}

/* False at the end. */
static bool take_line(struct reader *reader, struct slice *ret_line) {
    if (reader->content.len == 0)
        return false;
    if (!split(reader->content, SLICE("\n"), ret_line, &reader->content)) {
        *ret_line = reader->content;
        reader->content = SLICE("");
    }
    reader->line_number++;
    return true;
}

static bool complain(struct reader *reader, unsigned line_number, const char *sentence) {
    text_append_format(reader->error, "%s%s:%u: %s", reader->error->len == 0 ? "" : "\n",
                       reader->name, line_number, sentence);
    reader->good = false;
    return false;
}

/* --- values --- */

/* Only a comment may follow what has been closed. */
static bool is_comment(struct slice rest) {
    rest = trim(rest);
    return rest.len == 0 || rest.data[0] == '#';
}

/* The rest of a value that began with ''' on the line before: up to the next '''. */
static const char *read_lines(struct reader *reader, struct slice first, struct text *value) {
    struct slice line = first, inside, rest;
    while (!split(line, SLICE("'''"), &inside, &rest)) {
        text_append(value, line);
        if (!take_line(reader, &line))
            return "the ''' is not closed";
        text_append(value, SLICE("\n"));
    }
    text_append(value, inside);
    return is_comment(rest) ? NULL : "only a comment may follow the closing '''";
}

/* The value as written after `=`: quoted, or up to a comment. NULL, or what is wrong. */
static const char *read_written(struct reader *reader, struct slice written, struct text *value) {
    struct slice inside, rest;
    written = trim(written);
    if (slice_has_prefix(written, SLICE("'''")))
        return read_lines(reader, slice_of(written.data + 3, written.len - 3), value);
    if (written.len > 0 && written.data[0] == '\'') {
        written = slice_of(written.data + 1, written.len - 1);
        if (!split(written, SLICE("'"), &inside, &rest) || !is_comment(rest))
            return "the quote is not closed";
        text_append(value, inside);
        return NULL;
    }
    if (split(written, SLICE("#"), &inside, &rest))
        written = inside;
    text_append(value, trim(written));
    return NULL;
}

/* Replaces each $(NAME). False with the sentence in `problem`. */
static bool interpolate(struct slice value, struct text *result, struct text *problem) {
    struct slice before, name, rest;
    while (split(value, SLICE("$("), &before, &rest)) {
        char variable[128];
        text_append(result, before);
        if (!split(rest, SLICE(")"), &name, &value)) {
            text_append(problem, SLICE("the $( is not closed"));
            return false;
        }
        snprintf(variable, sizeof variable, SLICE_FMT, SLICE_ARG(name));
        const char *replacement = getenv(variable);
        if (replacement == NULL) {
            text_append_format(problem,
                               "$(" SLICE_FMT "): there is no such variable in the environment",
                               SLICE_ARG(name));
            return false;
        }
        text_append(result, slice_from_text(replacement));
    }
    text_append(result, value);
    return true;
}

static void set(struct reader *reader, unsigned line_number, struct slice key,
                struct slice written) {
    struct text value = {0}, problem = {0}, origin = {0};
    text_append_format(&origin, "%s:%u", reader->name, line_number);
    if (!interpolate(written, &value, &problem) ||
        !config_set(reader->config, text_chars(&origin), key, text_slice(&value), &problem))
        complain(reader, line_number, text_chars(&problem));
    secret_wipe(value.chars, value.len);
    text_clear(&value);
    text_clear(&problem);
    text_clear(&origin);
}

/* --- includes --- */

static void read_content(struct reader *reader);

static bool read_file(struct config *config, const char *path, unsigned include_depth,
                      struct text *error) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        text_append_format(error, "%s%s: %s", error->len == 0 ? "" : "\n", path, strerror(errno));
        return false;
    }
    uint8_t *content = xmalloc(FILE_SIZE_MAX);
    size_t len = fread(content, 1, FILE_SIZE_MAX, file);
    bool can_be_read = !ferror(file) && len < FILE_SIZE_MAX;
    fclose(file);
    struct reader reader = {.config = config,
                            .name = path,
                            .content = slice_of(content, len),
                            .include_depth = include_depth,
                            .error = error,
                            .good = can_be_read};
    if (can_be_read)
        read_content(&reader);
    else
        text_append_format(error, "%s: cannot be read, or is larger than 1 MiB", path);
    secret_wipe(content, len);
    free(content);
    return reader.good;
}

/* Beside the file that includes it, unless the path is absolute. */
static void place_beside(struct text *path, const char *name, struct slice included) {
    const char *slash = strrchr(name, '/');
    if (slash != NULL && included.data[0] != '/')
        text_append(path, slice_of(name, (size_t)(slash - name) + 1));
    text_append(path, included);
}

static void include(struct reader *reader, struct slice included) {
    struct text pattern = {0};
    glob_t found = {0};
    unsigned line_number = reader->line_number;
    place_beside(&pattern, reader->name, included);
    bool has_wildcard = strpbrk(text_chars(&pattern), "*?[") != NULL;
    if (reader->include_depth == INCLUDE_DEPTH_MAX)
        complain(reader, line_number, "too many files include each other");
    else if (glob(text_chars(&pattern), has_wildcard ? 0 : GLOB_NOCHECK, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            if (!read_file(reader->config, found.gl_pathv[i], reader->include_depth + 1,
                           reader->error))
                reader->good = false;
        }
    globfree(&found);
    text_clear(&pattern);
}

/* --- lines --- */

static void read_setting(struct reader *reader, struct slice line) {
    struct slice key, written;
    struct text value = {0};
    unsigned line_number = reader->line_number;
    if (!split(line, SLICE("="), &key, &written)) {
        complain(reader, line_number, "expected `key = value`");
        return;
    }
    const char *problem = read_written(reader, written, &value);
    if (problem != NULL)
        complain(reader, line_number, problem);
    else
        set(reader, line_number, trim(key), text_slice(&value));
    secret_wipe(value.chars, value.len);
    text_clear(&value);
}

/* `include FILE`, the only line without an `=`. */
static bool is_include(struct slice line, struct slice *ret_included) {
    struct slice rest, comment;
    if (!slice_has_prefix(line, SLICE("include")) || line.len < 9 || !is_blank(line.data[7]))
        return false;
    rest = trim(slice_of(line.data + 8, line.len - 8));
    if (split(rest, SLICE("#"), ret_included, &comment))
        rest = trim(*ret_included);
    *ret_included = rest;
    return rest.len > 0 && rest.data[0] != '=';
}

static void read_content(struct reader *reader) {
    struct slice line, included;
    if (!slice_is_utf8(reader->content)) {
        complain(reader, 1, "this is not UTF-8");
        return;
    }
    if (slice_has_prefix(reader->content, SLICE("\xEF\xBB\xBF")))
        reader->content = slice_of(reader->content.data + 3, reader->content.len - 3);
    while (take_line(reader, &line)) {
        line = trim(line);
        if (is_comment(line))
            continue;
        if (is_include(line, &included))
            include(reader, included);
        else
            read_setting(reader, line);
    }
}

bool config_read(struct config *config, const char *name, struct slice content,
                 struct text *error) {
    struct reader reader = {
        .config = config, .name = name, .content = content, .error = error, .good = true};
    read_content(&reader);
    return reader.good;
}

bool config_read_file(struct config *config, const char *path, struct text *error) {
    return read_file(config, path, 0, error);
}
