/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type x-consistent-hash: one destination by the hash of the routing key, or of the header or
 * property that the exchange's arguments name; a message without it hashes "undefined". The binding
 * key is the destination's weight, its share of all hashes (compat 2.9).
 *
 * RabbitMQ puts the weights' buckets in a row in the order of binding and picks by jump hash. Here
 * every destination draws a number from the hash and its own name, scaled by its weight, and the
 * best one wins (weighted rendezvous hashing). So placement is a function of names and weights
 * alone, the same after a restart; shares are exact; a destination that comes or goes moves just the
 * messages it wins or had won. Nothing is kept per unit of weight, and a message costs a few
 * instructions per destination. Which queue a key falls to differs from RabbitMQ.
 *
 * A destination counts once: a second binding waits until the first is gone.
 */
#include <math.h>
#include <stdlib.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/base/text.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/exchange_destinations.h"
#include "broker/entities/message.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"

#define WEIGHT_MAX 10000

#define HASH_HEADER   SLICE("hash-header")
#define HASH_PROPERTY SLICE("hash-property")
#define UNDEFINED     SLICE("undefined")

struct hash_state {
    struct exchange_destinations destinations;
    struct slice header;         /* name to hash, data NULL when not by header; in the arguments */
    enum amqp_property property; /* to hash, 0 when not by property */
};

/* --- arguments --- */

static enum amqp_property property_named(struct slice name) {
    if (slice_equal(name, SLICE("message_id")))
        return AMQP_MESSAGE_ID;
    if (slice_equal(name, SLICE("correlation_id")))
        return AMQP_CORRELATION_ID;
    if (slice_equal(name, SLICE("timestamp")))
        return AMQP_TIMESTAMP;
    return 0;
}

/* RabbitMQ has no answer for another type but to fail (541). */
static bool check_text(const struct amqp_value *value, const char *name, struct refusal *refusal) {
    return value->tag == AMQP_TAG_TEXT ||
           refuse(refusal, AMQP_PRECONDITION_FAILED, "Invalid type '%s' of argument '%s'",
                  amqp_type_name(value->tag), name);
}

static bool hash_check_arguments(struct slice arguments, struct refusal *refusal) {
    struct amqp_value header, property;
    bool has_header = amqp_table_find(arguments, HASH_HEADER, &header);
    bool has_property = amqp_table_find(arguments, HASH_PROPERTY, &property);

    if ((has_header && !check_text(&header, "hash-header", refusal)) ||
        (has_property && !check_text(&property, "hash-property", refusal)))
        return false;
    if (has_header && has_property)
        return refuse(refusal, AMQP_PRECONDITION_FAILED,
                      "hash-header and hash-property are mutually exclusive");
    if (has_property && property_named(property.bytes) == 0)
        return refuse(refusal, AMQP_PRECONDITION_FAILED, "Unsupported property: " SLICE_FMT,
                      SLICE_ARG(property.bytes));
    return true;
}

static void hash_open(struct exchange *exchange) {
    struct hash_state *state = xcalloc(1, sizeof *state);
    struct amqp_value value;

    if (amqp_table_find(exchange->arguments, HASH_HEADER, &value) && value.tag == AMQP_TAG_TEXT)
        state->header = value.bytes;
    if (amqp_table_find(exchange->arguments, HASH_PROPERTY, &value) && value.tag == AMQP_TAG_TEXT)
        state->property = property_named(value.bytes);
    exchange->state = state;
}

static void hash_close(struct exchange *exchange) {
    struct hash_state *state = exchange->state;

    exchange_destinations_clear(&state->destinations);
    free(state);
}

/* --- weights --- */

/* Decimal text with an optional sign, as Erlang reads it; beyond WEIGHT_MAX any larger number will
 * do. False when it is none. */
static bool read_weight(struct slice text, int *ret_weight) {
    size_t at = text.len > 0 && (text.data[0] == '+' || text.data[0] == '-');
    int weight = 0;

    if (at == text.len)
        return false;
    for (size_t i = at; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        if (weight <= WEIGHT_MAX)
            weight = weight * 10 + (text.data[i] - '0');
    }
    *ret_weight = text.data[0] == '-' ? -weight : weight;
    return true;
}

static bool refuse_weight_text(struct slice key, struct refusal *refusal) {
    struct text shown = {0};

    text_append_erlang_binary(&shown, key);
    refuse(refusal, AMQP_PRECONDITION_FAILED, "The binding key must be an integer: %s",
           text_chars(&shown));
    text_clear(&shown);
    return false;
}

