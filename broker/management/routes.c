/* SPDX-License-Identifier: Apache-2.0 */
/* Every table of rows; a request takes the first row that matches. */
#include "broker/management/bindings.h"
#include "broker/management/channels.h"
#include "broker/management/connections.h"
#include "broker/management/consumers.h"
#include "broker/management/definitions.h"
#include "broker/management/exchanges.h"
#include "broker/management/limits.h"
#include "broker/management/management_private.h"
#include "broker/management/messages.h"
#include "broker/management/node.h"
#include "broker/management/pages.h"
#include "broker/management/parameters.h"
#include "broker/management/peek.h"
#include "broker/management/permissions.h"
#include "broker/management/policies.h"
#include "broker/management/queues.h"
#include "broker/management/sessions.h"
#include "broker/management/users.h"
#include "broker/management/vhosts.h"

const struct api_route *const api_route_tables[] = {
    queue_routes,       exchange_routes,
    binding_routes,     connection_routes,
    channel_routes,     consumer_routes,
    overview_routes,    node_routes,
    health_routes,      feature_routes,
    vhost_routes,       user_routes,
    permission_routes,  policy_routes,
    limit_routes,       parameter_routes,
    definitions_routes, message_routes,
    peek_routes,        session_routes,
    description_routes, NULL,
};
