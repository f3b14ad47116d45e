/* SPDX-License-Identifier: Apache-2.0 */
/* Collected objects: filtered, sorted, cut into pages, written one by one. */
#include "broker/management/api_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/base/alloc.h"
#include "broker/base/pattern.h"
#include "broker/entities/table_json.h"
#include "broker/management/api.h"
#include "broker/management/json_part.h"
#include "broker/management/management_private.h"

#define PAGE_SIZE_DEFAULT 100
#define PAGE_SIZE_MAX     500
#define COLUMNS_MAX       2048 /* octets of the query's `columns` */
#define SORT_MAX          256
#define NAME_MAX_OCTETS   1024

/* --- items --- */

void api_items_add(struct api_items *items, const struct api_resource *resource,
                   const void *object) {
    if (items->count == items->capacity) {
        items->capacity = items->capacity == 0 ? 64 : 2 * items->capacity;
        items->objects = xrealloc(items->objects, items->capacity * sizeof *items->objects);
    }
    items->objects[items->count++] = object;
    if (resource->hold != NULL)
        resource->hold(object);
}

static void release(const struct api_resource *resource, const void *object) {
    if (resource->release != NULL)
        resource->release(object);
}

void api_items_clear(struct api_items *items, const struct api_resource *resource) {
    for (size_t i = 0; i < items->count; i++)
        release(resource, items->objects[i]);
    free(items->objects);
    *items = (struct api_items){0};
}

/* --- one object --- */

void api_write_node(struct json_out *out, const void *object, struct management *management) {
    (void)object;
    json_out_string(out, management->settings.node_name);
}

static void write_member(struct json_out *out, const struct api_field *field, const void *object) {
    const void *member = (const char *)object + field->offset;

    switch (field->kind) {
    case API_TEXT:
        json_out_text(out, *(const struct slice *)member);
        break;
    case API_TABLE:
        table_json_write(out, *(const struct slice *)member);
        break;
    case API_BOOL:
        json_out_bool(out, *(const bool *)member);
        break;
    case API_UINT8:
        json_out_unsigned(out, *(const uint8_t *)member);
        break;
    case API_UINT16:
        json_out_unsigned(out, *(const uint16_t *)member);
        break;
    case API_UINT32:
        json_out_unsigned(out, *(const uint32_t *)member);
        break;
    case API_UINT64:
        json_out_unsigned(out, *(const uint64_t *)member);
        break;
    case API_SIZE:
        json_out_unsigned(out, *(const size_t *)member);
        break;
    case API_WRITTEN:
        break;
    }
}

static void write_value(struct json_out *out, const struct api_field *field, const void *object,
                        struct management *management) {
    if (field->kind == API_WRITTEN)
        field->write(out, object, management);
    else
        write_member(out, field, object);
}

/* How much of a field `columns` asks for: "a,b.c" wants all of a and a part of b. */
enum selection { SELECTED_NOT, SELECTED_PART, SELECTED_WHOLE };

static enum selection selection_of(const char *columns, const char *name) {
    enum selection selection = SELECTED_NOT;
    size_t len = strlen(name);

    for (const char *column = columns;; column = json_column_end(column) + 1) {
        if (strncmp(column, name, len) == 0) {
            if (column[len] == '\0' || column[len] == ',')
                return SELECTED_WHOLE;
            if (column[len] == '.')
                selection = SELECTED_PART;
        }
        if (*json_column_end(column) == '\0')
            return selection;
    }
}

