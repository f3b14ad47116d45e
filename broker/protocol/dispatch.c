/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may say what, when and where. A row per method of amqp/methods.def:
 *
 *   place    CONNECTION: channel 0; NEW_CHANNEL: a number that is not open; CHANNEL: one that is;
 *            NOWHERE: a method that only servers send
 *   states   of the connection, or for place CHANNEL of the channel (the connection is open), in
 *            which the method is handled
 *   permission  who asks whether this user may (authorize.h), before the handler runs; not_needed: a logged
 *            in user may always; when_complete: publish.c asks when the content is there; by_handler: the
 *            login itself, and the vhost that is opened; nobody_may: not for clients. It may not be empty.
 *   handler  none for NOWHERE; channel.open has no channel yet and goes its own way
 *
 * Whatever the table does not allow is answered by RabbitMQ's rules (compat 1.7, 1.9 - 1.11):
 *
 *   before tune-ok               silence, then the end
 *   connection closing           ignored
 *   channel 0                    504 unexpected method in connection state running, or opening
 *   channel that is not open     530 when there are too many, else 504 expected 'channel.open'
 *   channel closing              ignored
 *   open channel                 503 unimplemented method; a second channel.open is 504
 *
 * If you add a method, add its row here, its handler's name in dispatch.h, and what it needs to the matrix
 * of tests/conversation/test_authorization.c, which fails until it is there.
 */
#include "broker/protocol/dispatch.h"

#include <inttypes.h>
#include <stdio.h>

#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/entities/user.h"
#include "broker/protocol/authorize.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/exception.h"

enum place { NOWHERE, CONNECTION, NEW_CHANNEL, CHANNEL };

struct row {
    enum place place;
    unsigned states; /* a bit each */
    connection_handler *on_connection;
    channel_handler *on_channel;
    authorizer *authorize; /* NULL: nothing to ask before the handler */
};

enum {
    NONE = 0,
    AWAIT_START_OK = 1u << CONNECTION_AWAIT_START_OK,
    AWAIT_TUNE_OK = 1u << CONNECTION_AWAIT_TUNE_OK,
    AWAIT_OPEN = 1u << CONNECTION_AWAIT_OPEN,
    RUNNING = 1u << CONNECTION_OPEN,
    ENDING = 1u << CONNECTION_CLOSING,
    OPEN = 1u << CHANNEL_OPEN,
    CLOSING = 1u << CHANNEL_CLOSING,
};

