/* SPDX-License-Identifier: Apache-2.0 */
/* Type fanout: every binding, whatever the keys say. */
#include "broker/entities/binding.h"
#include "broker/entities/exchange.h"
#include "broker/entities/route.h"

static void fanout_route(struct exchange *exchange, struct slice routing_key,
                         const struct route_request *request, struct route *route) {
    (void)routing_key;
    (void)request;
    LIST_FOR_EACH(&exchange->bindings, at)
    route_to_binding(route, LIST_ITEM(at, struct binding, source_link));
}

const struct exchange_type exchange_type_fanout = {
    .name = "fanout",
    .description = "AMQP fanout exchange, as per the AMQP specification",
    .ignores_routing_key = true,
    .route = fanout_route,
};