static json_t *load_field(const struct api_field *field, const void *object,
                          struct management *management) {
    struct text text = {0};
    struct json_out out = {.text = &text};

    if (field->is_absent != NULL && field->is_absent(object))
        return NULL;
    write_value(&out, field, object, management);
    json_t *value = json_loadb(text.chars, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    text_clear(&text);
    return value;
}

static void write_loaded(struct json_out *out, const json_t *value) {
    char *text = json_dumps(value, JSON_PART_DUMP);

    json_out_raw(out, slice_from_text(text));
    free(text);
}

/* The parts of a field that `columns` names. */
static void write_parts(struct json_out *out, const struct api_field *field, const void *object,
                        const char *columns, struct management *management) {
    size_t name_len = strlen(field->name);
    json_t *whole = load_field(field, object, management), *parts = json_object();

    for (const char *column = columns;; column = json_column_end(column) + 1) {
        size_t len = (size_t)(json_column_end(column) - column);
        if (len > name_len && strncmp(column, field->name, name_len) == 0 &&
            column[name_len] == '.') {
            const char *path = column + name_len + 1;
            json_t *value = json_part_at(whole, path, len - name_len - 1);
            if (value != NULL)
                json_part_put(parts, path, len - name_len - 1, value);
        }
        if (*json_column_end(column) == '\0')
            break;
    }
    if (json_object_size(parts) > 0) {
        json_out_key(out, field->name);
        write_loaded(out, parts);
    }
    json_decref(parts);
    if (whole != NULL)
        json_decref(whole);
}

static void write_field(struct json_out *out, const struct api_field *field, const void *object,
                        const char *columns, struct management *management) {
    enum selection selection =
        columns == NULL ? SELECTED_WHOLE : selection_of(columns, field->name);

    if (selection == SELECTED_NOT || (field->is_absent != NULL && field->is_absent(object)))
        return;
    if (selection == SELECTED_PART) {
        write_parts(out, field, object, columns, management);
        return;
    }
    json_out_key(out, field->name);
    write_value(out, field, object, management);
}

void api_write_object(struct json_out *out, const struct api_resource *resource, const void *object,
                      const char *columns, bool is_single, struct management *management) {
    json_out_begin_object(out);
    for (const struct api_field *field = resource->fields; field->name != NULL; field++) {
        if (is_single || !field->only_single)
            write_field(out, field, object, columns, management);
    }
    json_out_end_object(out);
}

static char *copy_columns(const struct api_request *request) {
    char columns[COLUMNS_MAX];

    if (!api_argument(request, "columns", columns, sizeof columns) || columns[0] == '\0')
        return NULL;
    char *copy = xmalloc(strlen(columns) + 1);
    return strcpy(copy, columns);
}

void api_reply_object(struct api_request *request, const struct api_resource *resource,
                      const void *object) {
    char *columns = copy_columns(request);
    struct json_out out = api_json(request);

    api_write_object(&out, resource, object, columns, true, request->management);
    free(columns);
}

/* --- sorting --- */

static const struct api_field *find_field(const struct api_resource *resource, const char *path) {
    size_t len = strcspn(path, ".");

    for (const struct api_field *field = resource->fields; field->name != NULL; field++) {
        if (strlen(field->name) == len && strncmp(field->name, path, len) == 0)
            return field;
    }
    return NULL;
}

static void sort_by(struct api_items *items, const struct api_resource *resource, const char *path,
                    struct management *management) {
    const struct api_field *field = find_field(resource, path);

    if (field == NULL || items->count == 0)
        return;
    struct json_sort_key *keys = xcalloc(items->count, sizeof *keys);
    const char *inner = path + strlen(field->name);
    for (size_t i = 0; i < items->count; i++) {
        json_t *value = load_field(field, items->objects[i], management);
        json_t *part = *inner == '.' ? json_part_at(value, inner + 1, strlen(inner + 1)) : value;
        keys[i] = (struct json_sort_key){items->objects[i], i, json_incref(part)};
        if (value != NULL)
            json_decref(value);
    }
    json_sort(keys, items->count);
    for (size_t i = 0; i < items->count; i++) {
        items->objects[i] = keys[i].object;
        if (keys[i].value != NULL)
            json_decref(keys[i].value);
    }
    free(keys);
}

static void reverse(struct api_items *items) {
    for (size_t i = 0, j = items->count; i + 1 < j; i++) {
        const void *object = items->objects[--j];
        items->objects[j] = items->objects[i];
        items->objects[i] = object;
    }
}

static int compare_pointed(const void *a, const void *b, void *compare) {
    int (*const *function)(const void *, const void *) = compare;
    return (*function)(*(const void *const *)a, *(const void *const *)b);
}

static void sort_items(struct api_request *request, const struct api_resource *resource,
                       struct api_items *items) {
    char path[SORT_MAX];

    if (resource->compare != NULL && items->count > 1) {
        int (*compare)(const void *, const void *) = resource->compare;
        qsort_r(items->objects, items->count, sizeof *items->objects, compare_pointed, &compare);
    }
    if (api_argument(request, "sort", path, sizeof path) && path[0] != '\0')
        sort_by(items, resource, path, request->management);
    if (api_argument_is_true(request, "sort_reverse"))
        reverse(items);
}

/* --- filtering by name --- */

struct filter {
    char text[NAME_MAX_OCTETS];
    struct pattern *pattern; /* NULL: `text` stands anywhere in the name */
};

/* Whatever the case of its letters, as with the expression. */
static bool has_in_it(struct slice name, struct slice wanted) {
    for (; name.len >= wanted.len; name = slice_of(name.data + 1, name.len - 1)) {
        if (strncasecmp((const char *)name.data, (const char *)wanted.data, wanted.len) == 0)
            return true;
    }
    return false;
}

static bool filter_matches(const struct filter *filter, const json_t *name) {
    if (!json_is_string(name))
        return false;
    if (filter->pattern != NULL)
        return pattern_matches(filter->pattern, slice_from_json(name));
    return has_in_it(slice_from_json(name), slice_from_text(filter->text));
}

static void keep_matching(struct api_items *items, const struct api_resource *resource,
                          const struct filter *filter, struct management *management) {
    const struct api_field *field = find_field(resource, "name");
    size_t kept = 0;

    for (size_t i = 0; field != NULL && i < items->count; i++) {
        json_t *name = load_field(field, items->objects[i], management);
        if (filter_matches(filter, name))
            items->objects[kept++] = items->objects[i];
        else
            release(resource, items->objects[i]);
        json_decref(name);
    }
    if (field != NULL)
        items->count = kept;
}

static struct pattern *compile_filter(const char *text) {
    char expression[NAME_MAX_OCTETS + 4];

    snprintf(expression, sizeof expression, "(?i)%s", text);
    return pattern_compile(slice_from_text(expression), NULL);
}

static bool refuse_pagination(struct api_request *request) {
    api_refuse_bad(request, "Pagination parameters are invalid");
    return false;
}

/* False when the query was refused. RabbitMQ filters only what comes in pages. */
static bool filter_items(struct api_request *request, const struct api_resource *resource,
                         struct api_items *items) {
    struct filter filter = {.pattern = NULL};

    if (!api_argument(request, "name", filter.text, sizeof filter.text) || filter.text[0] == '\0')
        return true;
    if (api_argument_is_true(request, "use_regex")) {
        filter.pattern = compile_filter(filter.text);
        if (filter.pattern == NULL)
            return refuse_pagination(request);
    }
    keep_matching(items, resource, &filter, request->management);
    pattern_destroy(filter.pattern);
    return true;
}

/* --- pages --- */

struct page {
    bool is_wanted;
    size_t number;
    size_t size;
    size_t total;    /* all there are */
    size_t filtered; /* all that match */
};

/* False when it is there and no number. */
static bool read_number(const struct api_request *request, const char *name, long *ret_number) {
    char text[20];
    char *end;

    if (http_request_argument(request->http, name) == NULL)
        return true;
    if (!api_argument(request, name, text, sizeof text))
        return false;
    *ret_number = strtol(text, &end, 10);
    return *end == '\0' && end != text;
}

static bool refuse_page(struct api_request *request, const char *error, const char *reason) {
    api_refuse(request, 400, error, slice_from_text(reason));
    return false;
}

/* False when the query was refused. */
static bool read_page(struct api_request *request, struct page *page) {
    long number = 1, size = PAGE_SIZE_DEFAULT;
    char reason[128];

    *page = (struct page){.is_wanted = http_request_argument(request->http, "page") != NULL};
    if (!page->is_wanted)
        return true;
    if (!read_number(request, "page", &number) || !read_number(request, "page_size", &size))
        return refuse_pagination(request);
    if (number < 1 || size < 1 || size > PAGE_SIZE_MAX) {
        snprintf(reason, sizeof reason,
                 "Invalid pagination parameters: page number %ld, page size %ld", number, size);
        return refuse_page(request, "invalid_pagination_parameters", reason);
    }
    page->number = (size_t)number;
    page->size = (size_t)size;
    return true;
}

static bool refuse_number(struct api_request *request, const struct page *page) {
    char reason[128];

    snprintf(reason, sizeof reason, "Page out of range, page: %zu page size: %zu, len: %zu",
             page->number, page->size, page->filtered);
    return refuse_page(request, "page_out_of_range", reason);
}

static size_t page_count(const struct page *page) {
    return (page->filtered + page->size - 1) / page->size;
}

/* Keeps the items of the page. */
static void cut_page(struct api_items *items, const struct api_resource *resource,
                     const struct page *page) {
    size_t begin = (page->number - 1) * page->size;
    size_t end = begin + page->size < items->count ? begin + page->size : items->count;

    for (size_t i = 0; i < items->count; i++) {
        if (i < begin || i >= end)
            release(resource, items->objects[i]);
    }
    if (begin > 0)
        memmove(items->objects, items->objects + begin, (end - begin) * sizeof *items->objects);
    items->count = end - begin;
}

/* --- the stream --- */

struct listing {
    struct management *management;
    const struct api_resource *resource;
    struct api_items items;
    size_t next;
    char *columns;
    struct json_out out;
    struct page page;
    uint64_t epoch;
    bool has_begun;
};

static bool may_have_gone(const struct listing *listing) {
    const struct api_resource *resource = listing->resource;

    return resource->is_gone != NULL &&
           (resource->epoch == NULL || resource->epoch(listing->management) != listing->epoch);
}

static void begin_listing(struct listing *listing) {
    struct json_out *out = &listing->out;

    if (listing->page.is_wanted) {
        json_out_begin_object(out);
        json_out_put_unsigned(out, "filtered_count", listing->page.filtered);
        json_out_put_unsigned(out, "item_count", listing->items.count);
        json_out_key(out, "items");
    }
    json_out_begin_array(out);
    listing->has_begun = true;
}

static void end_listing(struct listing *listing) {
    struct json_out *out = &listing->out;

    json_out_end_array(out);
    if (!listing->page.is_wanted)
        return;
    json_out_put_unsigned(out, "page", listing->page.number);
    json_out_put_unsigned(out, "page_count", page_count(&listing->page));
    json_out_put_unsigned(out, "page_size", listing->page.size);
    json_out_put_unsigned(out, "total_count", listing->page.total);
    json_out_end_object(out);
}

static bool next_item(void *state, struct text *text) {
    struct listing *listing = state;
    const struct api_resource *resource = listing->resource;

    listing->out.text = text;
    if (!listing->has_begun)
        begin_listing(listing);
    if (listing->next == listing->items.count) {
        end_listing(listing);
        return false;
    }
    const void *object = listing->items.objects[listing->next++];
    if (!may_have_gone(listing) || !resource->is_gone(listing->management, object))
        api_write_object(&listing->out, resource, object, listing->columns, false,
                         listing->management);
    return true;
}

static void end_stream(void *state) {
    struct listing *listing = state;

    api_items_clear(&listing->items, listing->resource);
    free(listing->columns);
    free(listing);
}

static void stream(struct api_request *request, const struct api_resource *resource,
                   struct api_items *items, const struct page *page) {
    struct listing *listing = xcalloc(1, sizeof *listing);

    listing->management = request->management;
    listing->resource = resource;
    listing->items = *items;
    listing->columns = copy_columns(request);
    listing->page = *page;
    listing->epoch = resource->epoch == NULL ? 0 : resource->epoch(request->management);
    request->response->stream =
        (struct http_stream){.next = next_item, .end = end_stream, .state = listing};
    *items = (struct api_items){0};
}

static bool prepare(struct api_request *request, const struct api_resource *resource,
                    struct api_items *items, struct page *page) {
    if (!read_page(request, page))
        return false;
    page->total = items->count;
    if (page->is_wanted && !filter_items(request, resource, items))
        return false;
    page->filtered = items->count;
    sort_items(request, resource, items);
    if (page->is_wanted && page->number > 1 && page->number > page_count(page))
        return refuse_number(request, page);
    if (page->is_wanted)
        cut_page(items, resource, page);
    return true;
}

void api_reply_list(struct api_request *request, const struct api_resource *resource,
                    struct api_items *items) {
    struct page page;

    if (prepare(request, resource, items, &page))
        stream(request, resource, items, &page);
    api_items_clear(items, resource);
}
