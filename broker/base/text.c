/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable text, and the two Erlang renderings that RabbitMQ's reply texts contain
 * (io_lib's ~p of a binary and of a character list).
 */
#include "broker/base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/secret.h"

#define TEXT_CAPACITY_MIN 64u

void text_clear(struct text *text) {
    free(text->chars);
    *text = (struct text){0};
}

/* Room for `len` more characters and the NUL. */
static char *text_reserve(struct text *text, size_t len) {
    size_t needed = text->len + len + 1;
    if (needed > text->capacity) {
        size_t doubled = text->capacity * 2;
        text->capacity = needed < doubled ? doubled : needed;
        if (text->capacity < TEXT_CAPACITY_MIN)
            text->capacity = TEXT_CAPACITY_MIN;
        text->chars = xrealloc(text->chars, text->capacity);
    }
    return text->chars + text->len;
}

void text_wipe(struct text *text) {
    secret_wipe(text->chars, text->len);
    text_clear(text);
}

void text_append(struct text *text, struct slice bytes) {
    char *end = text_reserve(text, bytes.len);
    if (bytes.len > 0)
        memcpy(end, bytes.data, bytes.len);
    end[bytes.len] = '\0';
    text->len += bytes.len;
}

void text_append_format(struct text *text, const char *format, ...) {
    va_list arguments;

    assert(format != NULL);
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    char *end = text_reserve(text, (size_t)len);
    va_start(arguments, format);
    vsnprintf(end, (size_t)len + 1, format, arguments);
    va_end(arguments);
    text->len += (size_t)len;
}

const char *text_chars(const struct text *text) {
    return text->chars == NULL ? "" : text->chars;
}

struct slice text_slice(const struct text *text) {
    return slice_of(text_chars(text), text->len);
}

/* The escape that Erlang writes for `code` inside a quoted text, NULL for a plain character. */
static const char *erlang_escape(uint32_t code) {
    /* clang-format off */
    switch (code) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\v': return "\\v";
    case '\b': return "\\b";
    case '\f': return "\\f";
    case 0x1b: return "\\e";
    default: return NULL;
    }
    /* clang-format on */
}

/* The code point at the front of well-formed UTF-8; `ret_len` is how many octets it takes. */
static uint32_t first_code_point(struct slice utf8, size_t *ret_len) {
    uint8_t lead = utf8.data[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t code = len == 1 ? lead : lead & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (utf8.data[i] & 0x3fu);
    *ret_len = len;
    return code;
}

/* Erlang's io_lib:printable_unicode_list, one character of it. */
static bool is_printable(uint32_t code) {
    if (code < 0x80)
        return (code >= 0x20 && code < 0x7f) || erlang_escape(code) != NULL;
    return code >= 0xa0 && code != 0xfffe && code != 0xffff;
}

static bool is_printable_utf8(struct slice bytes) {
    size_t len;

    if (!slice_is_utf8(bytes))
        return false;
    for (; bytes.len > 0; bytes = slice_of(bytes.data + len, bytes.len - len)) {
        if (!is_printable(first_code_point(bytes, &len)))
            return false;
    }
    return true;
}

static void append_quoted(struct text *text, struct slice bytes) {
    text_append(text, SLICE("\""));
    for (size_t i = 0; i < bytes.len; i++) {
        const char *escape = erlang_escape(bytes.data[i]);
        if (escape != NULL)
            text_append(text, slice_from_text(escape));
        else
            text_append(text, slice_of(bytes.data + i, 1));
    }
    text_append(text, SLICE("\""));
}

static void append_numbers(struct text *text, struct slice bytes) {
    for (size_t i = 0; i < bytes.len; i++)
        text_append_format(text, i == 0 ? "%u" : ",%u", bytes.data[i]);
}

void text_append_erlang_binary(struct text *text, struct slice bytes) {
    text_append(text, SLICE("<<"));
    if (bytes.len > 0 && is_printable_utf8(bytes)) {
        append_quoted(text, bytes);
        if (!slice_is_ascii(bytes))
            text_append(text, SLICE("/utf8"));
    } else {
        append_numbers(text, bytes);
    }
    text_append(text, SLICE(">>"));
}

/* What io:format's ~p takes for text: Latin-1 without its control characters but for the escapes.
 */
static bool is_printable_latin1(struct slice bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t octet = bytes.data[i];
        bool is_control = octet < ' ' || (octet >= 0x7F && octet < 0xA0);
        if (is_control && erlang_escape(octet) == NULL)
            return false;
    }
    return true;
}

void text_append_erlang_string(struct text *text, struct slice bytes) {
    if (is_printable_latin1(bytes)) {
        append_quoted(text, bytes);
        return;
    }
    text_append(text, SLICE("["));
    append_numbers(text, bytes);
    text_append(text, SLICE("]"));
}
