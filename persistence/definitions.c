/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions in the balanced tree of the C library. */
#include "persistence/definitions.h"

#include <search.h>
#include <stdlib.h>

#include "persistence/octets.h"

/* Key and payload are in the same allocation, behind the struct. */
struct definition {
    struct walk_link link;
    uint8_t kind;
    struct slice key;
    struct slice payload;
};

static int compare(const void *left, const void *right) {
    const struct definition *a = left, *b = right;

    return a->kind != b->kind ? (int)a->kind - (int)b->kind : slice_compare(a->key, b->key);
}

void definitions_clear(struct definitions *definitions) {
    tdestroy(definitions->root, free);
    *definitions = (struct definitions){0};
}

static struct definition *definition_create(uint8_t kind, struct slice key, struct slice payload) {
    struct definition *made = journal_allocate(1, sizeof *made + key.len + payload.len);
    uint8_t *octets = (uint8_t *)(made + 1);

    if (key.len > 0)
        memcpy(octets, key.data, key.len);
    if (payload.len > 0)
        memcpy(octets + key.len, payload.data, payload.len);
    made->kind = kind;
    made->key = slice_of(octets, key.len);
    made->payload = slice_of(octets + key.len, payload.len);
    return made;
}

void definitions_put(struct definitions *definitions, uint8_t kind, struct slice key,
                     struct slice payload) {
    struct definition *made = definition_create(kind, key, payload);
    struct definition **place = tsearch(made, &definitions->root, compare);

    if (place == NULL)
        abort(); /* out of memory */
    if (*place == made) {
        walk_list_append(&definitions->list, &made->link);
        definitions->count++;
        return;
    }
    walk_list_remove(&definitions->list, &(*place)->link);
    walk_list_append(&definitions->list, &made->link);
    free(*place);
    *place = made;
}

void definitions_delete(struct definitions *definitions, uint8_t kind, struct slice key) {
    struct definition wanted = {.kind = kind, .key = key};
    struct definition **place = tfind(&wanted, &definitions->root, compare);
    struct definition *found;

    if (place == NULL)
        return;
    found = *place;
    tdelete(&wanted, &definitions->root, compare);
    walk_list_remove(&definitions->list, &found->link);
    free(found);
    definitions->count--;
}

struct walk {
    void (*visit)(void *context, uint8_t kind, struct slice key, struct slice payload);
    void *context;
};

static void visit_node(const void *node, VISIT order, void *closure) {
    const struct definition *definition = *(struct definition *const *)node;
    const struct walk *walk = closure;

    if (order == postorder || order == leaf)
        walk->visit(walk->context, definition->kind, definition->key, definition->payload);
}

void definitions_each(const struct definitions *definitions,
                      void (*visit)(void *context, uint8_t kind, struct slice key,
                                    struct slice payload),
                      void *context) {
    struct walk walk = {visit, context};

    twalk_r(definitions->root, visit_node, &walk);
}

void definitions_begin_walk(struct definitions *definitions) {
    walk_list_begin(&definitions->list);
}

bool definitions_next(struct definitions *definitions, uint8_t *ret_kind, struct slice *ret_key,
                      struct slice *ret_payload) {
    /* The link is the first member. */
    const struct definition *definition =
        (const struct definition *)(const void *)walk_list_next(&definitions->list);

    if (definition == NULL)
        return false;
    *ret_kind = definition->kind;
    *ret_key = definition->key;
    *ret_payload = definition->payload;
    return true;
}
