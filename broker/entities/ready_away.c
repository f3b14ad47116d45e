/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries whose messages are not in memory: 8 octets each, more only where an entry has a deadline or
 * the queue's limits count octets. The bodies of the others are counted all together, which says how
 * many octets are away; one of them that goes without having been read takes the average with it.
 *
 * Invariants:
 *   1. A chunk that is away has at least one entry; its entries are [start, away_end).
 *   2. In a chunk that is here and not the last, entries are [start, READY_CHUNK_ENTRIES).
 *   3. first_away and last_away are the first and the last chunk of their kind, both NULL without.
 *   4. first_index and last_index have the values that send the inline functions of ready_list.h the
 *      slow way when the chunk they belong to is away.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/entities/message.h"
#include "broker/entities/ready_list.h"

/* An entry: its word >> 3, then the distance from the chunk's first sequence, then `redelivered`. */
enum { REDELIVERED_BITS = 1, DELTA_BITS = 17, SPILLED_BITS = 1 };
#define DELTA_SHIFT   REDELIVERED_BITS
#define SPILLED_SHIFT (DELTA_SHIFT + DELTA_BITS)
#define WORD_SHIFT    (SPILLED_SHIFT + SPILLED_BITS)
#define DELTA_MAX     ((1u << DELTA_BITS) - 1)

struct away_extra {
    int64_t expires_ms;
    uint32_t body_size;
};

struct away_chunk {
    struct ready_chunk head;
    uint64_t first_sequence;
    struct away_extra *extras; /* as many as items, or NULL */
    uint32_t capacity;
    uint64_t items[];
};

static struct away_chunk *away_of(const struct ready_chunk *chunk) {
    return (struct away_chunk *)(uintptr_t)chunk;
}

static struct away_chunk *away_chunk_create(uint32_t capacity, uint64_t first_sequence,
                                            bool with_extras) {
    struct away_chunk *chunk = xmalloc(sizeof *chunk + capacity * sizeof chunk->items[0]);
    *chunk = (struct away_chunk){.first_sequence = first_sequence, .capacity = capacity};
    if (with_extras)
        chunk->extras = xmalloc(capacity * sizeof chunk->extras[0]);
    return chunk;
}

static void chunk_free(struct ready_chunk *chunk) {
    if (chunk->away_end != 0)
        free(away_of(chunk)->extras);
    free(chunk);
}

struct entry ready_chunk_away_entry(const struct ready_chunk *chunk, uint32_t at) {
    const struct away_chunk *away = away_of(chunk);
    uint64_t item = away->items[at];
    uint64_t delta = item >> DELTA_SHIFT & DELTA_MAX;
    struct entry entry = {.sequence = (away->first_sequence + delta) & ENTRY_SEQUENCE_MAX,
                          .redelivered = item & 1,
                          .expires_ms = away->extras == NULL ? ENTRY_NEVER_EXPIRES
                                                             : away->extras[at].expires_ms};
    uint64_t marks = (item >> SPILLED_SHIFT & 1) != 0 ? ENTRY_SPILLED_MARK : 0;
    entry.message =
        (void *)(uintptr_t)(item >> WORD_SHIFT << ENTRY_MARK_BITS | marks | ENTRY_AWAY_MARK);
    return entry;
}

static uint32_t size_at(const struct ready_chunk *chunk, uint32_t at) {
    const struct away_chunk *away = away_of(chunk);
    return away->extras == NULL ? AWAY_SIZE_UNKNOWN : away->extras[at].body_size;
}

static bool has_room_for(const struct away_chunk *chunk, const struct entry *entry) {
    return chunk->head.away_end < chunk->capacity &&
           entry->sequence - chunk->first_sequence <= DELTA_MAX;
}

static void count_away(struct ready_list *list, const struct away_chunk *chunk,
                       uint32_t body_size) {
    uint32_t known = body_size == AWAY_SIZE_UNKNOWN ? 0 : body_size;
    list->away_bytes += known;
    if (chunk->extras != NULL)
        return;
    list->unsized_count++;
    list->unsized_bytes += known;
}

static void uncount_unsized(struct ready_list *list, uint64_t octets) {
    list->unsized_count--;
    list->unsized_bytes -= octets;
    list->away_bytes -= octets;
}

/* The entry at `at` of a chunk goes unread: what was counted for it, or AWAY_SIZE_UNKNOWN. */
static uint32_t uncount_unread(struct ready_list *list, const struct ready_chunk *chunk,
                               uint32_t at) {
    if (away_of(chunk)->extras == NULL) {
        uint64_t average = list->unsized_bytes / list->unsized_count;
        if (average >= AWAY_SIZE_UNKNOWN)
            average = AWAY_SIZE_UNKNOWN - 1;
        uncount_unsized(list, average);
        return (uint32_t)average;
    }
    if (size_at(chunk, at) != AWAY_SIZE_UNKNOWN)
        list->away_bytes -= size_at(chunk, at);
    return size_at(chunk, at);
}

