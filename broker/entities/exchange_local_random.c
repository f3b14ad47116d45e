/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type x-local-random: one of the bound queues of this node, and there is one node. As in RabbitMQ
 * it binds classic queues under the empty key and nothing else. The routing key is ignored.
 */
#include "broker/entities/binding.h"
#include "broker/entities/exchange.h"
#include "broker/entities/exchange_choice.h"
#include "broker/entities/queue.h"

static bool check_queue_type(const struct queue *queue, struct refusal *refusal) {
    return queue->type == QUEUE_CLASSIC ||
           refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "Queue type %s not valid for this exchange type", queue_type_module(queue->type));
}

static bool local_random_check_binding(const struct exchange *exchange,
                                       const struct binding_destination *destination,
                                       struct slice binding_key, struct slice arguments,
                                       struct refusal *refusal) {
    (void)exchange;
    (void)arguments;
    if (binding_key.len > 0)
        return refuse(refusal, AMQP_PRECONDITION_FAILED,
                      "Non empty binding '" SLICE_FMT "' key not permitted",
                      SLICE_ARG(binding_key));
    if (destination->queue == NULL)
        return refuse(refusal, AMQP_PRECONDITION_FAILED, "Destination not found");
    return check_queue_type(destination->queue, refusal);
}

static void local_random_route(struct exchange *exchange, struct slice routing_key,
                               const struct route_request *request, struct route *route) {
    (void)routing_key;
    (void)request;
    exchange_choice_route(exchange, route);
}

const struct exchange_type exchange_type_local_random = {
    .name = "x-local-random",
    .description = "Picks one bound queue at random",
    .uses_headers = true, /* each message is another throw */
    .ignores_routing_key = true,
    .open = exchange_choice_open,
    .close = exchange_choice_close,
    .check_binding = local_random_check_binding,
    .add_binding = exchange_choice_add,
    .remove_binding = exchange_choice_remove,
    .route = local_random_route,
};
