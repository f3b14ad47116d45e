/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of fixed size with two places for each hash value; an entry is a cache line.
 */
#include "broker/entities/route_memory.h"

#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"

#define PAIRS      (ROUTE_MEMORY_SIZE / 128)
#define QUEUES_MAX 2
#define KEY_MAX    30

struct remembered {
    const struct exchange *exchange; /* NULL: nothing yet */
    uint64_t generation;
    struct queue *queues[QUEUES_MAX];
    uint8_t count;
    uint8_t key_len;
    uint8_t key[KEY_MAX];
};

_Static_assert(2 * sizeof(struct remembered) == 128, "a pair is two cache lines");

struct route_memory {
    struct remembered pairs[PAIRS][2]; /* of two the first came later */
};

static struct remembered *pair_of(struct route_memory *memory, const struct exchange *exchange,
                                  struct slice key) {
    uint64_t seed = exchange->vhost->broker->env->hash_seed ^ (uintptr_t)exchange;
    return memory->pairs[map_hash(seed, key) % PAIRS];
}

static bool is_of(const struct remembered *entry, const struct exchange *exchange,
                  struct slice key) {
    return entry->exchange == exchange &&
           entry->generation == exchange->vhost->routing_generation &&
           slice_equal(slice_of(entry->key, entry->key_len), key);
}

static void recall(const struct remembered *entry, struct route *route) {
    route_set(route, entry->queues, entry->count);
    route->generation = entry->generation;
}

bool route_recall(const struct exchange *exchange, struct slice key, struct route *route) {
    struct route_memory *memory = exchange->vhost->route_memory;

    if (memory == NULL || exchange->type != &exchange_type_topic || key.len > KEY_MAX)
        return false;
    struct remembered *pair = pair_of(memory, exchange, key);
    for (unsigned i = 0; i < 2; i++) {
        if (is_of(&pair[i], exchange, key)) {
            recall(&pair[i], route);
            return true;
        }
    }
    return false;
}

void route_remember(const struct exchange *exchange, struct slice key, const struct route *route) {
    struct vhost *vhost = exchange->vhost;

    if (exchange->type != &exchange_type_topic || !route->memoisable || route->count > QUEUES_MAX ||
        key.len > KEY_MAX)
        return;
    if (vhost->route_memory == NULL)
        vhost->route_memory = xcalloc(1, sizeof *vhost->route_memory);
    struct remembered *pair = pair_of(vhost->route_memory, exchange, key);
    pair[1] = pair[0];
    pair[0] = (struct remembered){.exchange = exchange,
                                  .generation = route->generation,
                                  .count = (uint8_t)route->count,
                                  .key_len = (uint8_t)key.len};
    if (key.len > 0)
        memcpy(pair[0].key, key.data, key.len);
    for (size_t i = 0; i < route->count; i++)
        pair[0].queues[i] = route->queues[i];
}

void route_memory_destroy(struct route_memory *memory) {
    free(memory);
}
