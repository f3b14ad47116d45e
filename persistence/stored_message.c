/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of message handles: chunks of 64 KiB aligned to their size, so that a handle finds its
 * number.
 */
#include "persistence/stored_message.h"

#include <assert.h>
#include <stdlib.h>

#include "persistence/octets.h"

enum { CHUNK_SIZE = 64 * 1024, PER_CHUNK = (CHUNK_SIZE - 8) / sizeof(struct stored_message) };

struct message_chunk {
    uint32_t number;
    struct stored_message messages[PER_CHUNK];
};

_Static_assert(sizeof(struct message_chunk) <= CHUNK_SIZE, "a chunk is found by its alignment");

uint32_t stored_message_number(const struct stored_message *message) {
    uintptr_t start = (uintptr_t)message & ~(uintptr_t)(CHUNK_SIZE - 1);
    const struct message_chunk *chunk = (const struct message_chunk *)start;

    return chunk->number * PER_CHUNK + (uint32_t)(message - chunk->messages) + 1;
}

struct stored_message *message_pool_get(const struct message_pool *pool, uint32_t number) {
    if (number == 0)
        return NULL;
    return &pool->chunks[(number - 1) / PER_CHUNK]->messages[(number - 1) % PER_CHUNK];
}

static void add_chunk(struct message_pool *pool) {
    struct message_chunk *chunk = aligned_alloc(CHUNK_SIZE, CHUNK_SIZE);

    if (chunk == NULL)
        abort();
    chunk->number = pool->chunk_count;
    pool->chunks = journal_reallocate(pool->chunks, pool->chunk_count + 1u, sizeof *pool->chunks);
    pool->chunks[pool->chunk_count++] = chunk;
    for (uint32_t i = PER_CHUNK; i-- > 0;) {
        chunk->messages[i].next = pool->free;
        pool->free = stored_message_number(&chunk->messages[i]);
    }
}

struct stored_message *message_pool_take(struct message_pool *pool) {
    struct stored_message *message;

    if (pool->free == 0)
        add_chunk(pool);
    message = message_pool_get(pool, pool->free);
    pool->free = message->next;
    pool->used++;
    *message = (struct stored_message){0};
    return message;
}

void message_pool_give_back(struct message_pool *pool, struct stored_message *message) {
    assert(pool->used > 0);
    message->next = pool->free;
    pool->free = stored_message_number(message);
    pool->used--;
}

void message_pool_clear(struct message_pool *pool) {
    for (uint32_t i = 0; i < pool->chunk_count; i++)
        free(pool->chunks[i]);
    free(pool->chunks);
    *pool = (struct message_pool){0};
}
