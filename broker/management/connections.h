/* SPDX-License-Identifier: Apache-2.0 */
/* Connections in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_CONNECTIONS_H
#define LEVERET_BROKER_MANAGEMENT_CONNECTIONS_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route connection_routes[];
extern const struct api_resource connection_resource; /* objects are struct connection */

struct connection;

/* Writes the members peer_host and peer_port. */
void connection_write_peer(struct json_out *out, const struct connection *connection);

/* Whether the user may see it: his own, or all with the right tag. */
bool connection_is_visible(const struct api_request *request, const struct connection *connection);

#endif
