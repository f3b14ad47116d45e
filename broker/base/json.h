/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON: jansson's trees, and the few questions asked of them. Writing is json_out.h, which needs
 * no tree.
 */
#ifndef LEVERET_BROKER_BASE_JSON_H
#define LEVERET_BROKER_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

/*
 * The tree of a document, to be freed with json_decref(); NULL with `line N, column M: ...` in `error`. What is
 * said never repeats the document: there may be passwords in it.
 */
json_t *json_read(struct slice content, struct text *error);

/* The octets of a JSON string; empty for anything else. Borrowed from the tree. */
static inline struct slice slice_from_json(const json_t *string) {
    return slice_of(json_string_value(string), json_string_length(string));
}

/* `object` without blanks, its keys in their order. */
void json_append(struct text *text, const json_t *value);

/* From now on whatever jansson frees is overwritten: requests and definitions have passwords in them. */
void json_wipe_what_is_freed(void);

#endif
