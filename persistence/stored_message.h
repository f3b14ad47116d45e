/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handle of a stored message: where it is and how many of its targets are left, in 24 octets,
 * because a deep queue has millions of them. Handles live in aligned chunks, are numbered, and link
 * to each other by number in the list of their segment, which compaction walks.
 */
#ifndef LEVERET_PERSISTENCE_STORED_MESSAGE_H
#define LEVERET_PERSISTENCE_STORED_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stored_message {
    uint32_t next; /* number in the segment's list, 0 for none */
    uint32_t previous;
    uint32_t segment;      /* slot in the segment table, or a batch: stored_message_is_pending() */
    uint32_t place;        /* offset in the segment / 8; while pending the position in the batch */
    uint32_t length;       /* octets of the record with its head; 0 while pending */
    uint32_t targets : 31; /* not settled yet */
    uint32_t relocating : 1; /* a copy of it is in a batch */
};

_Static_assert(sizeof(struct stored_message) == 24, "a handle is paid for by every queued message");

/* `segment` of a message that is in batch 0 or 1. */
#define STORED_IN_BATCH(batch_id) (UINT32_MAX - (uint32_t)(batch_id))

static inline bool stored_message_is_pending(const struct stored_message *message) {
    return message->segment >= STORED_IN_BATCH(1);
}

struct message_pool {
    struct message_chunk **chunks;
    uint32_t chunk_count;
    uint32_t free; /* number of the first free handle, linked by `next` */
    uint64_t used;
};

struct stored_message *message_pool_take(struct message_pool *pool);
void message_pool_give_back(struct message_pool *pool, struct stored_message *message);
void message_pool_clear(struct message_pool *pool);

uint32_t stored_message_number(const struct stored_message *message);
/* NULL for 0. */
struct stored_message *message_pool_get(const struct message_pool *pool, uint32_t number);

#endif
