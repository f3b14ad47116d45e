/* SPDX-License-Identifier: Apache-2.0 */
/* A reader for the part of Erlang's grammar that configuration files use: recursive, with a floor. */
#include "broker/erlang_terms.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"

#define DEPTH_MAX 64

struct reader {
    struct slice rest;
    unsigned line;
    unsigned depth;
    struct text *error;
};

static struct erlang_term *read_term(struct reader *reader);

/* --- characters --- */

static int peek(const struct reader *reader) {
    return reader->rest.len == 0 ? -1 : reader->rest.data[0];
}

static void skip(struct reader *reader, size_t len) {
    for (size_t i = 0; i < len; i++)
        reader->line += reader->rest.data[i] == '\n';
    reader->rest = slice_of(reader->rest.data + len, reader->rest.len - len);
}

/* White space and comments. */
static void skip_blank(struct reader *reader) {
    while (peek(reader) >= 0 && (isspace(peek(reader)) || peek(reader) == '%')) {
        if (peek(reader) != '%')
            skip(reader, 1);
        else
            while (peek(reader) >= 0 && peek(reader) != '\n')
                skip(reader, 1);
    }
}

static bool take(struct reader *reader, const char *literal) {
    skip_blank(reader);
    if (!slice_has_prefix(reader->rest, slice_from_text(literal)))
        return false;
    skip(reader, strlen(literal));
    return true;
}

static struct erlang_term *fail(struct reader *reader, const char *sentence) {
    if (reader->error->len == 0)
        text_append_format(reader->error, "line %u: %s", reader->line, sentence);
    return NULL;
}

static struct erlang_term *create(const struct reader *reader, enum erlang_kind kind) {
    struct erlang_term *term = xcalloc(1, sizeof *term);
    term->kind = kind;
    term->line = reader->line;
    return term;
}

/* --- words and numbers --- */

static bool is_word_octet(int octet) {
    return octet >= 0 && (isalnum(octet) || octet == '_' || octet == '@');
}

static struct erlang_term *read_word(struct reader *reader) {
    struct erlang_term *term = create(reader, ERLANG_ATOM);
    while (is_word_octet(peek(reader))) {
        text_append(&term->text, slice_of(reader->rest.data, 1));
        skip(reader, 1);
    }
    return term;
}

static void take_digits(struct reader *reader, struct text *text) {
    while (peek(reader) >= 0 && isdigit(peek(reader))) {
        text_append(text, slice_of(reader->rest.data, 1));
        skip(reader, 1);
    }
}

/* 12, -12, 1.5, 1.5e3. A full stop that no digit follows ends the term. */
static struct erlang_term *read_number(struct reader *reader) {
    struct erlang_term *term = create(reader, ERLANG_INTEGER);
    if (peek(reader) == '-') {
        text_append(&term->text, SLICE("-"));
        skip(reader, 1);
    }
    take_digits(reader, &term->text);
    if (reader->rest.len > 1 && peek(reader) == '.' && isdigit(reader->rest.data[1])) {
        term->kind = ERLANG_FLOAT;
        text_append(&term->text, SLICE("."));
        skip(reader, 1);
        take_digits(reader, &term->text);
    }
    if (term->kind == ERLANG_FLOAT && (peek(reader) == 'e' || peek(reader) == 'E')) {
        text_append(&term->text, SLICE("e"));
        skip(reader, 1);
        if (peek(reader) == '-' || peek(reader) == '+') {
            text_append(&term->text, slice_of(reader->rest.data, 1));
            skip(reader, 1);
        }
        take_digits(reader, &term->text);
    }
    if (isdigit(text_chars(&term->text)[term->text.len == 0 ? 0 : term->text.len - 1]))
        return term;
    erlang_term_destroy(term);
    return fail(reader, "digits are missing");
}

/* --- quoted --- */

/* The octet that a backslash and `octet` stand for. */
static char escaped(int octet) {
    static const char from[] = "nrtbfves0", to[] = "\n\r\t\b\f\v\033 \0";
    const char *at = octet == 0 ? NULL : strchr(from, octet);
    return at == NULL ? (char)octet : to[at - from];
}

/* Up to the closing quote, which has been opened. */
static struct erlang_term *read_quoted(struct reader *reader, enum erlang_kind kind, char quote) {
    struct erlang_term *term = create(reader, kind);
    while (peek(reader) >= 0 && peek(reader) != quote) {
        char octet = (char)peek(reader);
        skip(reader, 1);
        if (octet == '\\' && peek(reader) >= 0) {
            octet = escaped(peek(reader));
            skip(reader, 1);
        }
        text_append(&term->text, slice_of(&octet, 1));
    }
    if (peek(reader) == quote) {
        skip(reader, 1);
        return term;
    }
    erlang_term_destroy(term);
    return fail(reader, "a quote is not closed");
}

