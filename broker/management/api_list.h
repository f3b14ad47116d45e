/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists and single objects of the API. A resource is a table of fields; the table writes objects, picks
 * `columns`, and sorts. The same tables serve the columns of leveretctl's list_* commands.
 *
 * Objects are collected and sorted when the request is handled, then written one by one as the peer reads:
 * each as it is at that moment; one that has gone meanwhile is left out.
 *
 * Query (compat 5.1): columns, sort, sort_reverse, page, page_size, name, use_regex, pagination.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_API_LIST_H
#define LEVERET_BROKER_MANAGEMENT_API_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/base/json_out.h"

struct api_request;
struct management;

/* Members of a struct that need no function to be written. */
enum api_kind {
    API_WRITTEN,
    API_TEXT,
    API_TABLE,
    API_BOOL,
    API_UINT8,
    API_UINT16,
    API_UINT32,
    API_UINT64,
    API_SIZE
};

/* One row: a member by its kind and offset, or a function that writes the value after the key. */
struct api_field {
    const char *name;
    void (*write)(struct json_out *out, const void *object, struct management *management);
    bool (*is_absent)(const void *object); /* leaves the key out; NULL: never */
    enum api_kind kind;
    size_t offset;
    bool only_single; /* not in lists */
};

/* The name of the node, which is that of every object. */
void api_write_node(struct json_out *out, const void *object, struct management *management);

#define API_MEMBER(NAME, KIND, TYPE, MEMBER) \
    { .name = NAME, .kind = KIND, .offset = offsetof(TYPE, MEMBER) }

/* Pointers to objects, held. */
struct api_items {
    const void **objects;
    size_t count;
    size_t capacity;
};

struct api_resource {
    const struct api_field *fields; /* ends with a NULL name */
    /* Order of lists without `sort`; NULL: as collected. */
    int (*compare)(const void *a, const void *b);
    /* What keeps the pointer good while a list is on its way; NULL: nothing is needed. */
    void (*hold)(const void *object);
    void (*release)(const void *object);
    /* Whether the object went while the list was on its way; NULL: never. It compares pointers only, unless
     * the object is held. */
    bool (*is_gone)(struct management *management, const void *object);
    /* A number that moves when an object of the kind goes: is_gone is asked only then. NULL: always. */
    uint64_t (*epoch)(struct management *management);
};

/* Adds an object, which is held from now on. */
void api_items_add(struct api_items *items, const struct api_resource *resource,
                   const void *object);

void api_items_clear(struct api_items *items, const struct api_resource *resource);

/* Answers with the list the query asks for; takes the items. */
void api_reply_list(struct api_request *request, const struct api_resource *resource,
                    struct api_items *items);

/* Answers with one object. */
void api_reply_object(struct api_request *request, const struct api_resource *resource,
                      const void *object);

/* Writes the object with the fields whose names stand in `columns` (comma separated, "a.b" for a field
 * inside one), all when NULL. */
void api_write_object(struct json_out *out, const struct api_resource *resource, const void *object,
                      const char *columns, bool is_single, struct management *management);

#endif
