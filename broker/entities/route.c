/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routing: a work list of exchanges, beginning with the one published to. Marks on exchanges and
 * queues, numbered by broker->route_count, make each of them count once and end every cycle.
 */
#include "broker/entities/route.h"

#include <stdlib.h>

#include "amqp/properties.h"
#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/death_table.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"

void route_init(struct route *route) {
    *route = (struct route){0};
    list_init(&route->work);
}

void route_clear(struct route *route) {
    free(route->queues);
    route_init(route);
}

static void add_queue(struct route *route, struct queue *queue) {
    if (route->count == route->capacity) {
        route->capacity = route->capacity == 0 ? 4 : route->capacity * 2;
        route->queues = xrealloc(route->queues, route->capacity * sizeof route->queues[0]);
    }
    route->queues[route->count++] = queue;
}

void route_to_queue(struct route *route, struct queue *queue) {
    route->matched = true;
    if (queue->route_mark == route->mark)
        return;
    queue->route_mark = route->mark;
    add_queue(route, queue);
}

void route_set(struct route *route, struct queue *const *queues, size_t count) {
    route->count = 0;
    route->held_lsn = 0;
    route->memoisable = true;
    for (size_t i = 0; i < count; i++)
        add_queue(route, queues[i]);
}

static void route_to_exchange(struct route *route, struct exchange *exchange) {
    route->matched = true;
    if (exchange->route_mark == route->mark)
        return;
    exchange->route_mark = route->mark;
    list_append(&route->work, &exchange->work_link);
}

void route_to_binding(struct route *route, const struct binding *binding) {
    if (binding->destination.queue != NULL)
        route_to_queue(route, binding->destination.queue);
    else
        route_to_exchange(route, binding->destination.exchange);
}

/* Routes every string in a CC or BCC array; other items and what is too long for a key are no keys.
 */
static void route_copies(struct route *route, struct exchange *exchange, struct slice keys,
                         const struct route_request *request) {
    struct amqp_array_iterator i = amqp_array_begin(keys);
    struct amqp_value key;

    while (amqp_array_next(&i, &key)) {
        if (key.tag == AMQP_TAG_TEXT && key.bytes.len <= AMQP_SHORTSTR_MAX)
            exchange->routing_type->route(exchange, key.bytes, request, route);
    }
}

/* An exchange without any destination for the message hands it to its alternate exchange, if there.
 */
static void route_to_alternate(struct route *route, const struct exchange *exchange) {
    struct exchange *alternate;

    if (exchange->alternate_exchange.data == NULL)
        return;
    alternate = vhost_find_exchange(exchange->vhost, exchange->alternate_exchange);
    if (alternate != NULL && !exchange_is_default(alternate))
        route_to_exchange(route, alternate);
}

static void route_by_type(struct route *route, struct exchange *exchange,
                          const struct route_request *request) {
    const struct exchange_type *type = exchange->routing_type;

    route->memoisable = route->memoisable && !type->uses_headers;
    type->route(exchange, request->routing_key, request, route);
    if (type->ignores_routing_key)
        return;
    route_copies(route, exchange, request->cc, request);
    route_copies(route, exchange, request->bcc, request);
}

static void visit_exchange(struct route *route, struct exchange *exchange,
                           const struct route_request *request) {
    const struct exchange_type *type = exchange->type;

    route->matched = false;
    route->memoisable = route->memoisable && !type->uses_headers;
    if (type->take == NULL || !type->take(exchange, request, route))
        route_by_type(route, exchange, request);
    if (!route->matched)
        route_to_alternate(route, exchange);
}

struct route_request route_request_of(struct message *message) {
    struct amqp_properties properties;

    message_properties(message, &properties);
    return (struct route_request){
        .routing_key = message_routing_key(message),
        .headers = properties.headers,
        .cc = message_copied_keys(message, properties.headers),
        .bcc = message_hidden_keys(message),
        .message = message,
    };
}

void route_message(struct route *route, struct exchange *exchange,
                   const struct route_request *request) {
    struct vhost *vhost = exchange->vhost;
    struct list *link;

    route->count = 0;
    route->held_lsn = 0;
    route->is_held = false;
    route->memoisable = request->cc.data == NULL && request->bcc.data == NULL;
    route->mark = ++vhost->broker->route_count;
    route->generation = vhost->routing_generation;
    route_to_exchange(route, exchange);
    while ((link = list_take_first(&route->work)) != NULL)
        visit_exchange(route, LIST_ITEM(link, struct exchange, work_link), request);
}
