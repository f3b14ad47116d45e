/* SPDX-License-Identifier: Apache-2.0 */
/*
 * House rules for uthash tables: keys are slices that live inside the item, hashed by XXH3 with a
 * random seed (names come from clients, so an unseeded hash could be flooded with collisions).
 *
 *     struct queue { struct slice name; UT_hash_handle by_name; };
 *     struct queue *queues = NULL;
 *     MAP_ADD(queues, by_name, seed, queue->name, queue);
 *     MAP_FIND(queues, by_name, seed, name, found);      found is NULL when missing
 *     MAP_REMOVE(queues, by_name, queue);
 *     MAP_FOR_EACH (queues, by_name, queue, next) { the body may remove `queue` }
 */
#ifndef LEVERET_BROKER_BASE_MAP_H
#define LEVERET_BROKER_BASE_MAP_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/slice.h"
#include "broker/base/alloc.h"

#define uthash_malloc(size) xmalloc(size)
/* The empty name may be a NULL slice. */
#define HASH_KEYCMP(a, b, len) ((len) == 0 ? 0 : memcmp(a, b, len))
#include <uthash.h>

/* Most tables are the channels of a connection, the consumers of a channel and the like, and hold a few
 * items: their 32 buckets would be a fifth of an idle connection. Larger tables grow. */
#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS      8U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 3U

/* XXH3 of the key under a seed. */
uint32_t map_hash(uint64_t seed, struct slice key);

#define MAP_ADD(head, handle, seed, key, item)                                 \
    HASH_ADD_KEYPTR_BYHASHVALUE(handle, head, (key).data, (unsigned)(key).len, \
                                map_hash(seed, key), item)

#define MAP_FIND(head, handle, seed, key, ret_item)                                           \
    HASH_FIND_BYHASHVALUE(handle, head, (key).data, (unsigned)(key).len, map_hash(seed, key), \
                          ret_item)

#define MAP_REMOVE(head, handle, item)         HASH_DELETE(handle, head, item)
#define MAP_COUNT(head, handle)                HASH_CNT(handle, head)
#define MAP_FOR_EACH(head, handle, item, next) HASH_ITER(handle, head, item, next)

#endif