/* The same for one that was read, whose body has `octets`; how many more than counted these are. */
static int64_t uncount_read(struct ready_list *list, const struct ready_chunk *chunk, uint32_t at,
                            uint64_t octets) {
    if (away_of(chunk)->extras == NULL) {
        bool is_all = list->unsized_count == 1 || octets > list->unsized_bytes;
        uint64_t counted = is_all ? list->unsized_bytes : octets;
        uncount_unsized(list, counted);
        return (int64_t)(octets - counted);
    }
    if (size_at(chunk, at) == AWAY_SIZE_UNKNOWN)
        return (int64_t)octets;
    list->away_bytes -= size_at(chunk, at);
    return 0;
}

static void append(struct ready_list *list, struct away_chunk *chunk, const struct entry *entry,
                   uint32_t body_size) {
    uint32_t at = chunk->head.away_end++;
    uint64_t word = (uintptr_t)entry->message;
    uint64_t delta = entry->sequence - chunk->first_sequence;
    uint64_t is_spilled = (word & ENTRY_SPILLED_MARK) != 0;
    chunk->items[at] = word >> ENTRY_MARK_BITS << WORD_SHIFT | is_spilled << SPILLED_SHIFT |
                       delta << DELTA_SHIFT | entry->redelivered;
    if (chunk->extras != NULL)
        chunk->extras[at] = (struct away_extra){entry->expires_ms, body_size};
    count_away(list, chunk, body_size);
}

/* --- the ring's ends, and its first and last chunks that are away --- */

static void set_first(struct ready_list *list, struct ready_chunk *chunk) {
    list->first = chunk;
    if (chunk != NULL)
        list->first_index = chunk->away_end != 0 ? READY_CHUNK_ENTRIES - 1 : chunk->start;
}

static struct ready_chunk *next_away(struct ready_chunk *chunk) {
    while (chunk != NULL && chunk->away_end == 0)
        chunk = chunk->next;
    return chunk;
}

void ready_list_drop_first_chunk(struct ready_list *list) {
    struct ready_chunk *chunk = list->first;
    if (chunk == list->first_away)
        list->first_away = next_away(chunk->next);
    if (list->first_away == NULL)
        list->last_away = NULL;
    if (chunk == list->last)
        list->last = NULL;
    set_first(list, chunk->next);
    chunk_free(chunk);
}

/* The link that points to the first chunk that is away. */
static struct ready_chunk **link_to_first_away(struct ready_list *list) {
    struct ready_chunk **link = &list->first;
    while (*link != list->first_away)
        link = &(*link)->next;
    return link;
}

/* The first chunk that is away has no entry left. */
static void drop_first_away(struct ready_list *list) {
    struct ready_chunk **link = &list->first, *chunk = list->first_away, *previous = NULL;
    for (; *link != chunk; link = &(*link)->next)
        previous = *link;
    if (previous == NULL) {
        ready_list_drop_first_chunk(list);
        return;
    }
    previous->next = chunk->next;
    list->first_away = next_away(chunk->next);
    if (list->first_away == NULL)
        list->last_away = NULL;
    if (list->last == chunk) {
        list->last = previous;
        list->last_index = READY_CHUNK_ENTRIES;
    }
    chunk_free(chunk);
}

struct entry ready_list_take_away(struct ready_list *list) {
    struct ready_chunk *chunk = list->first_away;
    struct entry entry = ready_chunk_away_entry(chunk, chunk->start);
    list->taken_size = uncount_unread(list, chunk, chunk->start++);
    list->ring_count--;
    list->away_count--;
    if (chunk->start == chunk->away_end)
        drop_first_away(list);
    return entry;
}

void ready_list_push_away(struct ready_list *list, struct entry entry, uint32_t body_size) {
    bool needs_extras = list->has_sizes || entry.expires_ms != ENTRY_NEVER_EXPIRES;
    struct away_chunk *chunk = NULL;
    if (list->last != NULL && list->last->away_end != 0)
        chunk = away_of(list->last);
    if (chunk == NULL || !has_room_for(chunk, &entry) || (needs_extras && chunk->extras == NULL)) {
        chunk = away_chunk_create(READY_CHUNK_ENTRIES, entry.sequence, needs_extras);
        if (list->ring_count == 0) { /* the chunk that a drained ring keeps */
            free(list->first);
            list->first = list->last = NULL;
        }
        append(list, chunk, &entry, body_size);
        if (list->last != NULL)
            list->last->next = &chunk->head;
        else
            set_first(list, &chunk->head);
        list->last = &chunk->head;
        list->last_index = READY_CHUNK_ENTRIES;
        list->last_away = &chunk->head;
        if (list->first_away == NULL)
            list->first_away = &chunk->head;
    } else {
        append(list, chunk, &entry, body_size);
    }
    list->ring_count++;
    list->away_count++;
}

