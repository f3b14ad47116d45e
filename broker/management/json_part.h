/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of JSON values that a query names, by paths such as "a.b", and their order. */
#ifndef LEVERET_BROKER_MANAGEMENT_JSON_PART_H
#define LEVERET_BROKER_MANAGEMENT_JSON_PART_H

#include <jansson.h>
#include <stddef.h>

/* How values are written that were read: a number with no more digits than it came with. */
#define JSON_PART_DUMP (JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15))

/* The value at the path inside `value`, borrowed; NULL when there is none. */
json_t *json_part_at(const json_t *value, const char *path, size_t len);

/* Makes it the value at the path inside `object`, with the objects on the way. */
void json_part_put(json_t *object, const char *path, size_t len, json_t *value);

/* Where the column ends at which `columns` (comma separated paths) stands. */
const char *json_column_end(const char *columns);

/* Something that is sorted by a value; neither is held. */
struct json_sort_key {
    const void *object;
    size_t position; /* keeps equals in order */
    json_t *value;   /* NULL: it has none */
};
/* Erlang's order of terms, as far as JSON has them: nothing, numbers, words, lists, texts. */
void json_sort(struct json_sort_key *keys, size_t count);

#endif
