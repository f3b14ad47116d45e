/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeats (compat 1.8): a frame every half interval unless something was written since; a peer from
 * which nothing came in two consecutive intervals is dropped without connection.close.
 */
#ifndef LEVERET_BROKER_PROTOCOL_HEARTBEAT_H
#define LEVERET_BROKER_PROTOCOL_HEARTBEAT_H

struct connection;

/* Starts both timers with connection->heartbeat_s; nothing when that is 0. */
void heartbeat_start(struct connection *connection);

/* The receive side rests while the connection is blocked. */
void heartbeat_pause_receive(struct connection *connection);
void heartbeat_resume_receive(struct connection *connection);

void heartbeat_stop(struct connection *connection);

#endif
