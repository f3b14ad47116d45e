/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deliveries a channel has not acknowledged, ordered by delivery tag.
 *
 * A ring of records indexed by (tag - oldest tag). Acking out of order leaves a hole that goes when it
 * reaches the front; when holes outnumber records the ring is squeezed and look-ups fall back to a
 * binary search, so that one message kept for ever costs only itself.
 */
#ifndef LEVERET_BROKER_PROTOCOL_UNACKED_H
#define LEVERET_BROKER_PROTOCOL_UNACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/entities/ready_list.h"

struct channel_consumer;
struct queue;

struct unacked {
    uint64_t delivery_tag;
    struct queue *queue;               /* NULL: the entry went back already (consumer_timeout.h) */
    struct channel_consumer *consumer; /* cancelled or not (delivery.h); NULL for basic.get */
    struct entry entry;                /* entry.message NULL: a hole */
    int64_t delivered_ms;              /* where there is a timeout; 0 otherwise */
};

struct unacked_list {
    struct unacked *ring; /* NULL while never used */
    uint32_t capacity;    /* power of two */
    uint32_t first;
    uint32_t used;  /* records and holes */
    uint32_t count; /* records */
};

void unacked_init(struct unacked_list *list);
/* Every record was taken. */
void unacked_clear(struct unacked_list *list);

static inline uint32_t unacked_count(const struct unacked_list *list) {
    return list->count;
}

/* Tags grow from call to call. */
void unacked_add(struct unacked_list *list, const struct unacked *record);

/* Puts a taken record back (tx.rollback). When all are back they have to be sorted. */
void unacked_restore(struct unacked_list *list, const struct unacked *record);
void unacked_sort(struct unacked_list *list);

/* NULL when the tag is not outstanding. Valid until the list changes. */
struct unacked *unacked_find(struct unacked_list *list, uint64_t delivery_tag);

/* Removes the record found by unacked_find(); false when the tag is not outstanding. */
bool unacked_take(struct unacked_list *list, uint64_t delivery_tag, struct unacked *ret_record);

/* Removes the oldest record; false when there is none. */
bool unacked_take_first(struct unacked_list *list, struct unacked *ret_record);

/* The oldest record of this consumer, NULL when there is none. Valid until the list changes. */
struct unacked *unacked_find_of(struct unacked_list *list, const struct channel_consumer *consumer);

/*
 * The entries that this consumer has had since `until_ms` or longer go into `ret_records`, which has
 * room for all of its; what stays in the list holds the place of their tags, with no queue and one
 * more reference to the message. Returns how many.
 */
uint32_t unacked_detach(struct unacked_list *list, const struct channel_consumer *consumer,
                        int64_t until_ms, struct unacked *ret_records);

/*
 * The next message of a basic.get that has a timeout, NULL when there is none. `at` begins with 0 and
 * counts on from call to call. Valid until the list changes.
 */
struct unacked *unacked_next_timed_get(const struct unacked_list *list, uint32_t *at);

/* The oldest outstanding tag, 0 when there is none. */
uint64_t unacked_first_tag(const struct unacked_list *list);

#endif
