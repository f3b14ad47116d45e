/* SPDX-License-Identifier: Apache-2.0 */
/* Between paging_sweep.c, which puts messages away, and paging.c, which brings them back. */
#ifndef LEVERET_BROKER_ENTITIES_PAGING_PRIVATE_H
#define LEVERET_BROKER_ENTITIES_PAGING_PRIVATE_H

#include "broker/entities/paging.h"
#include "broker/entities/queue.h"
#include "broker/entities/read_pause.h"

enum sweep { SWEEP_NONE, SWEEP_IDLE, SWEEP_FAIR, SWEEP_ALL };

struct paging {
    struct broker *broker;
    struct pager *pager;
    uint64_t limit;
    uint64_t budget; /* for messages: the limit without the index, the floor at least */
    enum sweep sweep;
    struct queue *cursor;  /* the queue whose turn it is; NULL: the sweep is through */
    uint64_t slice_freed;  /* octets, by the slice under way */
    uint64_t away_memory;  /* of the queues seen by this sweep */
    uint64_t queues_seen;  /* with messages, by this sweep */
    uint64_t queues_share; /* the same of the sweep before: divides the fair share */
    uint64_t retry_bytes;  /* a sweep that did not help is not repeated below */
    int64_t retry_ms;      /* or before */
    uint64_t idle_bytes;   /* nor one for queues that nobody consumes below */
    int64_t disk_retry_ms;
    struct fetch *fetch; /* under way, or NULL */
    struct read_pauses pauses;
    struct paging_statistics statistics;
};

/* The lists of a queue, one for each of its priorities. */
static inline struct ready_list *paging_list_at(struct queue *queue, size_t at) {
    return queue->levels == NULL ? &queue->ready : ready_levels_list(queue->levels, at);
}

#endif
