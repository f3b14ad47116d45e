/* SPDX-License-Identifier: Apache-2.0 */
/* Every table of rows; a request takes the first row that matches. */
#include "broker/management/bindings.h"
#include "broker/management/channels.h"
#include "broker/management/connections.h"
#include "broker/management/consumers.h"
#include "broker/management/definitions.h"
#include "broker/management/exchanges.h"
#include "broker/management/management_private.h"
#include "broker/management/queues.h"

const struct api_route *const api_route_tables[] = {
    queue_routes,   exchange_routes, binding_routes,     connection_routes,
    channel_routes, consumer_routes, definitions_routes, NULL,
};
