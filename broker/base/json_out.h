/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON into a text as it goes, without building a tree: one object of a long list at a time.
 * Commas come by themselves. Octets that are not UTF-8 become U+FFFD.
 *
 *     json_out_begin_object(&out);
 *     json_out_key(&out, "name");
 *     json_out_text(&out, queue->name);
 *     json_out_end_object(&out);
 */
#ifndef LEVERET_BROKER_BASE_JSON_OUT_H
#define LEVERET_BROKER_BASE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

struct json_out {
    struct text *text; /* borrowed; appended to */
    bool needs_comma;
};

void json_out_begin_object(struct json_out *out);
void json_out_end_object(struct json_out *out);
void json_out_begin_array(struct json_out *out);
void json_out_end_array(struct json_out *out);

void json_out_key(struct json_out *out, const char *key);
/* A key that a client chose. */
void json_out_key_text(struct json_out *out, struct slice key);

void json_out_text(struct json_out *out, struct slice text);
void json_out_string(struct json_out *out, const char *text);
void json_out_integer(struct json_out *out, int64_t value);
void json_out_unsigned(struct json_out *out, uint64_t value);
/* The shortest form that reads back as the same value, always with a point or exponent: 0.0. */
void json_out_double(struct json_out *out, double value);
void json_out_bool(struct json_out *out, bool value);
void json_out_null(struct json_out *out);
/* JSON that stands ready. */
void json_out_raw(struct json_out *out, struct slice json);

/* Key and value in one. */
void json_out_put_text(struct json_out *out, const char *key, struct slice value);
void json_out_put_string(struct json_out *out, const char *key, const char *value);
void json_out_put_integer(struct json_out *out, const char *key, int64_t value);
void json_out_put_unsigned(struct json_out *out, const char *key, uint64_t value);
void json_out_put_bool(struct json_out *out, const char *key, bool value);

#endif
