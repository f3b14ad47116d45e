/* SPDX-License-Identifier: Apache-2.0 */
/* What class connection does on the server's own initiative; its handlers are in dispatch.h. */
#ifndef LEVERET_BROKER_PROTOCOL_METHODS_CONNECTION_H
#define LEVERET_BROKER_PROTOCOL_METHODS_CONNECTION_H

struct connection;

/* The protocol header was accepted: connection.start with all that compat 1.3 lists. */
void send_connection_start(struct connection *connection);

#endif
