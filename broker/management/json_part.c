/* SPDX-License-Identifier: Apache-2.0 */
/* Paths are walked key by key; nothing is copied. */
#include "broker/management/json_part.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/json.h"

json_t *json_part_at(const json_t *value, const char *path, size_t len) {
    const char *dot;

    while ((dot = memchr(path, '.', len)) != NULL) {
        size_t key_len = (size_t)(dot - path);
        value = json_object_getn(value, path, key_len);
        len -= key_len + 1;
        path = dot + 1;
    }
    return json_object_getn(value, path, len);
}

void json_part_put(json_t *object, const char *path, size_t len, json_t *value) {
    const char *dot;

    while ((dot = memchr(path, '.', len)) != NULL) {
        size_t key_len = (size_t)(dot - path);
        json_t *inner = json_object_getn(object, path, key_len);
        if (inner == NULL) {
            inner = json_object();
            json_object_setn_new(object, path, key_len, inner);
        }
        object = inner;
        len -= key_len + 1;
        path = dot + 1;
    }
    json_object_setn(object, path, len, value);
}

const char *json_column_end(const char *columns) {
    return columns + strcspn(columns, ",");
}

static int rank(const json_t *value) {
    if (value == NULL || json_is_null(value))
        return 0;
    if (json_is_number(value))
        return 1;
    return json_is_boolean(value) ? 2 : json_is_string(value) ? 4 : 3;
}

static int compare_values(const json_t *a, const json_t *b) {
    if (rank(a) != rank(b))
        return rank(a) - rank(b);
    if (json_is_string(a))
        return slice_compare(slice_from_json(a), slice_from_json(b));
    if (json_is_boolean(a))
        return json_is_true(a) - json_is_true(b);
    double left = json_number_value(a), right = json_number_value(b);
    return left < right ? -1 : left > right;
}

static int compare_keys(const void *a, const void *b) {
    const struct json_sort_key *left = a, *right = b;
    int order = compare_values(left->value, right->value);

    if (order != 0)
        return order;
    return left->position < right->position ? -1 : 1;
}

void json_sort(struct json_sort_key *keys, size_t count) {
    qsort(keys, count, sizeof *keys, compare_keys);
}