static bool hash_check_binding(const struct exchange *exchange,
                               const struct binding_destination *destination,
                               struct slice binding_key, struct slice arguments,
                               struct refusal *refusal) {
    int weight;

    (void)exchange;
    (void)destination;
    (void)arguments;
    if (!read_weight(binding_key, &weight))
        return refuse_weight_text(binding_key, refusal);
    if (weight < 1)
        return refuse(refusal, AMQP_PRECONDITION_FAILED, "The binding key must be greater than 0");
    if (weight > WEIGHT_MAX)
        return refuse(refusal, AMQP_PRECONDITION_FAILED, "The binding key must not exceed %d",
                      WEIGHT_MAX);
    return true;
}

/* Its oldest binding's key counts. */
static void update_weight(struct exchange_destination *destination) {
    destination->weight = 1;
    read_weight(exchange_destination_binding(destination)->binding_key, &destination->weight);
}

static void hash_add_binding(struct exchange *exchange, struct binding *binding) {
    struct hash_state *state = exchange->state;

    exchange_destinations_add(&state->destinations, binding);
    update_weight(binding->type_node);
}

static void hash_remove_binding(struct exchange *exchange, struct binding *binding) {
    struct hash_state *state = exchange->state;
    struct exchange_destination *destination = binding->type_node;

    if (exchange_destinations_remove(&state->destinations, binding))
        update_weight(destination);
}

/* --- what is hashed --- */

static uint64_t hash_octets(uint64_t kind, struct slice octets) {
    return (uint64_t)map_hash(kind, octets) << 32 | map_hash(~kind, octets);
}

static uint64_t hash_header(struct slice headers, struct slice name) {
    struct amqp_value value;

    if (!amqp_table_find(headers, name, &value))
        return hash_octets(0, UNDEFINED);
    if (value.tag == AMQP_TAG_TEXT)
        return hash_octets(0, value.bytes);
    return hash_octets((uint64_t)value.tag, value.encoded);
}

static uint64_t hash_property(const struct message *message, enum amqp_property property) {
    struct amqp_properties properties;

    if (message == NULL || !(message_flags(message) & property))
        return hash_octets(0, UNDEFINED);
    message_properties(message, &properties);
    if (property == AMQP_MESSAGE_ID)
        return hash_octets(0, properties.message_id);
    if (property == AMQP_CORRELATION_ID)
        return hash_octets(0, properties.correlation_id);
    return hash_octets(AMQP_TAG_TIMESTAMP,
                       slice_of(&properties.timestamp, sizeof properties.timestamp));
}

static uint64_t hash_message(const struct hash_state *state, struct slice routing_key,
                             const struct route_request *request, struct route *route) {
    if (state->header.data == NULL && state->property == 0)
        return hash_octets(0, routing_key);
    route_depends_on_message(route);
    if (state->property != 0)
        return hash_property(request->message, state->property);
    return hash_header(request->headers, state->header);
}

/* --- who wins --- */

/* The number that a destination draws for a hash (the finalizer of splitmix64). */
static uint64_t draw(uint64_t hash, uint64_t destination) {
    uint64_t mixed = hash ^ destination;

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

/* Of destinations that draw u in (0, 1) and score weight / -ln u each is best in proportion to its
 * weight. */
static double score(uint64_t drawn, int weight) {
    double u = ((double)(drawn >> 12) + 0.5) / 4503599627370496.0;

    return weight / -log(u);
}

struct contestant {
    const struct exchange_destination *destination;
    uint64_t drawn;
    int weight;
};

/* Among equal weights the larger draw wins, and nobody needs a logarithm. */
static bool is_better(const struct contestant *a, const struct contestant *b) {
    if (a->weight == b->weight)
        return a->drawn > b->drawn;
    return score(a->drawn, a->weight) > score(b->drawn, b->weight);
}

static void hash_route(struct exchange *exchange, struct slice routing_key,
                       const struct route_request *request, struct route *route) {
    const struct hash_state *state = exchange->state;
    uint64_t hash = hash_message(state, routing_key, request, route);
    struct contestant best = {0};

    exchange->vhost->broker->work += state->destinations.count;
    for (size_t i = 0; i < state->destinations.count; i++) {
        const struct exchange_destination *destination = state->destinations.items[i];
        struct contestant next = {destination, draw(hash, destination->hash), destination->weight};
        if (best.destination == NULL || is_better(&next, &best))
            best = next;
    }
    if (best.destination != NULL)
        route_to_binding(route, exchange_destination_binding(best.destination));
}

const struct exchange_type exchange_type_consistent_hash = {
    .name = "x-consistent-hash",
    .description = "Routes by a consistent hash of the routing key, a header or a property",
    .ignores_routing_key = true, /* of several keys the first counts */
    .check_arguments = hash_check_arguments,
    .open = hash_open,
    .close = hash_close,
    .check_binding = hash_check_binding,
    .add_binding = hash_add_binding,
    .remove_binding = hash_remove_binding,
    .route = hash_route,
};