/* clang-format off */
#define DISPATCH_TABLE(ROW)                                                                                           \
    /*  method                     place        states            permission       handler */                         \
    ROW(CONNECTION_START,           NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(CONNECTION_START_OK,        CONNECTION,  AWAIT_START_OK,   by_handler,      handle_connection_start_ok)       \
    ROW(CONNECTION_SECURE,          NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(CONNECTION_SECURE_OK,       NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(CONNECTION_TUNE,            NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(CONNECTION_TUNE_OK,         CONNECTION,  AWAIT_TUNE_OK,    not_needed,      handle_connection_tune_ok)        \
    ROW(CONNECTION_OPEN,            CONNECTION,  AWAIT_OPEN,       by_handler,      handle_connection_open)           \
    ROW(CONNECTION_OPEN_OK,         NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(CONNECTION_CLOSE,           CONNECTION,  RUNNING | ENDING, not_needed,      handle_connection_close)          \
    ROW(CONNECTION_CLOSE_OK,        CONNECTION,  ENDING,           not_needed,      handle_connection_close_ok)       \
    ROW(CONNECTION_BLOCKED,         NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(CONNECTION_UNBLOCKED,       NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(CONNECTION_UPDATE_SECRET,   CONNECTION,  RUNNING,          not_needed,      handle_connection_update_secret)  \
    ROW(CONNECTION_UPDATE_SECRET_OK, NOWHERE,     NONE,             nobody_may,      none)                            \
    ROW(CHANNEL_OPEN,               NEW_CHANNEL, RUNNING,          not_needed,      none)                             \
    ROW(CHANNEL_OPEN_OK,            NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(CHANNEL_FLOW,               CHANNEL,     OPEN,             not_needed,      handle_channel_flow)              \
    ROW(CHANNEL_FLOW_OK,            NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(CHANNEL_CLOSE,              CHANNEL,     OPEN | CLOSING,   not_needed,      handle_channel_close)             \
    ROW(CHANNEL_CLOSE_OK,           CHANNEL,     CLOSING,          not_needed,      handle_channel_close_ok)          \
    ROW(ACCESS_REQUEST,             CHANNEL,     OPEN,             not_needed,      handle_access_request)            \
    ROW(ACCESS_REQUEST_OK,          NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(EXCHANGE_DECLARE,           CHANNEL,     OPEN,             exchange_declare, handle_exchange_declare)         \
    ROW(EXCHANGE_DECLARE_OK,        NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(EXCHANGE_DELETE,            CHANNEL,     OPEN,             exchange_delete, handle_exchange_delete)           \
    ROW(EXCHANGE_DELETE_OK,         NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(EXCHANGE_BIND,              CHANNEL,     OPEN,             exchange_bind,   handle_exchange_bind)             \
    ROW(EXCHANGE_BIND_OK,           NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(EXCHANGE_UNBIND,            CHANNEL,     OPEN,             exchange_unbind, handle_exchange_unbind)           \
    ROW(EXCHANGE_UNBIND_OK,         NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(QUEUE_DECLARE,              CHANNEL,     OPEN,             queue_declare,   handle_queue_declare)             \
    ROW(QUEUE_DECLARE_OK,           NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(QUEUE_BIND,                 CHANNEL,     OPEN,             queue_bind,      handle_queue_bind)                \
    ROW(QUEUE_BIND_OK,              NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(QUEUE_PURGE,                CHANNEL,     OPEN,             queue_purge,     handle_queue_purge)               \
    ROW(QUEUE_PURGE_OK,             NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(QUEUE_DELETE,               CHANNEL,     OPEN,             queue_delete,    handle_queue_delete)              \
    ROW(QUEUE_DELETE_OK,            NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(QUEUE_UNBIND,               CHANNEL,     OPEN,             queue_unbind,    handle_queue_unbind)              \
    ROW(QUEUE_UNBIND_OK,            NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(BASIC_QOS,                  CHANNEL,     OPEN,             not_needed,      handle_basic_qos)                 \
    ROW(BASIC_QOS_OK,               NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(BASIC_CONSUME,              CHANNEL,     OPEN,             basic_consume,   handle_basic_consume)             \
    ROW(BASIC_CONSUME_OK,           NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(BASIC_CANCEL,               CHANNEL,     OPEN,             not_needed,      handle_basic_cancel)              \
    ROW(BASIC_CANCEL_OK,            CHANNEL,     OPEN,             not_needed,      handle_basic_cancel_ok)           \
    ROW(BASIC_PUBLISH,              CHANNEL,     OPEN,             when_complete,   handle_basic_publish)             \
    ROW(BASIC_RETURN,               NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(BASIC_DELIVER,              NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(BASIC_GET,                  CHANNEL,     OPEN,             basic_get,       handle_basic_get)                 \
    ROW(BASIC_GET_OK,               NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(BASIC_GET_EMPTY,            NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(BASIC_ACK,                  CHANNEL,     OPEN,             not_needed,      handle_basic_ack)                 \
    ROW(BASIC_REJECT,               CHANNEL,     OPEN,             not_needed,      handle_basic_reject)              \
    ROW(BASIC_RECOVER_ASYNC,        CHANNEL,     OPEN,             not_needed,      handle_basic_recover_async)       \
    ROW(BASIC_RECOVER,              CHANNEL,     OPEN,             not_needed,      handle_basic_recover)             \
    ROW(BASIC_RECOVER_OK,           NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(BASIC_NACK,                 CHANNEL,     OPEN,             not_needed,      handle_basic_nack)                \
    ROW(CONFIRM_SELECT,             CHANNEL,     OPEN,             not_needed,      handle_confirm_select)            \
    ROW(CONFIRM_SELECT_OK,          NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(TX_SELECT,                  CHANNEL,     OPEN,             not_needed,      handle_tx_select)                 \
    ROW(TX_SELECT_OK,               NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(TX_COMMIT,                  CHANNEL,     OPEN,             not_needed,      handle_tx_commit)                 \
    ROW(TX_COMMIT_OK,               NOWHERE,     NONE,             nobody_may,      none)                             \
    ROW(TX_ROLLBACK,                CHANNEL,     OPEN,             not_needed,      handle_tx_rollback)               \
    ROW(TX_ROLLBACK_OK,             NOWHERE,     NONE,             nobody_may,      none)
/* clang-format on */

#define HANDLER_OF_NOWHERE(handler)
#define HANDLER_OF_NEW_CHANNEL(handler)
#define HANDLER_OF_CONNECTION(handler) .on_connection = handler,
#define HANDLER_OF_CHANNEL(handler)    .on_channel = handler,

/* An empty permission is an undeclared name. */
#define authorize_not_needed    NULL
#define authorize_when_complete NULL
#define authorize_by_handler    NULL
#define authorize_nobody_may    NULL

#define AS_ROW(method, where, when, permission, handler) \
    [AMQP_##method] = {.place = where,                   \
                       .states = when,                   \
                       HANDLER_OF_##where(handler).authorize = authorize_##permission},

static const struct row table[AMQP_METHOD_COUNT] = {DISPATCH_TABLE(AS_ROW)};

/* Two rows for one method are a compiler warning; with as many rows as methods none is missing. */
#define COUNT(method, where, when, permission, handler) +1
_Static_assert(DISPATCH_TABLE(COUNT) == AMQP_METHOD_COUNT - 1, "a row for every method");

#define AS_PERMISSION(method, where, when, permission, handler) [AMQP_##method] = #permission,

static const char *const permissions[AMQP_METHOD_COUNT] = {DISPATCH_TABLE(AS_PERMISSION)};

const char *dispatch_permission(enum amqp_method_id method) {
    return permissions[method];
}

static void refuse_in_handshake(struct connection *connection) {
    char reason[64];

    snprintf(reason, sizeof reason, "unexpected %s during the handshake",
             amqp_method_name(connection->current_method));
    connection_doom(connection, reason);
}

static void refuse_on_connection(struct connection *connection) {
    if (connection->state == CONNECTION_OPEN || connection->state == CONNECTION_AWAIT_OPEN)
        connection_fail(connection, AMQP_CHANNEL_ERROR, "unexpected method in connection state %s",
                        connection->state == CONNECTION_OPEN ? "running" : "opening");
    else if (connection->state < CONNECTION_OPEN)
        refuse_in_handshake(connection);
}

static void dispatch_on_connection(struct connection *connection, const struct row *row,
                                   const struct amqp_method *method) {
    if (row->place == CONNECTION && (row->states & 1u << connection->state) != 0)
        row->on_connection(connection, method);
    else
        refuse_on_connection(connection);
}

/*
 * Compat 1.11: what is limited is how many channels are open, not how they are numbered. The close
 * blames no method. False when the connection was failed.
 */
static bool check_channel_limits(struct connection *connection) {
    struct broker *broker = connection->broker;
    const struct user *user = connection->user;
    uint32_t node_limit = broker->settings.channel_max_per_node;

    if (connection->channel_max != 0 && connection->channel_count >= connection->channel_max) {
        limit_reached(broker, LIMIT_CHANNELS);
        connection->current_method = AMQP_METHOD_UNKNOWN;
        connection_fail(connection, AMQP_NOT_ALLOWED,
                        "number of channels opened (%u) has reached the negotiated channel_max "
                        "(%u)",
                        connection->channel_count, connection->channel_max);
        return false;
    }
    if (user->limits.max_channels >= 0 && user->channel_count >= user->limits.max_channels) {
        limit_reached(broker, LIMIT_USER_CHANNELS);
        connection->current_method = AMQP_METHOD_UNKNOWN;
        connection_fail(connection, AMQP_NOT_ALLOWED,
                        "number of channels opened for user '" SLICE_FMT
                        "' has reached the maximum allowed user limit of %" PRId64,
                        SLICE_ARG(user->name), user->limits.max_channels);
        return false;
    }
    if (node_limit != 0 && broker->channel_count >= node_limit) {
        limit_reached(broker, LIMIT_NODE_CHANNELS);
        connection->current_method = AMQP_METHOD_UNKNOWN;
        connection_fail(connection, AMQP_NOT_ALLOWED,
                        "number of channels opened on node '%s' has reached the maximum allowed "
                        "limit of %u",
                        broker->settings.cluster_name, node_limit);
        return false;
    }
    return true;
}

static void dispatch_on_new_channel(struct connection *connection, uint16_t channel_number,
                                    const struct row *row) {
    if (!check_channel_limits(connection))
        return;
    if (row->place == NEW_CHANNEL)
        handle_channel_open(connection, channel_number);
    else
        connection_fail(connection, AMQP_CHANNEL_ERROR, "expected 'channel.open'");
}

static void dispatch_on_channel(struct channel *channel, const struct row *row,
                                const struct amqp_method *method) {
    if (row->place == CHANNEL && (row->states & 1u << channel->state) != 0) {
        if (row->authorize == NULL || row->authorize(channel, method))
            row->on_channel(channel, method);
    } else if (channel->state == CHANNEL_CLOSING) {
        return;
    } else if (row->place == NEW_CHANNEL) {
        channel_fail(channel, AMQP_CHANNEL_ERROR, "second 'channel.open' seen");
    } else {
        channel_fail(channel, AMQP_COMMAND_INVALID, "unimplemented method");
    }
}

void dispatch_method(struct connection *connection, uint16_t channel_number,
                     struct channel *channel, const struct amqp_method *method) {
    const struct row *row = &table[method->id];

    connection->current_method = method->id;
    if (channel_number == 0)
        dispatch_on_connection(connection, row, method);
    else if (connection->state < CONNECTION_OPEN)
        refuse_in_handshake(connection);
    else if (connection->state > CONNECTION_OPEN)
        return;
    else if (channel == NULL)
        dispatch_on_new_channel(connection, channel_number, row);
    else
        dispatch_on_channel(channel, row, method);
}
