/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type x-modulus-hash: one destination, the hash of all routing keys (CC and BCC too, as RabbitMQ
 * does) modulo the number of destinations, counted in the order of their names. Binding keys and
 * arguments mean nothing. The hash is not RabbitMQ's phash2: which queue a key falls to differs.
 */
#include <stdlib.h>

#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/entities/exchange.h"
#include "broker/entities/exchange_destinations.h"
#include "broker/entities/route.h"

static void modulus_open(struct exchange *exchange) {
    exchange->state = xcalloc(1, sizeof(struct exchange_destinations));
}

static void modulus_close(struct exchange *exchange) {
    exchange_destinations_clear(exchange->state);
    free(exchange->state);
}

static void modulus_add_binding(struct exchange *exchange, struct binding *binding) {
    exchange_destinations_add(exchange->state, binding);
}

static void modulus_remove_binding(struct exchange *exchange, struct binding *binding) {
    exchange_destinations_remove(exchange->state, binding);
}

static uint32_t hash_keys(uint32_t hash, struct slice keys) {
    struct amqp_array_iterator i = amqp_array_begin(keys);
    struct amqp_value key;

    while (amqp_array_next(&i, &key)) {
        if (key.tag == AMQP_TAG_TEXT)
            hash = map_hash(hash, key.bytes);
    }
    return hash;
}

static void modulus_route(struct exchange *exchange, struct slice routing_key,
                          const struct route_request *request, struct route *route) {
    const struct exchange_destinations *destinations = exchange->state;
    uint32_t hash = map_hash(0, routing_key);

    if (destinations->count == 0)
        return;
    hash = hash_keys(hash_keys(hash, request->cc), request->bcc);
    route_to_binding(route,
                     exchange_destination_binding(destinations->items[hash % destinations->count]));
}

const struct exchange_type exchange_type_modulus_hash = {
    .name = "x-modulus-hash",
    .description = "Routes by the hash of the routing key",
    .ignores_routing_key = true, /* all keys make one hash */
    .open = modulus_open,
    .close = modulus_close,
    .add_binding = modulus_add_binding,
    .remove_binding = modulus_remove_binding,
    .route = modulus_route,
};
