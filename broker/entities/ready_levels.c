/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/ready_levels.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/entities/message.h"

struct ready_levels *ready_levels_create(uint8_t highest) {
    size_t count = (size_t)highest + 1;
    struct ready_levels *levels = xcalloc(1, sizeof *levels + count * sizeof levels->lists[0]);
    levels->highest = highest;
    ready_list_init(&levels->returned);
    for (size_t i = 0; i < count; i++)
        ready_list_init(&levels->lists[i]);
    return levels;
}

#define QUORUM_PRIORITY_MAX     31
#define QUORUM_PRIORITY_DEFAULT 4

struct ready_levels *ready_levels_create_quorum(void) {
    struct ready_levels *levels = ready_levels_create(QUORUM_PRIORITY_MAX);
    levels->unspecified = QUORUM_PRIORITY_DEFAULT;
    levels->serves_returned_first = true;
    return levels;
}

void ready_levels_destroy(struct ready_levels *levels) {
    if (levels == NULL)
        return;
    ready_levels_clear(levels);
    free(levels);
}

/* The list that the entry belongs on, marked as occupied. */
static struct ready_list *list_for(struct ready_levels *levels, struct entry entry) {
    uint8_t level = message_flags(entry.message) & AMQP_PRIORITY ? message_priority(entry.message)
                                                                 : levels->unspecified;
    if (level > levels->highest)
        level = levels->highest;
    levels->count++;
    levels->occupied[level / 64] |= UINT64_C(1) << level % 64;
    return &levels->lists[level];
}

void ready_levels_push(struct ready_levels *levels, struct entry entry) {
    ready_list_push(list_for(levels, entry), entry);
}

void ready_levels_return(struct ready_levels *levels, struct entry entry) {
    if (!levels->serves_returned_first) {
        ready_list_return(list_for(levels, entry), entry);
        return;
    }
    ready_list_push(&levels->returned, entry);
    levels->count++;
}

/* -1 when all are empty. */
static int front_level(const struct ready_levels *levels) {
    for (int word = READY_LEVELS_MAX / 64 - 1; word >= 0; word--) {
        if (levels->occupied[word] != 0)
            return word * 64 + 63 - __builtin_clzll(levels->occupied[word]);
    }
    return -1;
}

bool ready_levels_peek(const struct ready_levels *levels, struct entry *ret_entry) {
    if (ready_list_peek(&levels->returned, ret_entry))
        return true;
    int level = front_level(levels);
    return level >= 0 && ready_list_peek(&levels->lists[level], ret_entry);
}

static bool take_returned(struct ready_levels *levels, struct entry *ret_entry) {
    if (!ready_list_take(&levels->returned, ret_entry))
        return false;
    levels->count--;
    return true;
}

static bool take_from(struct ready_levels *levels, int level, struct entry *ret_entry) {
    if (level < 0 || !ready_list_take(&levels->lists[level], ret_entry))
        return false;
    levels->count--;
    if (ready_list_count(&levels->lists[level]) == 0)
        levels->occupied[level / 64] &= ~(UINT64_C(1) << level % 64);
    return true;
}

bool ready_levels_take(struct ready_levels *levels, struct entry *ret_entry) {
    return take_returned(levels, ret_entry) || take_from(levels, front_level(levels), ret_entry);
}

/* -1 when all are empty. */
static int oldest_level(const struct ready_levels *levels) {
    uint64_t lowest = UINT64_MAX;
    struct entry front;
    int oldest = -1;
    for (int level = 0; level <= levels->highest; level++) {
        if (ready_list_peek(&levels->lists[level], &front) && front.sequence < lowest) {
            lowest = front.sequence;
            oldest = level;
        }
    }
    return oldest;
}

bool ready_levels_take_oldest(struct ready_levels *levels, struct entry *ret_entry) {
    return take_returned(levels, ret_entry) || take_from(levels, oldest_level(levels), ret_entry);
}

void ready_levels_clear(struct ready_levels *levels) {
    ready_list_clear(&levels->returned);
    for (size_t i = 0; i <= levels->highest; i++)
        ready_list_clear(&levels->lists[i]);
    levels->count = 0;
    for (size_t i = 0; i < READY_LEVELS_MAX / 64; i++)
        levels->occupied[i] = 0;
}
