/* SPDX-License-Identifier: Apache-2.0 */
/* Terms that were read, as Erlang would write them: what they are is compared as a text. */
#ifndef LEVERET_TESTS_SUPPORT_ERLANG_TEXT_H
#define LEVERET_TESTS_SUPPORT_ERLANG_TEXT_H

#include <ctype.h>
#include <stdbool.h>

#include "broker/erlang_terms.h"

static inline void erlang_append_quoted(struct text *text, struct slice octets, char quote) {
    text_append(text, slice_of(&quote, 1));
    for (size_t i = 0; i < octets.len; i++) {
        if (octets.data[i] == '\n')
            text_append(text, SLICE("\\n"));
        else if (octets.data[i] == (uint8_t)quote || octets.data[i] == '\\')
            text_append_format(text, "\\%c", octets.data[i]);
        else
            text_append(text, slice_of(octets.data + i, 1));
    }
    text_append(text, slice_of(&quote, 1));
}

static inline bool erlang_atom_is_plain(struct slice name) {
    bool is_plain = name.len > 0 && islower(name.data[0]);
    for (size_t i = 0; i < name.len; i++)
        is_plain =
            is_plain && (isalnum(name.data[i]) || name.data[i] == '_' || name.data[i] == '@');
    return is_plain;
}

/* On one line. */
static inline void erlang_append(struct text *text, const struct erlang_term *term) {
    struct slice octets = text_slice(&term->text);
    if (term->kind == ERLANG_STRING ||
        (term->kind == ERLANG_ATOM && !erlang_atom_is_plain(octets))) {
        erlang_append_quoted(text, octets, term->kind == ERLANG_STRING ? '"' : '\'');
        return;
    }
    if (term->kind != ERLANG_LIST && term->kind != ERLANG_TUPLE) {
        text_append(text, octets);
        return;
    }
    text_append(text, term->kind == ERLANG_LIST ? SLICE("[") : SLICE("{"));
    for (const struct erlang_term *part = term->first; part != NULL; part = part->next) {
        erlang_append(text, part);
        if (part->next != NULL)
            text_append(text, SLICE(", "));
    }
    text_append(text, term->kind == ERLANG_LIST ? SLICE("]") : SLICE("}"));
}

#endif