/* --- sending away --- */

static bool wants_extras(const struct ready_list *list, const struct entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (entries[i].expires_ms != ENTRY_NEVER_EXPIRES)
            return true;
    }
    return list->has_sizes;
}

/* Entries in a row that were turned, as a chunk. */
static struct ready_chunk *pack(struct ready_list *list, const struct entry *entries,
                                const uint32_t *sizes, uint32_t count) {
    struct away_chunk *chunk =
        away_chunk_create(count, entries[0].sequence, wants_extras(list, entries, count));
    for (uint32_t i = 0; i < count; i++)
        append(list, chunk, &entries[i], sizes[i]);
    return &chunk->head;
}

/* The entries before those that went, moved to the end of a chunk of their own. */
static struct ready_chunk *split_off(const struct entry *entries, uint32_t count) {
    struct ready_chunk *chunk = xmalloc(sizeof *chunk + READY_CHUNK_ENTRIES * sizeof(struct entry));
    *chunk = (struct ready_chunk){.start = READY_CHUNK_ENTRIES - count};
    memcpy(ready_chunk_entries(chunk) + chunk->start, entries, count * sizeof(struct entry));
    return chunk;
}

static bool can_go(const struct entry *entry, uint64_t first_sequence) {
    return entry->sequence - first_sequence <= DELTA_MAX &&
           entry->message->body_size < AWAY_SIZE_UNKNOWN;
}

/* How many in a row go, and the sizes of their bodies; `answer` is that for the last one asked. */
static uint32_t turn(struct entry *entries, uint32_t max, put_away *function, void *context,
                     uint32_t *sizes, enum put_away_answer *answer) {
    uint32_t count = 0;
    uint64_t first = entries[0].sequence;
    *answer = AWAY_WENT;
    for (; count < max && can_go(&entries[count], first); count++) {
        sizes[count] = (uint32_t)entries[count].message->body_size;
        *answer = function(context, &entries[count]);
        if (*answer != AWAY_WENT)
            break;
    }
    return count;
}

/* At the front of all that is away only the first of a pass is at an end of it. */
static void note_away(struct ready_list *list, struct ready_chunk *chunk, bool at_front,
                      bool is_first) {
    list->away_count += chunk->away_end;
    if (list->first_away == NULL || (at_front && is_first))
        list->first_away = chunk;
    if (list->last_away == NULL || !at_front)
        list->last_away = chunk;
}

/*
 * Entries [from, from + count) of the chunk at `link` were turned: what was one chunk becomes up to
 * three. Returns the one that went.
 */
static struct ready_chunk *replace(struct ready_list *list, struct ready_chunk **link,
                                   uint32_t begin, uint32_t from, uint32_t count, uint32_t end,
                                   const uint32_t *sizes) {
    struct ready_chunk *chunk = *link;
    struct entry *entries = ready_chunk_entries(chunk);
    struct ready_chunk *went = pack(list, entries + from, sizes, count);
    bool was_first = chunk == list->first, was_last = chunk == list->last;
    struct ready_chunk *before = from > begin ? split_off(entries + begin, from - begin) : NULL;

    if (from + count < end) {
        chunk->start = from + count;
        went->next = chunk;
    } else {
        went->next = chunk->next;
        free(chunk);
        if (was_last) {
            list->last = went;
            list->last_index = READY_CHUNK_ENTRIES;
        }
    }
    *link = went;
    if (before != NULL) {
        before->next = went;
        *link = before;
    }
    if (was_first)
        set_first(list, *link);
    return went;
}

/* From the chunk at `link` on, up to `stop`. */
static size_t put_away_from(struct ready_list *list, struct ready_chunk **link,
                            const struct ready_chunk *stop, size_t keep, size_t budget,
                            put_away *function, void *context) {
    uint32_t sizes[READY_CHUNK_ENTRIES];
    enum put_away_answer answer = AWAY_WENT;
    bool at_front = stop != NULL;
    size_t went = 0;
    while (*link != stop && went < budget && answer != AWAY_ENOUGH) {
        struct ready_chunk *chunk = *link;
        uint32_t begin = chunk == list->first ? list->first_index : chunk->start;
        uint32_t end = chunk == list->last ? list->last_index : READY_CHUNK_ENTRIES;
        uint32_t kept = keep < end - begin ? (uint32_t)keep : end - begin;
        uint32_t from = begin + kept, count = 0;
        uint32_t max = budget - went < end - from ? (uint32_t)(budget - went) : end - from;
        keep -= kept;
        if (max > 0)
            count = turn(ready_chunk_entries(chunk) + from, max, function, context, sizes, &answer);
        if (count > 0) {
            struct ready_chunk *away = replace(list, link, begin, from, count, end, sizes);
            note_away(list, away, at_front, went == 0);
            went += count;
            link = &away->next;
        } else {
            link = &chunk->next;
        }
    }
    return went;
}

