/* SPDX-License-Identifier: Apache-2.0 */
/* The body is read again, as few ask for this and what they get is short. */
#include "broker/management/api_arrange.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/management/api.h"
#include "broker/management/json_part.h"

#define COLUMNS_MAX 2048
#define SORT_MAX    256

struct arrangement {
    char columns[COLUMNS_MAX]; /* empty: all */
    char sort[SORT_MAX];       /* empty: as it is */
    bool is_reversed;
};

static bool read_arrangement(const struct api_request *request, struct arrangement *arrangement) {
    if (!api_argument(request, "columns", arrangement->columns, sizeof arrangement->columns))
        arrangement->columns[0] = '\0';
    if (!api_argument(request, "sort", arrangement->sort, sizeof arrangement->sort))
        arrangement->sort[0] = '\0';
    arrangement->is_reversed = api_argument_is_true(request, "sort_reverse");
    return arrangement->columns[0] != '\0' || arrangement->sort[0] != '\0' ||
           arrangement->is_reversed;
}

/* --- order --- */

/* A new list of the same items. */
static json_t *sort_list(const json_t *list, const struct arrangement *arrangement) {
    const size_t count = json_array_size(list);
    struct json_sort_key *keys = xcalloc(count + 1, sizeof *keys);
    json_t *sorted = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *item = json_array_get(list, i);
        keys[i] = (struct json_sort_key){
            item, i, json_part_at(item, arrangement->sort, strlen(arrangement->sort))};
    }
    if (arrangement->sort[0] != '\0')
        json_sort(keys, count);
    for (size_t i = 0; i < count; i++)
        json_array_append(
            sorted,
            json_array_get(list, keys[arrangement->is_reversed ? count - 1 - i : i].position));
    free(keys);
    return sorted;
}

/* --- columns --- */

static void take_column(json_t *object, json_t *chosen, const char *column, size_t len) {
    json_t *value = len == 0 ? NULL : json_part_at(object, column, len);

    if (value != NULL)
        json_part_put(chosen, column, len, value);
}

/* A new object with what the columns name; what is no object stays as it is. */
static json_t *choose(json_t *item, const char *columns) {
    if (!json_is_object(item) || columns[0] == '\0')
        return json_incref(item);
    json_t *chosen = json_object();
    for (;; columns = json_column_end(columns) + 1) {
        const char *end = json_column_end(columns);
        take_column(item, chosen, columns, (size_t)(end - columns));
        if (*end == '\0')
            return chosen;
    }
}

static json_t *arrange_list(const json_t *list, const struct arrangement *arrangement) {
    json_t *sorted = sort_list(list, arrangement), *chosen = json_array();
    size_t index;
    json_t *item;

    json_array_foreach(sorted, index, item)
        json_array_append_new(chosen, choose(item, arrangement->columns));
    json_decref(sorted);
    return chosen;
}

/* --- the answer --- */

static void rewrite(struct text *body, json_t *answer, const struct arrangement *arrangement) {
    json_t *arranged = json_is_array(answer) ? arrange_list(answer, arrangement)
                                             : choose(answer, arrangement->columns);
    char *octets = json_dumps(arranged, JSON_PART_DUMP);

    json_decref(arranged);
    if (octets == NULL)
        return;
    text_clear(body);
    text_append(body, slice_from_text(octets));
    free(octets);
}

static bool is_reading(struct slice method) {
    return slice_equal(method, SLICE("GET")) || slice_equal(method, SLICE("HEAD"));
}

void api_arrange(struct api_request *request) {
    struct http_response *response = request->response;
    struct arrangement arrangement;

    if (response->again || response->status != 0 || response->stream.next != NULL ||
        response->content_type != NULL || !is_reading(request->http->method) ||
        !read_arrangement(request, &arrangement))
        return;
    json_t *answer = json_loadb(response->body.chars, response->body.len,
                                JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (answer == NULL)
        return;
    rewrite(&response->body, answer, &arrangement);
    json_decref(answer);
}
