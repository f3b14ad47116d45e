/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The definitions a journal holds: payloads by (kind, key), ordered by both. Kept in memory because
 * every checkpoint writes all of them. Keys come from clients, so this is a tree: no names make it
 * slow.
 */
#ifndef LEVERET_PERSISTENCE_DEFINITIONS_H
#define LEVERET_PERSISTENCE_DEFINITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "persistence/walk_list.h"

struct definitions {
    void *root; /* of a tree of tsearch(3) */
    struct walk_list list;
    size_t count;
};

void definitions_clear(struct definitions *definitions);
/* Copies both slices; replaces what was there. */
void definitions_put(struct definitions *definitions, uint8_t kind, struct slice key,
                     struct slice payload);
void definitions_delete(struct definitions *definitions, uint8_t kind, struct slice key);

void definitions_each(const struct definitions *definitions,
                      void (*visit)(void *context, uint8_t kind, struct slice key,
                                    struct slice payload),
                      void *context);

/* One walk at a time through all of them, in no order; false at the end. See walk_list.h. */
void definitions_begin_walk(struct definitions *definitions);
bool definitions_next(struct definitions *definitions, uint8_t *ret_kind, struct slice *ret_key,
                      struct slice *ret_payload);

#endif
