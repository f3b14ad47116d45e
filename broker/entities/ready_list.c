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
    bool has_sizes = list->has_sizes;
    while (ready_list_take(list, &entry)) {
        if (!entry_is_away(&entry))
            message_unref(entry.message);
    }
    free(list->first);
    free(list->returned);
    ready_list_init(list);
    list->has_sizes = has_sizes;
}

/* A drained ring keeps one chunk for what comes. */
void ready_list_add_chunk(struct ready_list *list) {
    struct ready_chunk *chunk = xmalloc(sizeof *chunk + READY_CHUNK_ENTRIES * sizeof(struct entry));
    *chunk = (struct ready_chunk){0};
    if (list->last != NULL) {
        list->last->next = chunk;
    } else {
        list->first = chunk;
        list->first_index = 0;
    }
    list->last = chunk;
    list->last_index = 0;
}

static struct entry ring_take(struct ready_list *list) {
    if (list->first->away_end != 0)
        return ready_list_take_away(list);
    struct entry entry = ready_chunk_entries(list->first)[list->first_index++];
    list->ring_count--;
    if (list->ring_count == 0) {
        /* first == last: start over in the same chunk */
        list->first->start = 0;
        list->first_index = 0;
        list->last_index = 0;
    } else if (list->first_index == READY_CHUNK_ENTRIES) {
        ready_list_drop_first_chunk(list);
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
        *ret_entry = list->first->away_end != 0
                         ? ready_chunk_away_entry(list->first, list->first->start)
                         : ready_chunk_entries(list->first)[list->first_index];
    else
        return false;
    return true;
}

/*
 * The heap in order without taking it apart: whatever comes next is the top, or a child of one that came
 * already. Those that may be next are a heap themselves, of places in the first one.
 */
static size_t first_returned(const struct ready_list *list, size_t offset, size_t max,
                             struct entry *ret_entries) {
    const struct entry *heap = list->returned;
    const size_t wanted = offset + max < list->returned_count ? offset + max : list->returned_count;
    struct ready_list next = {0};
    size_t count = 0;
    if (wanted > offset)
        ready_list_return(&next, (struct entry){.sequence = heap[0].sequence, .expires_ms = 0});
    for (size_t i = 0; i < wanted && wanted > offset; i++) {
        size_t at = (size_t)heap_take(&next).expires_ms;
        if (i >= offset)
            ret_entries[count++] = heap[at];
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < list->returned_count;
             child++)
            ready_list_return(&next, (struct entry){.sequence = heap[child].sequence,
                                                    .expires_ms = (int64_t)child});
    }
    free(next.returned);
    return count;
}

static size_t ring_entries(const struct ready_list *list, size_t offset, size_t max,
                           struct entry *ret_entries) {
    size_t count = 0;
    for (struct ready_chunk *chunk = list->first; chunk != NULL && count < max;
         chunk = chunk->next) {
        const bool is_away = chunk->away_end != 0;
        uint32_t begin = chunk == list->first && !is_away ? list->first_index : chunk->start;
        uint32_t end = is_away               ? chunk->away_end
                       : chunk == list->last ? list->last_index
                                             : READY_CHUNK_ENTRIES;
        if (offset >= end - begin) {
            offset -= end - begin;
            continue;
        }
        for (begin += (uint32_t)offset; begin < end && count < max; begin++)
            ret_entries[count++] =
                is_away ? ready_chunk_away_entry(chunk, begin) : ready_chunk_entries(chunk)[begin];
        offset = 0;
    }
    return count;
}

size_t ready_list_entries(const struct ready_list *list, size_t offset, size_t max,
                          struct entry *ret_entries) {
    const size_t returned = first_returned(list, offset, max, ret_entries);
    const size_t passed = offset < list->returned_count ? offset : list->returned_count;
    return returned + ring_entries(list, offset - passed, max - returned, ret_entries + returned);
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
