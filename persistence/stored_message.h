/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handle of a stored message: where it is and how many of its targets are left, in 16 octets,
 * because a deep queue has millions of them. Handles never move: whoever has a message points at
 * its handle. They live in chunks, which compaction walks through to find those of a segment.
 */
#ifndef LEVERET_PERSISTENCE_STORED_MESSAGE_H
#define LEVERET_PERSISTENCE_STORED_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stored_message {
    uint32_t segment;      /* slot in the segment table, or one of the values below */
    uint32_t place;        /* offset in the segment / 8; while pending the position in the batch */
    uint32_t length;       /* octets of the record with its head; 0 while pending */
    uint32_t targets : 30; /* not settled yet */
    uint32_t relocating : 1; /* a copy of it is in a batch */
    uint32_t damaged : 1;    /* it could not be read whole when it was to be moved */
};

_Static_assert(sizeof(struct stored_message) == 16, "a handle is paid for by every queued message");

enum { STORED_TARGETS_AT_MOST = (1 << 30) - 1 };

/* `segment` of a message that is in batch 0 or 1, and of a handle that is nobody's. */
#define STORED_IN_BATCH(batch_id) (UINT32_MAX - (uint32_t)(batch_id))
#define STORED_NOWHERE            (UINT32_MAX - 2)

static inline bool stored_message_is_pending(const struct stored_message *message) {
    return message->segment >= STORED_IN_BATCH(1);
}

struct message_pool {
    struct message_chunk **chunks; /* all of them, in no order */
    uint32_t chunk_count;
    struct message_chunk *open; /* those with a free handle, linked */
    uint64_t used;
};

struct stored_message *message_pool_take(struct message_pool *pool);
void message_pool_give_back(struct message_pool *pool, struct stored_message *message);
void message_pool_clear(struct message_pool *pool);
/* Octets it takes. */
uint64_t message_pool_memory(const struct message_pool *pool);

/*
 * The handles of chunk number `at` (below pool->chunk_count), used or not; how many. When a chunk
 * becomes empty it may go, and the last one takes its number.
 */
size_t message_pool_chunk(const struct message_pool *pool, uint32_t at,
                          struct stored_message **ret_messages);

#endif
