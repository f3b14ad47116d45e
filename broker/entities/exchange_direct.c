/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type direct: the binding key is the routing key, octet by octet. Bindings hang in a map from key
 * to list, so that routing is one look-up however many keys there are.
 *
 * The default exchange looks like a direct exchange to which every queue is bound with its name.
 * There are no such bindings here: the queue is found in the vhost's map.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/map.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"

/* One binding key and its bindings; exists while there is at least one. */
struct direct_key {
    UT_hash_handle by_key;
    struct slice key;
    struct list bindings; /* link: type_link */
    uint8_t octets[];     /* of the key */
};

struct direct_state {
    uint64_t hash_seed;
    struct direct_key *keys; /* map by key */
};

static void direct_open(struct exchange *exchange) {
    struct direct_state *state = xcalloc(1, sizeof *state);

    state->hash_seed = exchange->vhost->broker->env->hash_seed;
    exchange->state = state;
}

static void direct_close(struct exchange *exchange) {
    free(exchange->state);
}

static struct direct_key *find_key(const struct direct_state *state, struct slice key) {
    struct direct_key *found;

    MAP_FIND(state->keys, by_key, state->hash_seed, key, found);
    return found;
}

static struct direct_key *add_key(struct direct_state *state, struct slice key) {
    struct direct_key *added = xcalloc(1, sizeof *added + key.len);

    if (key.len > 0)
        memcpy(added->octets, key.data, key.len);
    added->key = slice_of(added->octets, key.len);
    list_init(&added->bindings);
    MAP_ADD(state->keys, by_key, state->hash_seed, added->key, added);
    return added;
}

static void direct_add_binding(struct exchange *exchange, struct binding *binding) {
    struct direct_state *state = exchange->state;
    struct direct_key *key = find_key(state, binding->binding_key);

    if (key == NULL)
        key = add_key(state, binding->binding_key);
    list_append(&key->bindings, &binding->type_link);
    binding->type_node = key;
}

static void direct_remove_binding(struct exchange *exchange, struct binding *binding) {
    struct direct_state *state = exchange->state;
    struct direct_key *key = binding->type_node;

    list_remove(&binding->type_link);
    if (list_is_empty(&key->bindings)) {
        MAP_REMOVE(state->keys, by_key, key);
        free(key);
    }
}

static void direct_route(struct exchange *exchange, struct slice routing_key,
                         const struct route_request *request, struct route *route) {
    struct direct_key *key = find_key(exchange->state, routing_key);

    (void)request;
    if (key == NULL)
        return;
    LIST_FOR_EACH(&key->bindings, at)
    route_to_binding(route, LIST_ITEM(at, struct binding, type_link));
}

const struct exchange_type exchange_type_direct = {
    .name = "direct",
    .description = "AMQP direct exchange, as per the AMQP specification",
    .open = direct_open,
    .close = direct_close,
    .add_binding = direct_add_binding,
    .remove_binding = direct_remove_binding,
    .route = direct_route,
};

static void default_route(struct exchange *exchange, struct slice routing_key,
                          const struct route_request *request, struct route *route) {
    struct queue *queue = vhost_find_destination(exchange->vhost, routing_key);

    (void)request;
    if (queue != NULL)
        route_to_queue(route, queue);
}

const struct exchange_type exchange_type_default = {
    .name = "direct",
    .description = "AMQP direct exchange, as per the AMQP specification",
    .route = default_route,
};
