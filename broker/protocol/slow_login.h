/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins whose password has a slow hash: verified on the worker's thread while the connection, which is
 * not read from meanwhile, waits in AWAIT_START_OK. At most one for each connection, and connections that
 * wait are bounded by their handshake timeout.
 */
#ifndef LEVERET_BROKER_PROTOCOL_SLOW_LOGIN_H
#define LEVERET_BROKER_PROTOCOL_SLOW_LOGIN_H

#include "broker/protocol/auth.h"

struct connection;

/* Copies the credentials; finish_login() (methods_connection.h) follows in a later tick. */
void slow_login_start(struct connection *connection, const struct auth_mechanism *mechanism,
                      const struct credentials *credentials);

/* The connection ends: whatever the password is, nobody wants to know. Nothing when none is going on. */
void slow_login_abandon(struct connection *connection);

#endif
