/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, written from left to right. */
#include "broker/base/json_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append_octet(struct json_out *out, char octet) {
    text_append(out->text, slice_of(&octet, 1));
}

static void begin_value(struct json_out *out) {
    if (out->needs_comma)
        append_octet(out, ',');
    out->needs_comma = true;
}

static void begin_group(struct json_out *out, char bracket) {
    begin_value(out);
    append_octet(out, bracket);
    out->needs_comma = false;
}

static void end_group(struct json_out *out, char bracket) {
    append_octet(out, bracket);
    out->needs_comma = true;
}

void json_out_begin_object(struct json_out *out) {
    begin_group(out, '{');
}

void json_out_end_object(struct json_out *out) {
    end_group(out, '}');
}

void json_out_begin_array(struct json_out *out) {
    begin_group(out, '[');
}

void json_out_end_array(struct json_out *out) {
    end_group(out, ']');
}

/* Octets of the UTF-8 sequence at `at`, 0 when there is none. */
static size_t sequence_length(const uint8_t *at, size_t left) {
    for (size_t len = 1; len <= 4 && len <= left; len++) {
        if (slice_is_utf8(slice_of(at, len)))
            return len;
    }
    return 0;
}

static void append_escaped(struct json_out *out, uint8_t octet) {
    static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (const char *name = names; *name != '\0'; name += 2) {
        if ((uint8_t)name[0] == octet) {
            append_octet(out, '\\');
            append_octet(out, name[1]);
            return;
        }
    }
    text_append_format(out->text, "\\u%04x", octet);
}

static bool is_plain(uint8_t octet) {
    return octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\\';
}

static void append_quoted(struct json_out *out, struct slice text) {
    append_octet(out, '"');
    for (size_t i = 0; i < text.len;) {
        size_t run = i;
        while (run < text.len && is_plain(text.data[run]))
            run++;
        if (run > i) {
            text_append(out->text, slice_of(text.data + i, run - i));
            i = run;
            continue;
        }
        size_t len = sequence_length(text.data + i, text.len - i);
        if (len > 1)
            text_append(out->text, slice_of(text.data + i, len));
        else if (len == 0)
            text_append(out->text, SLICE("\\ufffd"));
        else
            append_escaped(out, text.data[i]);
        i += len == 0 ? 1 : len;
    }
    append_octet(out, '"');
}

void json_out_key_text(struct json_out *out, struct slice key) {
    begin_value(out);
    append_quoted(out, key);
    append_octet(out, ':');
    out->needs_comma = false;
}

void json_out_key(struct json_out *out, const char *key) {
    json_out_key_text(out, slice_from_text(key));
}

void json_out_text(struct json_out *out, struct slice text) {
    begin_value(out);
    append_quoted(out, text);
}

void json_out_string(struct json_out *out, const char *text) {
    json_out_text(out, slice_from_text(text));
}

void json_out_integer(struct json_out *out, int64_t value) {
    begin_value(out);
    text_append_format(out->text, "%" PRId64, value);
}

void json_out_unsigned(struct json_out *out, uint64_t value) {
    begin_value(out);
    text_append_format(out->text, "%" PRIu64, value);
}

void json_out_double(struct json_out *out, double value) {
    char shortest[32];

    if (!isfinite(value)) {
        json_out_null(out);
        return;
    }
    begin_value(out);
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(shortest, sizeof shortest, "%.*g", digits, value);
        if (strtod(shortest, NULL) == value)
            break;
    }
    text_append(out->text, slice_from_text(shortest));
    if (strpbrk(shortest, ".e") == NULL)
        text_append(out->text, SLICE(".0"));
}

void json_out_bool(struct json_out *out, bool value) {
    json_out_raw(out, value ? SLICE("true") : SLICE("false"));
}

void json_out_null(struct json_out *out) {
    json_out_raw(out, SLICE("null"));
}

void json_out_raw(struct json_out *out, struct slice json) {
    begin_value(out);
    text_append(out->text, json);
}

void json_out_put_text(struct json_out *out, const char *key, struct slice value) {
    json_out_key(out, key);
    json_out_text(out, value);
}

void json_out_put_string(struct json_out *out, const char *key, const char *value) {
    json_out_put_text(out, key, slice_from_text(value));
}

void json_out_put_integer(struct json_out *out, const char *key, int64_t value) {
    json_out_key(out, key);
    json_out_integer(out, value);
}

void json_out_put_unsigned(struct json_out *out, const char *key, uint64_t value) {
    json_out_key(out, key);
    json_out_unsigned(out, value);
}

void json_out_put_bool(struct json_out *out, const char *key, bool value) {
    json_out_key(out, key);
    json_out_bool(out, value);
}
