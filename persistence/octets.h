/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing run of octets, and the one way of this folder to memory. The sizes asked for here are
 * the journal's own, so running out of memory ends the process; nothing half-written can look
 * confirmed.
 */
#ifndef LEVERET_PERSISTENCE_OCTETS_H
#define LEVERET_PERSISTENCE_OCTETS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/slice.h"

/* Zeroed, never NULL. */
static inline void *journal_allocate(size_t count, size_t size) {
    void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (memory == NULL)
        abort();
    return memory;
}

/* Room for `count` things of `size` octets instead of what was at `memory`. */
static inline void *journal_reallocate(void *memory, size_t count, size_t size) {
    void *grown = reallocarray(memory, count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (grown == NULL)
        abort();
    return grown;
}

struct octets {
    uint8_t *data; /* owned; free with octets_clear() */
    size_t len;
    size_t capacity;
};

/* `len` more octets at the end, to be filled at once. */
static inline uint8_t *octets_extend(struct octets *octets, size_t len) {
    if (octets->capacity - octets->len < len) {
        octets->capacity = (octets->len + len) * 2;
        octets->data = journal_reallocate(octets->data, octets->capacity, 1);
    }
    octets->len += len;
    return octets->data + octets->len - len;
}

/* Empty, with room for `capacity` octets from an address on that a disk can be given. */
static inline void octets_begin_aligned(struct octets *octets, size_t alignment, size_t capacity) {
    octets->len = 0;
    if (octets->capacity >= capacity && (uintptr_t)octets->data % alignment == 0)
        return;
    free(octets->data);
    octets->capacity = (capacity + capacity / 4 + alignment - 1) / alignment * alignment;
    octets->data = aligned_alloc(alignment, octets->capacity);
    if (octets->data == NULL)
        abort();
}

static inline void octets_append(struct octets *octets, struct slice bytes) {
    if (bytes.len > 0)
        memcpy(octets_extend(octets, bytes.len), bytes.data, bytes.len);
}

static inline struct slice octets_slice(const struct octets *octets) {
    return slice_of(octets->data, octets->len);
}

static inline void octets_clear(struct octets *octets) {
    free(octets->data);
    *octets = (struct octets){0};
}

#endif
