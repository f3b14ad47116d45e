/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and connections, one or many, by command. */
#include <string.h>
#include <sysexits.h>

#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/control_handlers.h"
#include "broker/protocol/connection.h"

/* --- queues --- */

void control_purge_queue(struct control_call *call) {
    const struct vhost *vhost = control_vhost(call);
    struct refusal refusal = {0};

    if (vhost == NULL)
        return;
    struct queue *queue = vhost_find_queue(vhost, slice_from_text(control_argument(call, 0)));
    if (queue == NULL) {
        control_fail(call, EX_UNAVAILABLE, "not_found");
    } else if (!queue_check_exclusive(queue, NULL, &refusal)) {
        control_fail(call, EX_UNAVAILABLE, "%s", refusal.text);
    } else {
        queue_purge(queue);
        control_finish_durably(call);
    }
}

void control_delete_queue(struct control_call *call) {
    struct vhost *vhost = control_vhost(call);
    struct slice name = slice_from_text(control_argument(call, 0));
    struct refusal refusal = {0};
    size_t count;

    if (vhost == NULL)
        return;
    if (vhost_find_queue(vhost, name) == NULL) {
        control_fail(call, EX_USAGE, "Queue not found");
    } else if (vhost_delete_queue(vhost, name, NULL, control_option(call, "if-unused") != NULL,
                                  control_option(call, "if-empty") != NULL, &count, &refusal)) {
        control_message(call, "Queue was successfully deleted with %zu ready messages", count);
        control_finish_durably(call);
    } else {
        control_fail(call, EX_UNAVAILABLE, "%s", refusal.text);
    }
}

/* --- connections --- */

typedef bool is_chosen(const struct control_call *call, const struct connection *connection);

static unsigned close_chosen(struct control_call *call, is_chosen *chosen, const char *reason) {
    unsigned count = 0;

    LIST_FOR_EACH_SAFE(&call->control->broker->connections, at) {
        struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->state != CONNECTION_OPEN || !chosen(call, connection))
            continue;
        connection_force_close(connection, AMQP_CONNECTION_FORCED, reason);
        count++;
    }
    return count;
}

static bool has_name(const struct control_call *call, const struct connection *connection) {
    return strcmp(connection->name, control_argument(call, 0)) == 0;
}

static bool is_of_vhost(const struct control_call *call, const struct connection *connection) {
    return control_option(call, "global") != NULL ||
           (connection->vhost != NULL &&
            slice_equal(connection->vhost->name, slice_from_text(control_vhost_name(call))));
}

static bool is_of_user(const struct control_call *call, const struct connection *connection) {
    return connection->user != NULL &&
           slice_equal(connection->user->name, slice_from_text(control_argument(call, 0)));
}

void control_close_connection(struct control_call *call) {
    if (close_chosen(call, has_name, control_argument(call, 1)) == 0)
        control_fail(call, EX_UNAVAILABLE,
                     "there is no connection %s; list_connections name tells what there is",
                     control_argument(call, 0));
    else
        control_finish(call);
}

void control_close_all_connections(struct control_call *call) {
    control_message(call, "Closed %u connections",
                    close_chosen(call, is_of_vhost, control_argument(call, 0)));
    control_finish(call);
}

void control_close_all_user_connections(struct control_call *call) {
    close_chosen(call, is_of_user, control_argument(call, 1));
    control_finish(call);
}
