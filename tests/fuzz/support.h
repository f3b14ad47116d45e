/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the fuzz targets share: an entry point, and a count of the heap that one input makes the
 * code under test hold.  A peer must not be able to make much of little: HEAP_LIMIT is the rule.
 *
 * The count hangs on AddressSanitizer's malloc hooks, so it sees a realloc() as the new block held
 * beside the old one, which is the worst case.
 */
#ifndef TESTS_FUZZ_SUPPORT_H
#define TESTS_FUZZ_SUPPORT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <sanitizer/allocator_interface.h>

#include "amqp/slice.h"

/* Octets of heap that input of `wire` octets may cause to be held at one time. */
#define HEAP_LIMIT(wire) (4 * (wire) + 512)

static struct {
    bool is_installed;
    bool is_counting;
    size_t held;
    size_t peak;
} heap;

static void heap_on_malloc(const volatile void *block, size_t size) {
    (void)block;
    if (!heap.is_counting)
        return;
    heap.held += size;
    if (heap.held > heap.peak)
        heap.peak = heap.held;
}

/* A block from before the count began is not part of it. */
static void heap_on_free(const volatile void *block) {
    size_t size;

    if (!heap.is_counting || block == NULL)
        return;
    size = __sanitizer_get_allocated_size((const volatile void *)block);
    heap.held -= size < heap.held ? size : heap.held;
}

static inline void heap_count_begin(void) {
    if (!heap.is_installed) {
        heap.is_installed = true;
        __sanitizer_install_malloc_and_free_hooks(heap_on_malloc, heap_on_free);
    }
    heap.held = 0;
    heap.peak = 0;
    heap.is_counting = true;
}

/* The most octets held at one time since heap_count_begin(). */
static inline size_t heap_count_end(void) {
    heap.is_counting = false;
    return heap.peak;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
