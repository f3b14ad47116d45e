/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of a queue that wait to be delivered, in order.
 *
 * New entries go to the end of a chunked ring: 24 octets each and no allocation per entry. Entries that
 * were delivered and came back (requeue, channel loss) all have lower sequence numbers than anything
 * in the ring, because the ring is taken from the front; they wait in a heap ordered by sequence that
 * is served first. So a requeued message gets its original place again, as in RabbitMQ.
 */
#ifndef LEVERET_BROKER_ENTITIES_READY_LIST_H
#define LEVERET_BROKER_ENTITIES_READY_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;

/* One message in one queue. Holds a reference to the message wherever it is kept. */
struct entry {
    struct message *message;
    uint64_t sequence : 63; /* place in the queue; grows with every publish */
    uint64_t redelivered : 1;
    int64_t expires_ms; /* deadline on the broker's clock; ENTRY_NEVER_EXPIRES without */
};

#define ENTRY_SEQUENCE_MAX  ((UINT64_C(1) << 63) - 1)
#define ENTRY_NEVER_EXPIRES 0

#define READY_CHUNK_ENTRIES 170

struct ready_chunk {
    struct ready_chunk *next;
    uint64_t reserved;
    struct entry entries[READY_CHUNK_ENTRIES];
};

struct ready_list {
    struct ready_chunk *first; /* NULL while never used or drained */
    struct ready_chunk *last;
    uint32_t first_index; /* of the front entry in `first` */
    uint32_t last_index;  /* entries used in `last` */
    size_t ring_count;
    struct entry *returned; /* binary heap, lowest sequence on top */
    size_t returned_count;
    size_t returned_capacity;
};

void ready_list_init(struct ready_list *list);
/* Drops every entry and its message reference. */
void ready_list_clear(struct ready_list *list);

static inline size_t ready_list_count(const struct ready_list *list) {
    return list->ring_count + list->returned_count;
}

/* The sizes of all bodies together; looks at every message. */
uint64_t ready_list_body_bytes(const struct ready_list *list);

/* For ready_list_push(): the last chunk is full or there is none. */
void ready_list_add_chunk(struct ready_list *list);

/* Room for one more entry at the end, for the caller to fill at once. */
static inline struct entry *ready_list_add(struct ready_list *list) {
    if (list->last == NULL || list->last_index == READY_CHUNK_ENTRIES)
        ready_list_add_chunk(list);
    list->ring_count++;
    return &list->last->entries[list->last_index++];
}

/* Takes the entry's message reference. Sequences grow from push to push. */
static inline void ready_list_push(struct ready_list *list, struct entry entry) {
    *ready_list_add(list) = entry;
}

/* An entry that was taken before comes back to its place. Takes the message reference. */
void ready_list_return(struct ready_list *list, struct entry entry);

/* The front entry stays in the list; false when empty. */
bool ready_list_peek(const struct ready_list *list, struct entry *ret_entry);

/* For ready_list_take(): an entry that came back, the last one, or the last of its chunk. */
bool ready_list_take_rarely(struct ready_list *list, struct entry *ret_entry);

/* Removes the front entry and hands its message reference to the caller; false when empty. */
static inline bool ready_list_take(struct ready_list *list, struct entry *ret_entry) {
    if (list->returned_count > 0 || list->ring_count <= 1 ||
        list->first_index == READY_CHUNK_ENTRIES - 1)
        return ready_list_take_rarely(list, ret_entry);
    *ret_entry = list->first->entries[list->first_index++];
    list->ring_count--;
    return true;
}

#endif
