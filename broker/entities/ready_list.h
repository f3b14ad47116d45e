/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of a queue that wait to be delivered, in order.
 *
 * New entries go to the end of a chunked ring: 24 octets each and no allocation per entry. Entries that
 * were delivered and came back (requeue, channel loss) all have lower sequence numbers than anything
 * in the ring, because the ring is taken from the front; they wait in a heap ordered by sequence that
 * is served first. So a requeued message gets its original place again, as in RabbitMQ.
 *
 * An entry whose message is not in memory is "away" (paging.h): what stands for it is a number. Runs
 * of such entries are chunks of their own kind in the ring, 8 octets each; ready_away.c has them:
 *
 *   front  [here] [here] [away] [away] ... [away] [here] [here: new entries]  end
 */
#ifndef LEVERET_BROKER_ENTITIES_READY_LIST_H
#define LEVERET_BROKER_ENTITIES_READY_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;

/* One message in one queue. Holds a reference to the message wherever it is kept. */
struct entry {
    struct message *message; /* or what entry_set_away() made of it */
    uint64_t sequence : 63;  /* place in the queue; grows with every publish */
    uint64_t redelivered : 1;
    int64_t expires_ms; /* deadline on the broker's clock; ENTRY_NEVER_EXPIRES without */
};

#define ENTRY_SEQUENCE_MAX  ((UINT64_C(1) << 63) - 1)
#define ENTRY_NEVER_EXPIRES 0

/*
 * A message that is not in memory: a word whose lowest three bits are free, the journal's handle or the
 * number of an overflow slot. In `message` of an entry it is marked, and so is never an address.
 */
struct stored_message;

struct away {
    struct stored_message *stored; /* NULL when spilled */
    uint32_t spilled;              /* 0 when stored */
};

enum { ENTRY_AWAY_MARK = 1, ENTRY_SPILLED_MARK = 2, ENTRY_MARK_BITS = 3 };

static inline bool entry_is_away(const struct entry *entry) {
    return ((uintptr_t)entry->message & ENTRY_AWAY_MARK) != 0;
}

static inline void entry_set_away(struct entry *entry, struct away away) {
    uintptr_t word = away.stored != NULL
                         ? (uintptr_t)away.stored
                         : (uintptr_t)away.spilled << ENTRY_MARK_BITS | ENTRY_SPILLED_MARK;
    entry->message = (void *)(word | ENTRY_AWAY_MARK);
}

static inline struct away entry_away(const struct entry *entry) {
    uintptr_t word = (uintptr_t)entry->message;
    if ((word & ENTRY_SPILLED_MARK) != 0)
        return (struct away){.spilled = (uint32_t)(word >> ENTRY_MARK_BITS)};
    return (struct away){.stored = (void *)(word - ENTRY_AWAY_MARK)};
}

/* Of a body that is away, when nobody had a use for its size. Larger ones stay in memory. */
#define AWAY_SIZE_UNKNOWN UINT32_MAX

#define READY_CHUNK_ENTRIES 170

/* Head of a run of entries: of an array of READY_CHUNK_ENTRIES of them, or of what is away. */
struct ready_chunk {
    struct ready_chunk *next;
    uint32_t
        start; /* first entry that counts; those of a chunk that is not the last go to the end */
    uint32_t away_end; /* of the entries of a chunk that is away, 0 for others */
};

static inline struct entry *ready_chunk_entries(struct ready_chunk *chunk) {
    return (struct entry *)(void *)(chunk + 1);
}

struct ready_list {
    struct ready_chunk *first; /* NULL while never used or drained */
    struct ready_chunk *last;
    /* Of the front entry in `first`; READY_CHUNK_ENTRIES - 1 when that is away, so that it is taken
     * the slow way. */
    uint32_t first_index;
    uint32_t last_index; /* entries used in `last`; READY_CHUNK_ENTRIES when that is away */
    size_t ring_count;
    struct entry *returned; /* binary heap, lowest sequence on top */
    size_t returned_count;
    size_t returned_capacity;
    /* Chunks that are away; those before the first and behind the last are here. */
    struct ready_chunk *first_away;
    struct ready_chunk *last_away;
    size_t away_count;      /* entries in them */
    uint64_t away_bytes;    /* of their bodies, as far as they are known */
    size_t unsized_count;   /* entries among them that do not have their size with them */
    uint64_t unsized_bytes; /* of those, all together */
    bool has_sizes;         /* the queue wants to know the size of each body that is away */
    uint32_t taken_size;    /* of the body, when the entry taken last was away; see ready_away.c */
};

