/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/ready_list.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/entities/message.h"

void ready_list_init(struct ready_list *list) {
    *list = (struct ready_list){0};
}

void ready_list_clear(struct ready_list *list) {
    struct entry entry;
    while (ready_list_take(list, &entry))
        message_unref(entry.message);
    free(list->first);
    free(list->returned);
    ready_list_init(list);
}

/* A drained ring keeps one chunk for what comes. */
void ready_list_add_chunk(struct ready_list *list) {
    struct ready_chunk *chunk = xmalloc(sizeof *chunk);
    chunk->next = NULL;
    if (list->last != NULL) {
        list->last->next = chunk;
    } else {
        list->first = chunk;
        list->first_index = 0;
    }
    list->last = chunk;
    list->last_index = 0;
}

static uint64_t body_bytes(const struct entry *entries, size_t from, size_t to) {
    uint64_t bytes = 0;
    for (size_t i = from; i < to; i++)
        bytes += entries[i].message->body_size;
    return bytes;
}

uint64_t ready_list_body_bytes(const struct ready_list *list) {
    uint64_t bytes = body_bytes(list->returned, 0, list->returned_count);
    size_t from = list->first_index;
    if (list->ring_count == 0)
        return bytes;
    for (const struct ready_chunk *chunk = list->first; chunk != NULL; chunk = chunk->next) {
        bytes += body_bytes(chunk->entries, from,
                            chunk == list->last ? list->last_index : READY_CHUNK_ENTRIES);
        from = 0;
    }
    return bytes;
}

static struct entry ring_take(struct ready_list *list) {
    struct entry entry = list->first->entries[list->first_index++];
    list->ring_count--;
    if (list->ring_count == 0) {
        /* first == last: start over in the same chunk */
        list->first_index = 0;
        list->last_index = 0;
    } else if (list->first_index == READY_CHUNK_ENTRIES) {
        struct ready_chunk *drained = list->first;
        list->first = drained->next;
        list->first_index = 0;
        free(drained);
    }
    return entry;
}

/* --- returned entries: a binary heap, lowest sequence on top --- */

static void heap_grow(struct ready_list *list) {
    size_t capacity = list->returned_capacity == 0 ? 16 : list->returned_capacity * 2;
    list->returned = xrealloc(list->returned, capacity * sizeof *list->returned);
    list->returned_capacity = capacity;
}

void ready_list_return(struct ready_list *list, struct entry entry) {
    if (list->returned_count == list->returned_capacity)
        heap_grow(list);
    struct entry *heap = list->returned;
    size_t at = list->returned_count++;
    while (at > 0 && heap[(at - 1) / 2].sequence > entry.sequence) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = entry;
}

static size_t lower_child(const struct entry *heap, size_t count, size_t at) {
    size_t child = 2 * at + 1;
    if (child + 1 < count && heap[child + 1].sequence < heap[child].sequence)
        child++;
    return child;
}

static struct entry heap_take(struct ready_list *list) {
    struct entry *heap = list->returned;
    struct entry top = heap[0];
    size_t count = --list->returned_count;
    struct entry moved = heap[count];
    size_t at = 0;
    for (size_t child; (child = lower_child(heap, count, at)) < count; at = child) {
        if (heap[child].sequence >= moved.sequence)
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
    if (count == 0) {
        free(list->returned);
        list->returned = NULL;
        list->returned_capacity = 0;
    }
    return top;
}

bool ready_list_peek(const struct ready_list *list, struct entry *ret_entry) {
    if (list->returned_count > 0)
        *ret_entry = list->returned[0];
    else if (list->ring_count > 0)
        *ret_entry = list->first->entries[list->first_index];
    else
        return false;
    return true;
}

bool ready_list_take_rarely(struct ready_list *list, struct entry *ret_entry) {
    if (list->returned_count > 0)
        *ret_entry = heap_take(list);
    else if (list->ring_count > 0)
        *ret_entry = ring_take(list);
    else
        return false;
    return true;
}
