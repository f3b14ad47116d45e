/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/erlang_term.h"

#include <stdlib.h>

#include "broker/base/json.h"

static void append_text(struct text *text, const json_t *value, bool as_binaries) {
    if (as_binaries)
        text_append_erlang_binary(text, slice_from_json(value));
    else
        text_append_erlang_string(text, slice_from_json(value));
}

static void append_array(struct text *text, const json_t *array, bool as_binaries) {
    text_append(text, SLICE("["));
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            text_append(text, SLICE(","));
        erlang_term_append(text, json_array_get(array, i), as_binaries);
    }
    text_append(text, SLICE("]"));
}

static void append_object(struct text *text, const json_t *object, bool as_binaries) {
    const char *key;
    json_t *value;
    const char *separator = "";

    text_append(text, SLICE("["));
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        text_append_format(text, as_binaries ? "%s{<<\"%s\">>," : "%s{\"%s\",", separator, key);
        erlang_term_append(text, value, as_binaries);
        text_append(text, SLICE("}"));
        separator = ",";
    }
    text_append(text, SLICE("]"));
}

void erlang_term_append(struct text *text, const json_t *value, bool as_binaries) {
    if (json_is_string(value)) {
        append_text(text, value, as_binaries);
    } else if (json_is_array(value)) {
        append_array(text, value, as_binaries);
    } else if (json_is_object(value)) {
        append_object(text, value, as_binaries);
    } else if (json_is_null(value)) {
        text_append(text, SLICE("undefined"));
    } else {
        char *number = json_dumps(value, JSON_ENCODE_ANY);
        text_append_format(text, "%s", number);
        free(number);
    }
}