void ready_list_init(struct ready_list *list);
/* Drops every entry and its message reference. */
void ready_list_clear(struct ready_list *list);

static inline size_t ready_list_count(const struct ready_list *list) {
    return list->ring_count + list->returned_count;
}

/* For ready_list_push(): the last chunk is full or there is none. */
void ready_list_add_chunk(struct ready_list *list);

/* Room for one more entry at the end, for the caller to fill at once. */
static inline struct entry *ready_list_add(struct ready_list *list) {
    if (list->last == NULL || list->last_index == READY_CHUNK_ENTRIES)
        ready_list_add_chunk(list);
    list->ring_count++;
    return &ready_chunk_entries(list->last)[list->last_index++];
}

/* Takes the entry's message reference. Sequences grow from push to push. */
static inline void ready_list_push(struct ready_list *list, struct entry entry) {
    *ready_list_add(list) = entry;
}

/* An entry that was taken before comes back to its place. Takes the message reference. */
void ready_list_return(struct ready_list *list, struct entry entry);

/* The front entry stays in the list; false when empty. It may be away. */
bool ready_list_peek(const struct ready_list *list, struct entry *ret_entry);

/* Copies entries in the order of taking, without the first `offset` and at most `max`; they stay, with
 * their references. How many. */
size_t ready_list_entries(const struct ready_list *list, size_t offset, size_t max,
                          struct entry *ret_entries);

/* For ready_list_take(): an entry that came back or is away, the last one, or the last of its chunk. */
bool ready_list_take_rarely(struct ready_list *list, struct entry *ret_entry);

/* Removes the front entry and hands its message reference to the caller; false when empty. */
static inline bool ready_list_take(struct ready_list *list, struct entry *ret_entry) {
    if (list->returned_count > 0 || list->ring_count <= 1 ||
        list->first_index == READY_CHUNK_ENTRIES - 1)
        return ready_list_take_rarely(list, ret_entry);
    *ret_entry = ready_chunk_entries(list->first)[list->first_index++];
    list->ring_count--;
    return true;
}

/* -- ready_away.c -- */

/* Is the front entry in the list, but not in memory? */
static inline bool ready_list_front_is_away(const struct ready_list *list) {
    return list->returned_count == 0 && list->first != NULL && list->first->away_end != 0;
}

/*
 * Sends entries away that are not: `put_away` turns one (entry_set_away) and lets go of its message,
 * or says that it has to stay. Neither the `keep` entries at the front nor those that came back go,
 * and at most `budget`. Returns how many went.
 */
enum put_away_answer {
    AWAY_WENT,
    AWAY_STAYS,
    AWAY_ENOUGH, /* it stays, and nothing behind it need be asked */
};
typedef enum put_away_answer put_away(void *context, struct entry *entry);
size_t ready_list_put_away(struct ready_list *list, size_t keep, size_t budget, put_away *function,
                           void *context);

/* Appends an entry that is away. Sequences grow from push to push. */
void ready_list_push_away(struct ready_list *list, struct entry entry, uint32_t body_size);

/* Entries at the front that are here, up to `max`. */
size_t ready_list_here(const struct ready_list *list, size_t max);

/* The first entries that are away, in order, at most `max`; they stay. Returns how many. */
size_t ready_list_first_away(const struct ready_list *list, struct entry *ret_entries, size_t max);

/* Sets is_there[i] for each of `entries`, sorted by sequence, that is away in the list; others stay. */
void ready_list_find_away(const struct ready_list *list, const struct entry *entries, size_t count,
                          bool *is_there);

/*
 * The first entries that are away are in memory again: `count` entries as ready_list_first_away()
 * has them, with messages. Takes the references. Returns by how many octets their bodies are longer
 * than was counted for them.
 */
int64_t ready_list_bring_back(struct ready_list *list, const struct entry *entries, size_t count);

/* Takes the first entry that is away out of the list. */
struct entry ready_list_take_away(struct ready_list *list);

/* Octets of the chunks that are away, more or less. */
size_t ready_list_away_memory(const struct ready_list *list);

/* For ready_list.c: the entry at `at` of a chunk that is away; freeing one that is used up. */
struct entry ready_chunk_away_entry(const struct ready_chunk *chunk, uint32_t at);
void ready_list_drop_first_chunk(struct ready_list *list);

#endif
