/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body is: delimiter, head, empty line, content; and again; and a delimiter that ends with two dashes. A
 * delimiter is two dashes and the boundary at the beginning of a line; the line's end before it belongs to it.
 */
#include "broker/management/multipart.h"

#include <string.h>
#include <strings.h>

#define DELIMITER_MAX (4 + MULTIPART_BOUNDARY_MAX)
#define LINE_END      SLICE("\r\n")

static const char type_name[] = "multipart/form-data";

bool multipart_is_type(const char *content_type) {
    return content_type != NULL && strncasecmp(content_type, type_name, sizeof type_name - 1) == 0;
}

/* --- stretches; `from` is at most the length --- */

static struct slice rest_of(struct slice text, size_t from) {
    return slice_of(text.data + from, text.len - from);
}

/* Where `wanted` begins; false when it is not there. */
static bool find(struct slice text, struct slice wanted, size_t *ret_at) {
    const uint8_t *at = text.len == 0 ? NULL : memmem(text.data, text.len, wanted.data, wanted.len);

    if (at == NULL)
        return false;
    *ret_at = (size_t)(at - text.data);
    return true;
}

/* --- the boundary --- */

/* `boundary=x` or `boundary="x"`; empty when there is none, or it is too long. */
static struct slice boundary_of(const char *content_type) {
    const char *at = strcasestr(content_type, "boundary=");
    size_t len;

    if (at == NULL)
        return SLICE("");
    at += strlen("boundary=");
    if (*at == '"')
        len = strcspn(++at, "\"");
    else
        len = strcspn(at, "; \t");
    return len > MULTIPART_BOUNDARY_MAX ? SLICE("") : slice_of(at, len);
}

/* Line's end, dashes and boundary: what stands between two parts. */
static struct slice make_delimiter(struct slice boundary, uint8_t delimiter[DELIMITER_MAX]) {
    memcpy(delimiter, "\r\n--", 4);
    memcpy(delimiter + 4, boundary.data, boundary.len);
    return slice_of(delimiter, 4 + boundary.len);
}

/* --- parts --- */

/* Of a line such as `Content-Disposition: form-data; name="file"; filename="a.json"`. */
static bool line_names(struct slice line, const char *name) {
    static const char header[] = "content-disposition:";
    const struct slice marks[] = {SLICE("; name=\""), SLICE(";name=\"")};
    size_t at = 0;

    if (line.len < sizeof header - 1 ||
        strncasecmp((const char *)line.data, header, sizeof header - 1) != 0)
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (!find(line, marks[i], &at))
            continue;
        const struct slice value = rest_of(line, at + marks[i].len);
        return value.len > strlen(name) && slice_has_prefix(value, slice_from_text(name)) &&
               value.data[strlen(name)] == '"';
    }
    return false;
}

static bool head_names(struct slice head, const char *name) {
    size_t line_len = 0;

    while (find(head, LINE_END, &line_len)) {
        if (line_names(slice_of(head.data, line_len), name))
            return true;
        head = rest_of(head, line_len + LINE_END.len);
    }
    return line_names(head, name);
}

/* What stands behind a delimiter up to the next one: a head and the content, when it is the part wanted. */
static bool part_is(struct slice part, const char *name, struct slice *ret_content) {
    const struct slice empty_line = SLICE("\r\n\r\n");
    size_t head_len = 0;

    if (!slice_has_prefix(part, LINE_END) || !find(part, empty_line, &head_len) ||
        !head_names(slice_of(part.data, head_len), name))
        return false;
    *ret_content = rest_of(part, head_len + empty_line.len);
    return true;
}

bool multipart_find(const char *content_type, struct slice body, const char *name,
                    struct slice *ret_part) {
    uint8_t octets[DELIMITER_MAX];
    const struct slice boundary = boundary_of(content_type);
    const struct slice delimiter = make_delimiter(boundary, octets);
    const struct slice first = rest_of(delimiter, LINE_END.len); /* nothing need be before it */
    size_t len = 0;

    if (boundary.len == 0)
        return false;
    if (slice_has_prefix(body, first))
        body = rest_of(body, first.len);
    else if (find(body, delimiter, &len))
        body = rest_of(body, len + delimiter.len);
    else
        return false;
    while (find(body, delimiter, &len)) {
        if (part_is(slice_of(body.data, len), name, ret_part))
            return true;
        body = rest_of(body, len + delimiter.len);
    }
    return false;
}
