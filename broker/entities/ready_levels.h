/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ready messages of a queue with x-max-priority: a ready list for each level from 0 to the
 * maximum. The front is that of the highest level that is not empty; inside a level messages keep their
 * order. Fetching, dropping and expiring all work on that one front, as in RabbitMQ.
 *
 * A quorum queue has levels too. What comes back to it does not get its place again but goes to the
 * end of a list that is served before all levels, in the order of returning (compat 3.3).
 */
#ifndef LEVERET_BROKER_ENTITIES_READY_LEVELS_H
#define LEVERET_BROKER_ENTITIES_READY_LEVELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/entities/ready_list.h"

#define READY_LEVELS_MAX 256

struct ready_levels {
    size_t count;                             /* entries on all levels */
    uint8_t highest;                          /* messages of a greater priority are on this level */
    uint8_t unspecified;                      /* the level of messages without a priority */
    bool serves_returned_first;               /* of a quorum queue */
    uint32_t taken_size;                      /* as that of the list an entry was taken from */
    struct ready_list returned;               /* empty in other queues */
    uint64_t occupied[READY_LEVELS_MAX / 64]; /* a bit for each level that is not empty */
    struct ready_list lists[];
};

/* Levels 0 to `highest`. */
struct ready_levels *ready_levels_create(uint8_t highest);
/* Levels 0 to 31, 4 for messages without a priority, and the list of the returned. */
struct ready_levels *ready_levels_create_quorum(void);
/* Drops every entry. NULL is allowed. */
void ready_levels_destroy(struct ready_levels *levels);

/* The level is found by the priority of the message. Both take its reference; see ready_list.h. */
void ready_levels_push(struct ready_levels *levels, struct entry entry);
void ready_levels_return(struct ready_levels *levels, struct entry entry);

/* The level of messages of a priority, or without one. */
uint8_t ready_levels_level(const struct ready_levels *levels, bool has_priority, uint8_t priority);
/* An entry that is away goes to the end of its level, or of the returned; see ready_away.c. */
void ready_levels_push_away(struct ready_levels *levels, uint8_t level, struct entry entry,
                            uint32_t body_size);
void ready_levels_return_away(struct ready_levels *levels, struct entry entry, uint32_t body_size);
/* All lists one after the other, at 0 to count - 1. */
size_t ready_levels_list_count(const struct ready_levels *levels);
struct ready_list *ready_levels_list(struct ready_levels *levels, size_t at);
/* Takes the first entry that is away out of one of the lists. */
struct entry ready_levels_take_away(struct ready_levels *levels, struct ready_list *list);
/* The list of one level was emptied of `count` entries by hand. */
void ready_levels_forget(struct ready_levels *levels, uint8_t level, size_t count);
/* The list with the front entry, NULL when all are empty. */
struct ready_list *ready_levels_front(struct ready_levels *levels);

/* False when all levels are empty. */
bool ready_levels_peek(const struct ready_levels *levels, struct entry *ret_entry);

/* Takes the front of one of the lists, which is not empty. */
struct entry ready_levels_take_of(struct ready_levels *levels, struct ready_list *list);

/* The list whose front expires first and when that is; NULL when no front expires. */
struct ready_list *ready_levels_first_to_expire(struct ready_levels *levels,
                                                int64_t *ret_expires_ms);

/* The list with the front that was enqueued first: the returned, if there are any. NULL when all are
 * empty. */
struct ready_list *ready_levels_oldest(struct ready_levels *levels);

/* Drops every entry and its message reference. */
void ready_levels_clear(struct ready_levels *levels);

#endif
