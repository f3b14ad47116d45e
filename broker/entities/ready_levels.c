/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/ready_levels.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/entities/message.h"

struct ready_levels *ready_levels_create(uint8_t highest) {
    size_t count = (size_t)highest + 1;
    struct ready_levels *levels = xcalloc(1, sizeof *levels + count * sizeof levels->lists[0]);
    levels->highest = highest;
    ready_list_init(&levels->returned);
    levels->returned.has_sizes = true;
    for (size_t i = 0; i < count; i++) {
        ready_list_init(&levels->lists[i]);
        levels->lists[i].has_sizes = true;
    }
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

uint8_t ready_levels_level(const struct ready_levels *levels, bool has_priority, uint8_t priority) {
    uint8_t level = has_priority ? priority : levels->unspecified;
    return level > levels->highest ? levels->highest : level;
}

/* The list of the level, marked as occupied by one more. */
static struct ready_list *list_of_level(struct ready_levels *levels, uint8_t level) {
    levels->count++;
    levels->occupied[level / 64] |= UINT64_C(1) << level % 64;
    return &levels->lists[level];
}

static struct ready_list *list_for(struct ready_levels *levels, struct entry entry) {
    bool has_priority = (message_flags(entry.message) & AMQP_PRIORITY) != 0;
    uint8_t priority = message_priority(entry.message);
    return list_of_level(levels, ready_levels_level(levels, has_priority, priority));
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

/* An entry was taken from the list. */
static void note_taken(struct ready_levels *levels, const struct ready_list *list) {
    levels->count--;
    if (list == &levels->returned || ready_list_count(list) > 0)
        return;
    size_t level = (size_t)(list - levels->lists);
    levels->occupied[level / 64] &= ~(UINT64_C(1) << level % 64);
}

struct entry ready_levels_take_of(struct ready_levels *levels, struct ready_list *list) {
    struct entry entry;
    bool is_taken = ready_list_take(list, &entry);
    assert(is_taken);
    levels->taken_size = list->taken_size;
    note_taken(levels, list);
    return entry;
}

struct ready_list *ready_levels_front(struct ready_levels *levels) {
    if (ready_list_count(&levels->returned) > 0)
        return &levels->returned;
    int level = front_level(levels);
    return level < 0 ? NULL : &levels->lists[level];
}

/* `list` or `first`, whichever has the front that expires earlier; NULL when neither does. */
static struct ready_list *earlier_to_expire(struct ready_list *first, struct ready_list *list,
                                            int64_t *expires_ms) {
    struct entry front;
    if (!ready_list_peek(list, &front) || front.expires_ms == ENTRY_NEVER_EXPIRES ||
        (first != NULL && *expires_ms <= front.expires_ms))
        return first;
    *expires_ms = front.expires_ms;
    return list;
}

struct ready_list *ready_levels_first_to_expire(struct ready_levels *levels,
                                                int64_t *ret_expires_ms) {
    struct ready_list *first = earlier_to_expire(NULL, &levels->returned, ret_expires_ms);
    for (size_t word = 0; word < READY_LEVELS_MAX / 64; word++) {
        for (uint64_t bits = levels->occupied[word]; bits != 0; bits &= bits - 1) {
            size_t level = word * 64 + (size_t)__builtin_ctzll(bits);
            first = earlier_to_expire(first, &levels->lists[level], ret_expires_ms);
        }
    }
    return first;
}

struct ready_list *ready_levels_oldest(struct ready_levels *levels) {
    struct ready_list *oldest = NULL;
    uint64_t lowest = UINT64_MAX;
    struct entry front;
    if (ready_list_count(&levels->returned) > 0)
        return &levels->returned;
    for (int level = 0; level <= levels->highest; level++) {
        if (ready_list_peek(&levels->lists[level], &front) && front.sequence < lowest) {
            lowest = front.sequence;
            oldest = &levels->lists[level];
        }
    }
    return oldest;
}

/* --- entries that are away --- */

size_t ready_levels_list_count(const struct ready_levels *levels) {
    return (size_t)levels->highest + 2;
}

struct ready_list *ready_levels_list(struct ready_levels *levels, size_t at) {
    return at <= levels->highest ? &levels->lists[at] : &levels->returned;
}

void ready_levels_push_away(struct ready_levels *levels, uint8_t level, struct entry entry,
                            uint32_t body_size) {
    ready_list_push_away(list_of_level(levels, level), entry, body_size);
}

void ready_levels_return_away(struct ready_levels *levels, struct entry entry, uint32_t body_size) {
    ready_list_push_away(&levels->returned, entry, body_size);
    levels->count++;
}

struct entry ready_levels_take_away(struct ready_levels *levels, struct ready_list *list) {
    struct entry entry = ready_list_take_away(list);
    note_taken(levels, list);
    return entry;
}

void ready_levels_forget(struct ready_levels *levels, uint8_t level, size_t count) {
    levels->count -= count;
    levels->occupied[level / 64] &= ~(UINT64_C(1) << level % 64);
}

void ready_levels_clear(struct ready_levels *levels) {
    ready_list_clear(&levels->returned);
    for (size_t i = 0; i <= levels->highest; i++)
        ready_list_clear(&levels->lists[i]);
    levels->count = 0;
    for (size_t i = 0; i < READY_LEVELS_MAX / 64; i++)
        levels->occupied[i] = 0;
}
