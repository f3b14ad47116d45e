/* SPDX-License-Identifier: Apache-2.0 */
/* Tags, in either form. */
#include "broker/management/tag_list.h"

#include <string.h>

void tag_list_write(struct json_out *out, struct slice tags) {
    json_out_begin_array(out);
    while (tags.len > 0) {
        const uint8_t *comma = memchr(tags.data, ',', tags.len);
        size_t len = comma == NULL ? tags.len : (size_t)(comma - tags.data);
        json_out_text(out, slice_of(tags.data, len));
        len += comma != NULL;
        tags = slice_of(tags.data + len, tags.len - len);
    }
    json_out_end_array(out);
}

static bool append_items(struct api_request *request, const char *key, const json_t *list,
                         struct text *buffer) {
    size_t index;
    json_t *item;

    json_array_foreach(list, index, item) {
        if (!json_is_string(item)) {
            api_refuse_bad(request, "%s must be strings", key);
            return false;
        }
        text_append(buffer, index == 0 ? SLICE("") : SLICE(","));
        text_append(buffer, slice_from_json(item));
    }
    return true;
}

bool tag_list_read(struct api_request *request, const char *key, struct text *buffer,
                   struct slice *ret_tags) {
    const json_t *value = json_object_get(request->body, key);

    if (value == NULL)
        return true;
    if (json_is_string(value)) {
        text_append(buffer, slice_from_json(value));
    } else if (!json_is_array(value)) {
        api_refuse_bad(request, "%s must be a list or a string", key);
        return false;
    } else if (!append_items(request, key, value, buffer)) {
        return false;
    }
    *ret_tags = text_slice(buffer);
    return true;
}
