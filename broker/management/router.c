/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns against paths. */
#include "broker/management/router.h"

#include <string.h>

#include "broker/base/alloc.h"
#include "broker/management/percent.h"

#define SEGMENTS_MAX 10

struct path {
    struct slice segments[SEGMENTS_MAX]; /* decoded */
    size_t count;
    bool is_too_long;
};

/* The next run between slashes; false at the end. */
static bool next_segment(struct slice *rest, struct slice *ret_segment) {
    while (rest->len > 0 && rest->data[0] == '/')
        *rest = slice_of(rest->data + 1, rest->len - 1);
    if (rest->len == 0)
        return false;
    const uint8_t *slash = memchr(rest->data, '/', rest->len);
    size_t len = slash == NULL ? rest->len : (size_t)(slash - rest->data);
    *ret_segment = slice_of(rest->data, len);
    *rest = slice_of(rest->data + len, rest->len - len);
    return true;
}

static struct path split(struct slice text, char *decoded) {
    struct path path = {0};
    struct slice segment;

    while (next_segment(&text, &segment)) {
        if (path.count == SEGMENTS_MAX) {
            path.is_too_long = true;
            break;
        }
        size_t len = percent_decode(segment, PERCENT_PLUS_STAYS, decoded);
        path.segments[path.count++] = slice_of(decoded, len);
        decoded += len;
    }
    return path;
}

static bool is_variable(struct slice segment) {
    return segment.len > 0 && segment.data[0] == '{';
}

static bool matches(const char *pattern, const struct path *path, struct api_request *request,
                    struct slice *ret_vhost) {
    struct slice rest = slice_from_text(pattern), segment;
    size_t i = 0;

    request->part_count = 0;
    *ret_vhost = slice_of(NULL, 0);
    for (; next_segment(&rest, &segment); i++) {
        if (i == path->count)
            return false;
        if (slice_equal(segment, SLICE("{vhost}")))
            *ret_vhost = path->segments[i];
        else if (is_variable(segment))
            request->parts[request->part_count++] = path->segments[i];
        else if (!slice_equal(segment, path->segments[i]))
            return false;
    }
    return i == path->count;
}

static void add_allowed(struct text *allowed, const char *method) {
    const char *before = strcmp(method, "GET") == 0 ? "HEAD, " : "";

    text_append_format(allowed, "%s%s%s", allowed->len == 0 ? "" : ", ", before, method);
}

enum router_result router_find(const struct api_route *const *tables, struct slice method,
                               struct slice path_text, struct api_request *request,
                               struct slice *ret_vhost, const struct api_route **ret_route,
                               struct text *ret_allowed) {
    request->decoded = xmalloc(path_text.len + 1);
    const struct path path = split(path_text, request->decoded);

    if (slice_equal(method, SLICE("HEAD")))
        method = SLICE("GET");
    if (path.is_too_long)
        return ROUTER_NO_PATH;
    for (; *tables != NULL; tables++) {
        for (const struct api_route *route = *tables; route->pattern != NULL; route++) {
            if (!matches(route->pattern, &path, request, ret_vhost))
                continue;
            if (slice_equal(method, slice_from_text(route->method))) {
                *ret_route = route;
                return ROUTER_FOUND;
            }
            add_allowed(ret_allowed, route->method);
        }
    }
    return ret_allowed->len == 0 ? ROUTER_NO_PATH : ROUTER_NO_METHOD;
}
