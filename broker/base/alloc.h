/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one malloc of the broker. Sizes of our own abort on failure (`xmalloc`): that equals a
 * kill -9 and loses nothing confirmed. Sizes that a peer chose are tried (`try_malloc`) and the
 * caller answers with RESOURCE_ERROR 506. Tests make allocation fail by wrapping malloc at link time.
 */
#ifndef LEVERET_BROKER_BASE_ALLOC_H
#define LEVERET_BROKER_BASE_ALLOC_H

#include <stddef.h>

/* Never NULL; aborts when memory is out. Free with free(). */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *block, size_t size);
/* At an address that is a multiple of `alignment`, a power of two of which `size` is a multiple. */
void *xalloc_aligned(size_t alignment, size_t size);

/* NULL when memory is out. Free with free(). */
void *try_malloc(size_t size);

#endif
