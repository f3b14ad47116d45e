/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Promises wait for the disk. A reply that promises something durable (declare-ok, bind-ok, commit-ok
 * and the like) may leave once what it depends on is on stable storage; until then it and everything
 * the connection says after it is held, so that the order stays. Deliveries to the connection rest, other
 * connections go on, and heartbeats pass by: a slow disk is no reason to take the broker for dead. So do connection.blocked
 * and unblocked.
 *
 * Publisher confirms need no gate: they are settled when their batch is safe (confirms.h).
 */
#ifndef LEVERET_BROKER_PROTOCOL_GATE_H
#define LEVERET_BROKER_PROTOCOL_GATE_H

#include <stdbool.h>

#include "amqp/method.h"
#include "broker/protocol/connection.h"

struct broker;
struct outbuf;

/* True for replies that promise something durable. */
bool gate_is_promise(enum amqp_method_id id);

/* True for alarms: what keeps the gate closed may be what they are about. */
bool gate_is_passed_by(enum amqp_method_id id);

/* A promise is about to be written: closes the gate unless all promises so far are safe. */
void gate_close_for_promise(struct connection *connection);

static inline bool gate_is_closed(const struct connection *connection) {
    return connection->gate_lsn != 0;
}

/* Where the connection's next frame goes. */
static inline struct outbuf *gate_output(struct connection *connection) {
    return gate_is_closed(connection) ? &connection->held : &connection->endpoint.output;
}

/* After a frame was written behind a closed gate: stops reading when too much is held. */
void gate_limit(struct connection *connection);

/* A batch was written: opens every gate that waited for it. A step of the tick. */
void gates_open(struct broker *broker);

/*
 * The journal has failed: what waited for it is never said. Every gate is open again, so that the clients
 * can be told why they are disconnected.
 */
void gates_fail(struct broker *broker);

/* The connection is going away; what was held is output if it may be, and dropped if not. */
void gate_end(struct connection *connection);

#endif
