/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked list. The link lives inside the object, so linking and unlinking
 * allocate nothing and cannot fail. A list head and a link are the same struct; an unlinked
 * link points at itself, which is what list_is_linked() asks for.
 *
 *     struct list consumers;                       list_init(&queue->consumers);
 *     struct consumer { struct list link; ... };   list_append(&queue->consumers, &c->link);
 *     LIST_FOR_EACH (&queue->consumers, at) { struct consumer *c = LIST_ITEM(at, struct consumer, link); }
 */
#ifndef LEVERET_BROKER_BASE_LIST_H
#define LEVERET_BROKER_BASE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

static inline void list_init(struct list *list) {
    list->next = list;
    list->previous = list;
}

static inline bool list_is_empty(const struct list *list) {
    return list->next == list;
}

/* True for an initialised link that is on some list; a zeroed link counts as not linked. */
static inline bool list_is_linked(const struct list *link) {
    return link->next != NULL && link->next != link;
}

static inline void list_insert_between(struct list *link, struct list *previous,
                                       struct list *next) {
    assert(!list_is_linked(link));
    link->previous = previous;
    link->next = next;
    previous->next = link;
    next->previous = link;
}

static inline void list_append(struct list *list, struct list *link) {
    list_insert_between(link, list->previous, list);
}

static inline void list_prepend(struct list *list, struct list *link) {
    list_insert_between(link, list, list->next);
}

/* Inserts `link` in front of `at`, which is on a list. */
static inline void list_insert_before(struct list *at, struct list *link) {
    list_insert_between(link, at->previous, at);
}

/* Unlinks; does nothing when not linked. */
static inline void list_remove(struct list *link) {
    if (!list_is_linked(link))
        return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* First link of the list, NULL when empty. */
static inline struct list *list_first(const struct list *list) {
    return list_is_empty(list) ? NULL : list->next;
}

/* Unlinks and returns the first link, NULL when empty. */
static inline struct list *list_take_first(struct list *list) {
    struct list *first = list_first(list);
    if (first != NULL)
        list_remove(first);
    return first;
}

/* Moves all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_move_all(struct list *to, struct list *from) {
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#define LIST_ITEM(at, type, member) ((type *)(void *)((char *)(at)-offsetof(type, member)))

/* The parameter is not called `list`: it would replace the struct's name. */
#define LIST_FOR_EACH(head, at) for (struct list *at = (head)->next; at != (head); at = at->next)

/* As LIST_FOR_EACH, but the body may unlink or free the item at `at` (and no other). */
#define LIST_FOR_EACH_SAFE(head, at)                                          \
    for (struct list *at = (head)->next, *at##_next = at->next; at != (head); \
         at = at##_next, at##_next = at->next)

#endif
