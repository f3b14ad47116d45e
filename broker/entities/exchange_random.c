/* SPDX-License-Identifier: Apache-2.0 */
/* Type x-random: one of the bindings, whatever the keys say. */
#include "broker/entities/exchange.h"
#include "broker/entities/exchange_choice.h"

static void random_route(struct exchange *exchange, struct slice routing_key,
                         const struct route_request *request, struct route *route) {
    (void)routing_key;
    (void)request;
    exchange_choice_route(exchange, route);
}

const struct exchange_type exchange_type_random = {
    .name = "x-random",
    .description = "Picks one binding at random",
    .uses_headers = true, /* each message is another throw */
    .ignores_routing_key = true,
    .open = exchange_choice_open,
    .close = exchange_choice_close,
    .add_binding = exchange_choice_add,
    .remove_binding = exchange_choice_remove,
    .route = random_route,
};
