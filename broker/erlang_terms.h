/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Erlang terms as they stand in advanced.config, rabbitmq.config, enabled_plugins and on command lines:
 * atoms, numbers, "strings", <<"binaries">>, [lists] and {tuples}, each term with a full stop behind it;
 * % begins a comment. No expressions, no records, no maps: what configuration files do not need.
 *
 * A term owns its parts; erlang_term_destroy() frees the whole.
 */
#ifndef LEVERET_BROKER_ERLANG_TERMS_H
#define LEVERET_BROKER_ERLANG_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

enum erlang_kind {
    ERLANG_ATOM,
    ERLANG_INTEGER,
    ERLANG_FLOAT,
    ERLANG_STRING, /* "..." and <<"...">>: configuration does not tell them apart */
    ERLANG_LIST,
    ERLANG_TUPLE
};

struct erlang_term {
    enum erlang_kind kind;
    unsigned line;             /* where it begins, from 1 */
    struct text text;          /* of atoms and strings; digits of numbers as written */
    struct erlang_term *first; /* of lists and tuples */
    struct erlang_term *next;  /* the one behind it in its list or tuple */
    size_t count;              /* of parts */
};

/*
 * All terms of a file, as one list; NULL, and `line N: ...` in `error`, when something is wrong. At most
 * 64 levels deep.
 */
struct erlang_term *erlang_read(struct slice content, struct text *error);

/* One term without a full stop, as on a command line. */
struct erlang_term *erlang_read_term(struct slice content, struct text *error);

void erlang_term_destroy(struct erlang_term *term);

/* The part of a list or tuple at `index`, NULL behind the last. */
const struct erlang_term *erlang_part(const struct erlang_term *term, size_t index);

bool erlang_is_atom(const struct erlang_term *term, const char *name);

#endif
