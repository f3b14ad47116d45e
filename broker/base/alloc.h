/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one malloc of the broker. Sizes of our own abort on failure (`xmalloc`): that equals a
 * kill -9 and loses nothing confirmed. Sizes that a peer chose are tried (`try_malloc`) and the
 * caller answers with RESOURCE_ERROR 506. Tests make allocation fail by wrapping malloc at link time.
 */
#ifndef LEVERET_BROKER_BASE_ALLOC_H
#define LEVERET_BROKER_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"

/* Never NULL; aborts when memory is out. Free with free(). */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *block, size_t size);
/* At an address that is a multiple of `alignment`, a power of two of which `size` is a multiple. */
void *xalloc_aligned(size_t alignment, size_t size);

/* A copy with octets of its own, also of nothing. Free with free_slice(). */
struct slice xcopy_slice(struct slice octets);

/* Octets that are the slice's own; a zeroed slice has none. */
void free_slice(struct slice octets);

/* Copies the octets to `*at` and moves that on behind them. For what stands behind a struct in one
 * allocation, which has the room. */
struct slice place_slice(uint8_t **at, struct slice octets);

/* NULL when memory is out. Free with free(). */
void *try_malloc(size_t size);

#endif
