/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A linked list with one walk that may take its time: what is removed meanwhile is not seen, what is
 * added is. Checkpoints go through the state of the journal like this, some at a time.
 */
#ifndef LEVERET_PERSISTENCE_WALK_LIST_H
#define LEVERET_PERSISTENCE_WALK_LIST_H

#include <stddef.h>

/* In what is listed. */
struct walk_link {
    struct walk_link *next;
    struct walk_link *previous;
};

struct walk_list {
    struct walk_link *first;
    struct walk_link *last;
    struct walk_link *cursor; /* what the walk sees next */
};

static inline void walk_list_append(struct walk_list *list, struct walk_link *link) {
    link->next = NULL;
    link->previous = list->last;
    if (list->last != NULL)
        list->last->next = link;
    else
        list->first = link;
    list->last = link;
}

static inline void walk_list_remove(struct walk_list *list, struct walk_link *link) {
    if (list->cursor == link)
        list->cursor = link->next;
    if (link->previous != NULL)
        link->previous->next = link->next;
    else
        list->first = link->next;
    if (link->next != NULL)
        link->next->previous = link->previous;
    else
        list->last = link->previous;
}

static inline void walk_list_begin(struct walk_list *list) {
    list->cursor = list->first;
}

/* NULL at the end. */
static inline struct walk_link *walk_list_next(struct walk_list *list) {
    struct walk_link *link = list->cursor;

    if (link != NULL)
        list->cursor = link->next;
    return link;
}

#endif
