/* SPDX-License-Identifier: Apache-2.0 */
/* malloc with one decision made: our own sizes either succeed or end the process. */
#include "broker/base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *or_abort(void *block) {
    if (block == NULL)
        abort();
    return block;
}

void *xmalloc(size_t size) {
    return or_abort(malloc(size == 0 ? 1 : size));
}

void *xcalloc(size_t count, size_t size) {
    return or_abort(calloc(count == 0 ? 1 : count, size == 0 ? 1 : size));
}

void *xrealloc(void *block, size_t size) {
    return or_abort(realloc(block, size == 0 ? 1 : size));
}

void *xalloc_aligned(size_t alignment, size_t size) {
    return or_abort(aligned_alloc(alignment, size));
}

struct slice place_slice(uint8_t **at, struct slice octets) {
    struct slice placed = slice_of(*at, octets.len);

    if (octets.len > 0)
        memcpy(*at, octets.data, octets.len);
    *at += octets.len;
    return placed;
}

struct slice xcopy_slice(struct slice octets) {
    uint8_t *at = xmalloc(octets.len);

    return place_slice(&at, octets);
}

void free_slice(struct slice octets) {
    free((void *)(uintptr_t)octets.data);
}

void *try_malloc(size_t size) {
    return malloc(size == 0 ? 1 : size);
}
