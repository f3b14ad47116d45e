/* SPDX-License-Identifier: Apache-2.0 */
/* What class connection does on the server's own initiative; its handlers are in dispatch.h. */
#ifndef LEVERET_BROKER_PROTOCOL_METHODS_CONNECTION_H
#define LEVERET_BROKER_PROTOCOL_METHODS_CONNECTION_H

#include "broker/protocol/auth.h"
#include "broker/protocol/connection.h"

/* The protocol header was accepted: connection.start with all that compat 1.3 lists. */
void send_connection_start(struct connection *connection);

/* The answer to start-ok: tune, a refusal or silence. Not for AUTH_SLOW. */
void finish_login(struct connection *connection, const struct auth_mechanism *mechanism,
                  enum auth_result result, struct user *user);

static inline struct auth_peer connection_auth_peer(const struct connection *connection) {
    return (struct auth_peer){connection->peer_is_loopback, connection->tls};
}

#endif
