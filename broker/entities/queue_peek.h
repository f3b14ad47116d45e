/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at ready messages that changes nothing: no order, no mark, no count, no deadline, no memory of what
 * is where. Those that are away are read beside their queue (paging.h) and given up after the look.
 *
 *     look --(all are here)--> true
 *        \--(some are away)--> false, asked for; look again in a later tick
 *
 * Messages come and go between two looks, so the last one counts: what it shows is the queue at that moment.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_PEEK_H
#define LEVERET_BROKER_ENTITIES_QUEUE_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/entities/ready_list.h"

struct queue;

#define QUEUE_PEEK_COUNT_MAX  500
#define QUEUE_PEEK_OFFSET_MAX 100000
/* Octets of messages shown by one look; a single one may be larger. */
#define QUEUE_PEEK_OCTETS_MAX (UINT64_C(16) << 20)

struct queue_peek {
    struct queue *queue; /* counted */
    size_t offset;       /* messages passed over */
    size_t max;          /* entries wanted */
    /* What the look found, in the order in which it would be delivered now. Each has a reference to its
     * message, NULL when that cannot be read from disk. */
    struct entry *entries;
    size_t count;
    struct peek_request *request; /* under way, or NULL */
    struct peek_request *arrived; /* every one that is back, linked */
    unsigned requests;            /* made so far */
};

/* At most QUEUE_PEEK_OFFSET_MAX and QUEUE_PEEK_COUNT_MAX. */
struct queue_peek *queue_peek_create(struct queue *queue, size_t offset, size_t max);
/* NULL is allowed. */
void queue_peek_destroy(struct queue_peek *peek);

/* False while what is away is on its way. Fewer entries than wanted when the queue, the octets or the
 * memory end; or when the queue moves so fast that what arrives is not there any more. */
bool queue_peek_look(struct queue_peek *peek);

#endif
