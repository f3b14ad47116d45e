/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/fetch.h"

#include "broker/entities/broker.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/heartbeat.h"

void fetch_wait(struct connection *connection) {
    connection->repeats_frame = true;
    if (!list_is_linked(&connection->fetch_link))
        list_append(&connection->broker->fetching_connections, &connection->fetch_link);
    if (connection->endpoint.input_paused)
        return;
    endpoint_pause_input(&connection->endpoint, true);
    heartbeat_pause_receive(connection);
}

static void resume(struct connection *connection) {
    list_remove(&connection->fetch_link);
    if (connection->blocked || !connection->endpoint.input_paused)
        return;
    endpoint_pause_input(&connection->endpoint, false);
    heartbeat_resume_receive(connection);
}

void fetches_resume(struct broker *broker) {
    if (!broker->has_arrivals)
        return;
    broker->has_arrivals = false;
    LIST_FOR_EACH_SAFE(&broker->fetching_connections, at) {
        resume(LIST_ITEM(at, struct connection, fetch_link));
    }
}

void fetch_end(struct connection *connection) {
    list_remove(&connection->fetch_link);
}
