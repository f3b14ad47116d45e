/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource alarms (compat section 6). An alarm by itself changes nothing: a connection is caught by
 * its own next content frame and let go when the last alarm is gone. While caught, all of its input
 * waits in the transport, acks and closes included.
 */
#include "broker/protocol/blocking.h"

#include "broker/entities/broker.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/heartbeat.h"
#include "broker/protocol/send.h"

static bool has_alarm(const struct broker *broker) {
    return broker->memory_alarm || broker->disk_alarm;
}

static struct slice alarm_reason(const struct broker *broker) {
    if (!broker->disk_alarm)
        return SLICE("low on memory");
    return broker->memory_alarm ? SLICE("low on memory & disk") : SLICE("low on disk");
}

static void block(struct connection *connection) {
    connection->blocked = true;
    endpoint_pause_input(&connection->endpoint, true);
    heartbeat_pause_receive(connection);
    if (!connection->connection_blocked)
        return;
    send_method(connection, 0,
                &(struct amqp_method){.id = AMQP_CONNECTION_BLOCKED,
                                      .connection_blocked = {alarm_reason(connection->broker)}});
}

static void unblock(struct connection *connection) {
    connection->blocked = false;
    endpoint_pause_input(&connection->endpoint, false);
    heartbeat_resume_receive(connection);
    if (!connection->connection_blocked)
        return;
    send_method(connection, 0, &(struct amqp_method){.id = AMQP_CONNECTION_UNBLOCKED});
}

void blocking_on_publish(struct connection *connection) {
    if (has_alarm(connection->broker) && !connection->blocked &&
        connection->state == CONNECTION_OPEN)
        block(connection);
}

static void unblock_all(struct broker *broker) {
    LIST_FOR_EACH(&broker->connections, at) {
        struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->blocked && connection->state == CONNECTION_OPEN)
            unblock(connection);
    }
}

static void set_alarm(struct broker *broker, bool *alarm, enum limit limit, const char *resource,
                      bool set) {
    if (*alarm == set)
        return;
    *alarm = set;
    if (set)
        limit_reached(broker, limit);
    log_warning(&broker->env->log,
                set ? "%s resource limit alarm set: publishers will be blocked until it clears"
                    : "%s resource limit alarm cleared",
                resource);
    if (!has_alarm(broker))
        unblock_all(broker);
}

void broker_set_memory_alarm(struct broker *broker, bool set) {
    set_alarm(broker, &broker->memory_alarm, LIMIT_MEMORY, "memory", set);
}

void broker_set_disk_alarm(struct broker *broker, bool set) {
    set_alarm(broker, &broker->disk_alarm, LIMIT_DISK, "disk", set);
}
