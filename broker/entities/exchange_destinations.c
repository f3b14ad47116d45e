/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/exchange_destinations.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/entities/binding.h"
#include "broker/entities/exchange.h"
#include "broker/entities/queue.h"

static struct slice name_of(const struct binding *binding) {
    return binding->destination.queue != NULL ? binding->destination.queue->name
                                              : binding->destination.exchange->name;
}

/* Exchanges come before queues, as RabbitMQ sorts them. */
static int compare_destinations(const struct binding *a, const struct binding *b) {
    int kind = (a->destination.queue != NULL) - (b->destination.queue != NULL);

    return kind != 0 ? kind : slice_compare(name_of(a), name_of(b));
}

static uint64_t hash_of(const struct binding *binding) {
    uint64_t kind = binding->destination.queue != NULL ? 'q' : 'e';

    return (uint64_t)map_hash(kind, name_of(binding)) << 32 | map_hash(kind << 8, name_of(binding));
}

struct binding *exchange_destination_binding(const struct exchange_destination *destination) {
    return LIST_ITEM(list_first(&destination->bindings), struct binding, type_link);
}

/* Where the binding's destination stands, or would have to stand when it is not there. */
static size_t find_place(const struct exchange_destinations *destinations,
                         const struct binding *binding, bool *ret_is_there) {
    size_t low = 0;
    size_t high = destinations->count;

    *ret_is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_destinations(exchange_destination_binding(destinations->items[middle]),
                                         binding);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
        *ret_is_there = *ret_is_there || order == 0;
    }
    return low;
}

static void insert(struct exchange_destinations *destinations, size_t place,
                   struct exchange_destination *destination) {
    if (destinations->count == destinations->capacity) {
        destinations->capacity = destinations->capacity == 0 ? 4 : destinations->capacity * 2;
        destinations->items =
            xrealloc(destinations->items, destinations->capacity * sizeof destinations->items[0]);
    }
    memmove(destinations->items + place + 1, destinations->items + place,
            (destinations->count - place) * sizeof destinations->items[0]);
    destinations->items[place] = destination;
    destinations->count++;
}

void exchange_destinations_add(struct exchange_destinations *destinations,
                               struct binding *binding) {
    bool is_there;
    size_t place = find_place(destinations, binding, &is_there);

    if (!is_there) {
        struct exchange_destination *destination = xcalloc(1, sizeof *destination);
        list_init(&destination->bindings);
        destination->hash = hash_of(binding);
        insert(destinations, place, destination);
    }
    binding->type_node = destinations->items[place];
    list_append(&destinations->items[place]->bindings, &binding->type_link);
}

bool exchange_destinations_remove(struct exchange_destinations *destinations,
                                  struct binding *binding) {
    struct exchange_destination *destination = binding->type_node;
    bool is_there;
    size_t place = find_place(destinations, binding, &is_there);

    assert(is_there && destinations->items[place] == destination);
    binding->type_node = NULL;
    list_remove(&binding->type_link);
    if (!list_is_empty(&destination->bindings))
        return true;
    destinations->count--;
    memmove(destinations->items + place, destinations->items + place + 1,
            (destinations->count - place) * sizeof destinations->items[0]);
    free(destination);
    return false;
}

void exchange_destinations_clear(struct exchange_destinations *destinations) {
    assert(destinations->count == 0);
    free(destinations->items);
    *destinations = (struct exchange_destinations){0};
}
