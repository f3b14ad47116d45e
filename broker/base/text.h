/* SPDX-License-Identifier: Apache-2.0 */
/* Growable text for messages that people read. Always NUL terminated. */
#ifndef LEVERET_BROKER_BASE_TEXT_H
#define LEVERET_BROKER_BASE_TEXT_H

#include <stddef.h>

#include "amqp/slice.h"

/* Zero-initialised is an empty text. */
struct text {
    char *chars; /* NULL while empty: use text_chars() */
    size_t len;
    size_t capacity;
};

void text_clear(struct text *text);
/* The same for one that may have a password in it. */
void text_wipe(struct text *text);
void text_append(struct text *text, struct slice bytes);
void text_append_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *text_chars(const struct text *text);
struct slice text_slice(const struct text *text);

/*
 * Erlang's rendering of octets, as RabbitMQ puts it into reply texts (compat: printable text is
 * <<"abc">>, other text that is UTF-8 <<"..."/utf8>>, anything else <<0,20,255>>, empty <<>>).
 */
void text_append_erlang_binary(struct text *text, struct slice bytes);

/* Erlang's rendering of a character list: "abc" with \" and \\ escaped, [7,255] if not printable. */
void text_append_erlang_string(struct text *text, struct slice bytes);

#endif