size_t ready_list_put_away(struct ready_list *list, size_t keep, size_t budget, put_away *function,
                           void *context) {
    size_t went = 0;
    if (list->ring_count == 0)
        return 0;
    if (list->last_away != NULL)
        went = put_away_from(list, &list->last_away->next, NULL, 0, budget, function, context);
    if (went < budget)
        went += put_away_from(list, &list->first, list->first_away, keep, budget - went, function,
                              context);
    return went;
}

/* --- bringing back --- */

size_t ready_list_here(const struct ready_list *list, size_t max) {
    size_t count = list->returned_count;
    for (struct ready_chunk *chunk = list->first;
         chunk != NULL && chunk->away_end == 0 && count < max; chunk = chunk->next) {
        uint32_t begin = chunk == list->first ? list->first_index : chunk->start;
        uint32_t end = chunk == list->last ? list->last_index : READY_CHUNK_ENTRIES;
        count += end - begin;
    }
    return count < max ? count : max;
}

size_t ready_list_first_away(const struct ready_list *list, struct entry *ret_entries, size_t max) {
    size_t count = 0;
    for (const struct ready_chunk *chunk = list->first_away;
         chunk != NULL && chunk->away_end != 0 && count < max; chunk = chunk->next) {
        for (uint32_t at = chunk->start; at < chunk->away_end && count < max; at++)
            ret_entries[count++] = ready_chunk_away_entry(chunk, at);
    }
    return count;
}

/* The first of `entries` that is not before `sequence`. */
static size_t lower_bound(const struct entry *entries, size_t count, uint64_t sequence) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entries[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A chunk says which sequences it can have, so that most are passed over. */
static void find_in_chunk(const struct ready_chunk *chunk, const struct entry *entries,
                          size_t count, bool *is_there) {
    uint64_t first = away_of(chunk)->first_sequence;
    size_t from = lower_bound(entries, count, first);
    if (from == count || entries[from].sequence - first > DELTA_MAX)
        return;
    for (uint32_t at = chunk->start; at < chunk->away_end; at++) {
        struct entry entry = ready_chunk_away_entry(chunk, at);
        size_t i = lower_bound(entries, count, entry.sequence);
        if (i < count && entries[i].sequence == entry.sequence &&
            entries[i].message == entry.message)
            is_there[i] = true;
    }
}

void ready_list_find_away(const struct ready_list *list, const struct entry *entries, size_t count,
                          bool *is_there) {
    struct ready_chunk *chunk = list->first_away;
    for (; chunk != NULL; chunk = next_away(chunk->next))
        find_in_chunk(chunk, entries, count, is_there);
}

/* Of the first chunk that is away. */
static int64_t bring_back_from_one(struct ready_list *list, const struct entry *entries,
                                   uint32_t count) {
    struct ready_chunk **link = link_to_first_away(list);
    struct ready_chunk *away = *link;
    struct ready_chunk *here = split_off(entries, count);
    int64_t more = 0;
    for (uint32_t i = 0; i < count; i++)
        more += uncount_read(list, away, away->start + i, entries[i].message->body_size);
    here->next = away;
    *link = here;
    if (link == &list->first)
        set_first(list, here);
    away->start += count;
    list->away_count -= count;
    if (away->start == away->away_end)
        drop_first_away(list);
    return more;
}

int64_t ready_list_bring_back(struct ready_list *list, const struct entry *entries, size_t count) {
    int64_t more = 0;
    while (count > 0) {
        uint32_t left = list->first_away->away_end - list->first_away->start;
        uint32_t now = count < left ? (uint32_t)count : left;
        if (now > READY_CHUNK_ENTRIES)
            now = READY_CHUNK_ENTRIES;
        more += bring_back_from_one(list, entries, now);
        entries += now;
        count -= now;
    }
    return more;
}

size_t ready_list_away_memory(const struct ready_list *list) {
    return list->away_count * sizeof(uint64_t) +
           list->away_count / READY_CHUNK_ENTRIES * sizeof(struct away_chunk);
}