/* "one " "two" is one string. */
static struct erlang_term *read_string(struct reader *reader) {
    struct erlang_term *term = read_quoted(reader, ERLANG_STRING, '"');
    while (term != NULL && take(reader, "\"")) {
        struct erlang_term *more = read_quoted(reader, ERLANG_STRING, '"');
        if (more != NULL)
            text_append(&term->text, text_slice(&more->text));
        else {
            erlang_term_destroy(term);
            term = NULL;
        }
        erlang_term_destroy(more);
    }
    return term;
}

/* <<"...">>, <<"..."/utf8>> or <<>>. */
static struct erlang_term *read_binary(struct reader *reader) {
    if (take(reader, ">>"))
        return create(reader, ERLANG_STRING);
    if (!take(reader, "\""))
        return fail(reader, "only <<\"...\">> is understood");
    struct erlang_term *term = read_string(reader);
    if (term == NULL)
        return NULL;
    take(reader, "/utf8");
    if (take(reader, ">>"))
        return term;
    erlang_term_destroy(term);
    return fail(reader, "expected >>");
}

/* --- lists and tuples --- */

static struct erlang_term *read_parts(struct reader *reader, enum erlang_kind kind,
                                      const char *closing) {
    struct erlang_term *term = create(reader, kind);
    struct erlang_term **link = &term->first;
    if (take(reader, closing))
        return term;
    do {
        *link = read_term(reader);
        if (*link == NULL) {
            erlang_term_destroy(term);
            return NULL;
        }
        link = &(*link)->next;
        term->count++;
    } while (take(reader, ","));
    if (take(reader, closing))
        return term;
    erlang_term_destroy(term);
    return fail(reader, kind == ERLANG_LIST ? "expected , or ]" : "expected , or }");
}

static struct erlang_term *read_compound(struct reader *reader) {
    if (take(reader, "["))
        return read_parts(reader, ERLANG_LIST, "]");
    if (take(reader, "{"))
        return read_parts(reader, ERLANG_TUPLE, "}");
    if (take(reader, "<<"))
        return read_binary(reader);
    if (take(reader, "\""))
        return read_string(reader);
    if (take(reader, "'"))
        return read_quoted(reader, ERLANG_ATOM, '\'');
    return fail(reader, reader->rest.len == 0 ? "a term is missing at the end" : "this is no term");
}

static struct erlang_term *read_term(struct reader *reader) {
    struct erlang_term *term;
    skip_blank(reader);
    if (reader->depth == DEPTH_MAX)
        return fail(reader, "terms are nested too deeply");
    reader->depth++;
    if (peek(reader) == '-' || (peek(reader) >= 0 && isdigit(peek(reader))))
        term = read_number(reader);
    else if (peek(reader) >= 0 && islower(peek(reader)))
        term = read_word(reader);
    else
        term = read_compound(reader);
    reader->depth--;
    return term;
}

struct erlang_term *erlang_read(struct slice content, struct text *error) {
    struct reader reader = {.rest = content, .line = 1, .error = error};
    struct erlang_term *all = create(&reader, ERLANG_LIST);
    struct erlang_term **link = &all->first;
    for (skip_blank(&reader); reader.rest.len > 0; skip_blank(&reader)) {
        *link = read_term(&reader);
        if (*link == NULL || !take(&reader, ".")) {
            fail(&reader, "expected a full stop");
            erlang_term_destroy(all);
            return NULL;
        }
        link = &(*link)->next;
        all->count++;
    }
    return all;
}

struct erlang_term *erlang_read_term(struct slice content, struct text *error) {
    struct reader reader = {.rest = content, .line = 1, .error = error};
    struct erlang_term *term = read_term(&reader);
    skip_blank(&reader);
    if (term == NULL || reader.rest.len == 0)
        return term;
    erlang_term_destroy(term);
    return fail(&reader, "there is something behind the term");
}

/* --- life and use --- */

void erlang_term_destroy(struct erlang_term *term) {
    if (term == NULL)
        return;
    while (term->first != NULL) {
        struct erlang_term *part = term->first;
        term->first = part->next;
        erlang_term_destroy(part);
    }
    text_clear(&term->text);
    free(term);
}

const struct erlang_term *erlang_part(const struct erlang_term *term, size_t index) {
    const struct erlang_term *part = term->first;
    while (part != NULL && index-- > 0)
        part = part->next;
    return part;
}

bool erlang_is_atom(const struct erlang_term *term, const char *name) {
    return term != NULL && term->kind == ERLANG_ATOM &&
           slice_equal(text_slice(&term->text), slice_from_text(name));
}
