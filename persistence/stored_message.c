/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of message handles: chunks of 64 KiB aligned to their size, so that a handle finds its
 * chunk. An empty chunk is freed as soon as another has room, so that the memory of a backlog goes
 * with the backlog.
 */
#include "persistence/stored_message.h"

#include <assert.h>
#include <stdlib.h>

#include "persistence/octets.h"

enum { CHUNK_SIZE = 64 * 1024, PER_CHUNK = (CHUNK_SIZE - 32) / sizeof(struct stored_message) };

struct message_chunk {
    struct message_chunk *next; /* in pool->open */
    struct message_chunk *previous;
    uint32_t number; /* in pool->chunks */
    uint16_t used;
    uint16_t free; /* position + 1 of the first free handle, linked by `place`; 0 for none */
    struct stored_message messages[PER_CHUNK];
};

_Static_assert(offsetof(struct message_chunk, messages) % 8 == 0 &&
                   sizeof(struct stored_message) % 8 == 0,
               "whoever points at a handle has three bits for marks");
_Static_assert(sizeof(struct message_chunk) <= CHUNK_SIZE, "a chunk is found by its alignment");

static struct message_chunk *chunk_of(const struct stored_message *message) {
    return (struct message_chunk *)((uintptr_t)message & ~(uintptr_t)(CHUNK_SIZE - 1));
}

static void link_open(struct message_pool *pool, struct message_chunk *chunk) {
    chunk->previous = NULL;
    chunk->next = pool->open;
    if (pool->open != NULL)
        pool->open->previous = chunk;
    pool->open = chunk;
}

static void unlink_open(struct message_pool *pool, struct message_chunk *chunk) {
    if (chunk->previous != NULL)
        chunk->previous->next = chunk->next;
    else
        pool->open = chunk->next;
    if (chunk->next != NULL)
        chunk->next->previous = chunk->previous;
}

static void free_handle(struct message_chunk *chunk, struct stored_message *message) {
    *message = (struct stored_message){.segment = STORED_NOWHERE, .place = chunk->free};
    chunk->free = (uint16_t)(message - chunk->messages + 1);
}

static void add_chunk(struct message_pool *pool) {
    struct message_chunk *chunk = aligned_alloc(CHUNK_SIZE, CHUNK_SIZE);

    if (chunk == NULL)
        abort();
    chunk->number = pool->chunk_count;
    chunk->used = chunk->free = 0;
    pool->chunks = journal_reallocate(pool->chunks, pool->chunk_count + 1u, sizeof *pool->chunks);
    pool->chunks[pool->chunk_count++] = chunk;
    for (size_t i = PER_CHUNK; i-- > 0;)
        free_handle(chunk, &chunk->messages[i]);
    link_open(pool, chunk);
}

static void drop_chunk(struct message_pool *pool, struct message_chunk *chunk) {
    unlink_open(pool, chunk);
    pool->chunks[chunk->number] = pool->chunks[--pool->chunk_count];
    pool->chunks[chunk->number]->number = chunk->number;
    free(chunk);
}

struct stored_message *message_pool_take(struct message_pool *pool) {
    struct message_chunk *chunk;
    struct stored_message *message;

    if (pool->open == NULL)
        add_chunk(pool);
    chunk = pool->open;
    message = &chunk->messages[chunk->free - 1];
    chunk->free = (uint16_t)message->place;
    chunk->used++;
    if (chunk->free == 0)
        unlink_open(pool, chunk);
    pool->used++;
    *message = (struct stored_message){0};
    return message;
}

void message_pool_give_back(struct message_pool *pool, struct stored_message *message) {
    struct message_chunk *chunk = chunk_of(message);

    assert(chunk->used > 0);
    if (chunk->free == 0)
        link_open(pool, chunk);
    free_handle(chunk, message);
    chunk->used--;
    pool->used--;
    if (chunk->used == 0 && (chunk->next != NULL || chunk->previous != NULL))
        drop_chunk(pool, chunk);
}

void message_pool_clear(struct message_pool *pool) {
    for (uint32_t i = 0; i < pool->chunk_count; i++)
        free(pool->chunks[i]);
    free(pool->chunks);
    *pool = (struct message_pool){0};
}

size_t message_pool_chunk(const struct message_pool *pool, uint32_t at,
                          struct stored_message **ret_messages) {
    *ret_messages = pool->chunks[at]->messages;
    return PER_CHUNK;
}

uint64_t message_pool_memory(const struct message_pool *pool) {
    return (uint64_t)pool->chunk_count * CHUNK_SIZE;
}
