/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource alarms (compat section 6). Nothing happens to a connection until it publishes during an
 * alarm; that frame is still handled, then the connection is no longer read and, if it can understand
 * it, told connection.blocked. When all alarms are gone it is told connection.unblocked and read again.
 */
#ifndef LEVERET_BROKER_PROTOCOL_BLOCKING_H
#define LEVERET_BROKER_PROTOCOL_BLOCKING_H

#include <stdbool.h>

struct broker;
struct connection;

/* A content header or body frame was handled. Cheap when no alarm is set. */
void blocking_on_publish(struct connection *connection);

void broker_set_memory_alarm(struct broker *broker, bool set);
void broker_set_disk_alarm(struct broker *broker, bool set);

#endif
