/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/forced_close.h"

#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/connection.h"

/* Closing connections of the user forget it too: it is about to be freed. */
void forced_close_user(struct user *user) {
    struct text reason = {0};

    text_append_format(&reason, "user '" SLICE_FMT "' is deleted", SLICE_ARG(user->name));
    LIST_FOR_EACH_SAFE(&user->broker->connections, at) {
        struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->user != user)
            continue;
        connection_force_close(connection, AMQP_CONNECTION_FORCED, text_chars(&reason));
        connection->user = NULL;
    }
    text_clear(&reason);
    user_delete(user);
}

void forced_close_vhost(struct vhost *vhost) {
    struct text reason = {0};

    text_append_format(&reason, "vhost '" SLICE_FMT "' is deleted", SLICE_ARG(vhost->name));
    LIST_FOR_EACH_SAFE(&vhost->broker->connections, at) {
        struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->vhost != vhost)
            continue;
        connection_force_close(connection, AMQP_CONNECTION_FORCED, text_chars(&reason));
        connection->vhost = NULL;
    }
    text_clear(&reason);
    vhost_delete(vhost);
}

/* The parameter takes its name along. */
static void clear_first_parameter(struct broker *broker) {
    struct text name = {0};

    text_append(&name, broker->global_parameters->name);
    global_parameter_clear(broker, text_slice(&name));
    text_clear(&name);
}

void forced_close_everything(struct broker *broker) {
    while (broker->vhosts != NULL)
        forced_close_vhost(broker->vhosts);
    while (broker->users != NULL)
        forced_close_user(broker->users);
    while (broker->global_parameters != NULL)
        clear_first_parameter(broker);
}
