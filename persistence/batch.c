/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting what goes into one group commit. */
#include "persistence/batch.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/writer.h"

struct arena_chunk {
    struct arena_chunk *next;
    size_t used;
    size_t size;
    uint64_t octets[];
};

enum { ARENA_CHUNK = 64 * 1024, KEPT_ENTRIES = 16 * 1024, KEPT_OCTETS = 1024 * 1024 };

static void *arena_take(struct arena *arena, size_t count, size_t size) {
    size_t len = (count * size + 7) / 8 * 8;
    struct arena_chunk *chunk = arena->chunks;

    if (chunk == NULL || chunk->size - chunk->used < len) {
        size_t capacity = len > ARENA_CHUNK ? len : ARENA_CHUNK;

        chunk = journal_allocate(1, sizeof *chunk + capacity);
        chunk->size = capacity;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    chunk->used += len;
    return (uint8_t *)chunk->octets + chunk->used - len;
}

static void arena_clear(struct arena *arena) {
    while (arena->chunks != NULL) {
        struct arena_chunk *chunk = arena->chunks;

        arena->chunks = chunk->next;
        free(chunk);
    }
}

/* All but one chunk of ordinary size go. */
static void arena_reset(struct arena *arena) {
    struct arena_chunk *kept = arena->chunks;

    if (kept == NULL)
        return;
    arena->chunks = kept->next;
    arena_clear(arena);
    if (kept->size > ARENA_CHUNK) {
        free(kept);
        return;
    }
    kept->next = NULL;
    kept->used = 0;
    arena->chunks = kept;
}

bool batch_is_empty(const struct batch *batch) {
    return batch->live_message_count == 0 && batch->settled_count == 0 &&
           batch->definitions.len == 0 && batch->queue_deletes.len == 0 &&
           batch->relocation_count == 0 && batch->flags == 0 && !batch->is_forced;
}

static void octets_reset(struct octets *octets) {
    if (octets->capacity > KEPT_OCTETS)
        octets_clear(octets);
    octets->len = 0;
}

#define ENTRIES_RESET(array, count, capacity) \
    do {                                      \
        if ((capacity) > KEPT_ENTRIES) {      \
            free(array);                      \
            (array) = NULL;                   \
            (capacity) = 0;                   \
        }                                     \
        (count) = 0;                          \
    } while (0)

void batch_reset(struct batch *batch) {
    batch->flags = 0;
    batch->touched = batch->is_forced = batch->seal_first = false;
    batch->live_message_count = 0;
    batch->content_bytes = 0;
    batch->result = (struct batch_result){0};
    octets_reset(&batch->definitions);
    octets_reset(&batch->queue_deletes);
    ENTRIES_RESET(batch->settled, batch->settled_count, batch->settled_capacity);
    ENTRIES_RESET(batch->messages, batch->message_count, batch->message_capacity);
    ENTRIES_RESET(batch->relocations, batch->relocation_count, batch->relocation_capacity);
    arena_reset(&batch->arena);
}

void batch_clear(struct batch *batch) {
    free(batch->settled);
    free(batch->messages);
    free(batch->relocations);
    octets_clear(&batch->definitions);
    octets_clear(&batch->queue_deletes);
    arena_clear(&batch->arena);
}

/* A record whose body is in `body`; the writer completes the head. */
static void add_record(struct octets *into, uint8_t type, struct slice body) {
    size_t padded = record_padded_length(body.len);
    uint8_t *at = octets_extend(into, padded);

    memset(at + padded - RECORD_ALIGNMENT, 0, RECORD_ALIGNMENT);
    record_head_begin(at, 0, type, 0, body.len, 0);
    memcpy(at + RECORD_HEAD, body.data, body.len);
}

void batch_add_meta(struct batch *batch, uint8_t type, uint8_t kind, struct slice key,
                    struct slice payload) {
    struct octets body = {0};

    record_put_meta(&body, kind, key, payload);
    add_record(&batch->definitions, type, octets_slice(&body));
    octets_clear(&body);
}

void batch_add_queue_delete(struct batch *batch, uint64_t queue_id) {
    uint8_t body[8];
    struct writer w = writer_over(body, sizeof body);

    writer_u64(&w, queue_id);
    add_record(&batch->queue_deletes, RECORD_QUEUE_DELETE, writer_written(&w));
}

/* Room for one more entry of a growing array. */
static void *grown(void *array, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    return journal_reallocate(array, *capacity, size);
}

void batch_add_settled(struct batch *batch, struct journal_target target) {
    batch->settled = grown(batch->settled, batch->settled_count, &batch->settled_capacity,
                           sizeof *batch->settled);
    batch->settled[batch->settled_count++] =
        (struct settled){.queue_id = target.queue_id, .sequence = target.sequence};
}

struct pending_message *batch_add_message(struct batch *batch,
                                          const struct journal_content *content,
                                          const struct journal_target *targets,
                                          size_t target_count) {
    struct slice *body = arena_take(&batch->arena, content->body_parts, sizeof *body);
    struct pending_message *pending;

    batch->messages = grown(batch->messages, batch->message_count, &batch->message_capacity,
                            sizeof *batch->messages);
    pending = &batch->messages[batch->message_count++];
    batch->live_message_count++;
    *pending =
        (struct pending_message){.content = *content, .target_count = (uint32_t)target_count};
    batch->content_bytes += content->address.len + content->header.len;
    for (size_t i = 0; i < content->body_parts; i++)
        batch->content_bytes += content->body[i].len;
    if (content->body_parts > 0)
        memcpy(body, content->body, content->body_parts * sizeof *body);
    pending->content.body = body;
    pending->targets = arena_take(&batch->arena, target_count, sizeof *targets);
    memcpy(pending->targets, targets, target_count * sizeof *targets);
    return pending;
}

struct pending_relocation *batch_add_relocation(struct batch *batch) {
    struct pending_relocation *relocation;

    batch->relocations = grown(batch->relocations, batch->relocation_count,
                               &batch->relocation_capacity, sizeof *batch->relocations);
    relocation = &batch->relocations[batch->relocation_count++];
    *relocation = (struct pending_relocation){0};
    return relocation;
}

void pending_message_remove_target(struct pending_message *message, struct journal_target target) {
    for (uint32_t i = 0; i < message->target_count; i++) {
        if (message->targets[i].queue_id != target.queue_id ||
            message->targets[i].sequence != target.sequence)
            continue;
        message->targets[i] = message->targets[--message->target_count];
        return;
    }
}
