/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class connection: the handshake from start to open, the client's close, update-secret.
 *
 * Up to open a client that errs is not spoken to (compat 1.7, connection_doom), with two exceptions
 * that RabbitMQ makes: a refused login, when the client said it understands, and open itself.
 */
#include "broker/protocol/methods_connection.h"

#include <inttypes.h>

#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/auth.h"
#include "broker/protocol/authorize.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/heartbeat.h"
#include "broker/protocol/send.h"
#include "broker/protocol/slow_login.h"

static void put_text(struct amqp_table_builder *builder, const char *name, const char *text) {
    amqp_table_put_text(builder, slice_from_text(name), slice_from_text(text));
}

/* In RabbitMQ's order. */
static const char *const capabilities[] = {
    "publisher_confirms",           "exchange_exchange_bindings", "basic.nack",
    "consumer_cancel_notify",       "connection.blocked",         "consumer_priorities",
    "authentication_failure_close", "per_consumer_qos",           "direct_reply_to",
};

static void put_capabilities(struct amqp_table_builder *builder) {
    amqp_table_begin_table(builder, SLICE("capabilities"));
    for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++)
        amqp_table_put_bool(builder, slice_from_text(capabilities[i]), true);
    amqp_table_end(builder);
}

/* Sorted by key, as RabbitMQ sends them. */
static void put_server_properties(struct amqp_table_builder *builder,
                                  const struct broker_settings *settings) {
    put_capabilities(builder);
    put_text(builder, "cluster_name", settings->cluster_name);
    put_text(builder, "copyright", "Copyright (c) 2026 the Leveret authors");
    put_text(builder, "information", "Licensed under the Apache License 2.0");
    put_text(builder, "leveret_version", LEVERET_VERSION);
    put_text(builder, "platform", LEVERET_PLATFORM);
    put_text(builder, "product", settings->product);
    put_text(builder, "version", settings->product_version);
}

void send_connection_start(struct connection *connection) {
    struct broker *broker = connection->broker;
    const struct auth_peer peer = connection_auth_peer(connection);
    struct text mechanisms = {0};
    struct amqp_table_builder properties;
    struct amqp_method method = {
        .id = AMQP_CONNECTION_START,
        .connection_start = {.version_major = 0, .version_minor = 9, .locales = SLICE("en_US")}};

    amqp_table_builder_init(&properties);
    put_server_properties(&properties, &broker->settings);
    auth_append_mechanisms(broker, &peer, &mechanisms);
    method.connection_start.server_properties = amqp_table_builder_finish(&properties);
    method.connection_start.mechanisms = text_slice(&mechanisms);
    send_method(connection, 0, &method);
    amqp_table_builder_clear(&properties);
    text_clear(&mechanisms);
}

/* Only the exact boolean true counts. */
static bool has_capability(struct slice table, struct slice name) {
    struct amqp_value value;

    return amqp_table_find(table, name, &value) && value.tag == AMQP_TAG_BOOL && value.boolean;
}

static void read_capabilities(struct connection *connection, struct slice client_properties) {
    struct amqp_value value;

    if (!amqp_table_find(client_properties, SLICE("capabilities"), &value) ||
        value.tag != AMQP_TAG_TABLE)
        return;
    connection->authentication_failure_close =
        has_capability(value.bytes, SLICE("authentication_failure_close"));
    connection->consumer_cancel_notify =
        has_capability(value.bytes, SLICE("consumer_cancel_notify"));
    connection->connection_blocked = has_capability(value.bytes, SLICE("connection.blocked"));
}

/* False when memory is out: the peer chose the size, within the initial frame-max. */
static bool keep_client_properties(struct connection *connection, struct slice table) {
    uint8_t *copy = try_malloc(table.len + 1);

    if (copy == NULL)
        return false;
    if (table.len > 0)
        memcpy(copy, table.data, table.len);
    connection->client_properties = slice_of(copy, table.len);
    return true;
}

/*
 * Whatever the reason, the text is the same: who does not know a password learns nothing more. The
 * close blames no method.
 */
static void refuse_login(struct connection *connection, const struct auth_mechanism *mechanism) {
    connection->broker->counters.logins_refused++;
    if (!connection->authentication_failure_close) {
        connection_doom(connection, "login was refused");
        return;
    }
    connection->current_method = AMQP_METHOD_UNKNOWN;
    connection_fail(connection, AMQP_ACCESS_REFUSED,
                    "Login was refused using authentication mechanism %s. "
                    "For details see the broker logfile.",
                    mechanism->name);
}

static void send_tune(struct connection *connection) {
    const struct broker_settings *settings = &connection->broker->settings;

    send_method(connection, 0,
                &(struct amqp_method){.id = AMQP_CONNECTION_TUNE,
                                      .connection_tune = {.channel_max = settings->channel_max,
                                                          .frame_max = settings->frame_max,
                                                          .heartbeat = settings->heartbeat_s}});
}

void finish_login(struct connection *connection, const struct auth_mechanism *mechanism,
                  enum auth_result result, struct user *user) {
    switch (result) {
    case AUTH_OK:
        connection->broker->counters.logins_accepted++;
        connection->user = user;
        connection_set_state(connection, CONNECTION_AWAIT_TUNE_OK);
        send_tune(connection);
        return;
    case AUTH_MALFORMED:
        connection_doom(connection, "authentication response does not parse");
        return;
    default:
        refuse_login(connection, mechanism);
        return;
    }
}

void handle_connection_start_ok(struct connection *connection, const struct amqp_method *method) {
    const struct amqp_connection_start_ok *start_ok = &method->connection_start_ok;
    const struct auth_peer peer = connection_auth_peer(connection);
    const struct auth_mechanism *mechanism =
        auth_mechanism_find(connection->broker, &peer, start_ok->mechanism);

    connection->endpoint.input_is_secret = true;
    if (mechanism == NULL) {
        connection_doom(connection, "unknown authentication mechanism");
        return;
    }
    connection->auth_mechanism = mechanism->name;
    if (!keep_client_properties(connection, start_ok->client_properties)) {
        connection_doom(connection, "no memory for client properties");
        return;
    }
    read_capabilities(connection, connection->client_properties);
    struct user *user = NULL;
    struct credentials credentials;
    enum auth_result result =
        auth_login(connection->broker, mechanism, start_ok->response, &peer, &user, &credentials);
    if (result == AUTH_SLOW)
        slow_login_start(connection, mechanism, &credentials);
    else
        finish_login(connection, mechanism, result, user);
}

/*
 * RabbitMQ's rule for what a client answers to tune: not below the minimum, not above what was
 * offered, and 0, which means no limit, is above every limit. False with the reason in `reason`.
 */
static bool check_negotiated(const char *field, uint32_t minimum, uint32_t offered, uint32_t answer,
                             struct text *reason) {
    if (answer != 0 && answer < minimum) {
        text_append_format(reason,
                           "negotiated %s = %u is lower than the minimum allowed value (%u)", field,
                           answer, minimum);
        return false;
    }
    if (offered != 0 && (answer == 0 || answer > offered)) {
        text_append_format(reason,
                           "negotiated %s = %u%s is higher than the maximum allowed value (%u)",
                           field, answer, answer == 0 ? " (no limit)" : "", offered);
        return false;
    }
    return true;
}

static bool check_tune_ok(const struct broker_settings *settings,
                          const struct amqp_connection_tune_ok *tune_ok, struct text *reason) {
    return check_negotiated("frame_max", settings->frame_max_minimum, settings->frame_max,
                            tune_ok->frame_max, reason) &&
           check_negotiated("channel_max", 1, settings->channel_max, tune_ok->channel_max, reason);
}

void handle_connection_tune_ok(struct connection *connection, const struct amqp_method *method) {
    const struct amqp_connection_tune_ok *tune_ok = &method->connection_tune_ok;
    struct text reason = {0};

    if (check_tune_ok(&connection->broker->settings, tune_ok, &reason)) {
        connection->frame_max = tune_ok->frame_max == 0 ? UINT32_MAX : tune_ok->frame_max;
        connection->channel_max = tune_ok->channel_max;
        connection->heartbeat_s = tune_ok->heartbeat;
        connection_set_state(connection, CONNECTION_AWAIT_OPEN);
        heartbeat_start(connection);
    } else {
        connection_doom(connection, text_chars(&reason));
    }
    text_clear(&reason);
}

static void open_connection(struct connection *connection, struct vhost *vhost) {
    connection->vhost = vhost;
    connection_set_state(connection, CONNECTION_OPEN);
    log_write_about(&connection->broker->env->log, LOG_CATEGORY_CONNECTION, LOG_INFO,
                    "connection %s: user '" SLICE_FMT
                    "' authenticated and granted access to vhost '" SLICE_FMT "'",
                    connection->name, SLICE_ARG(connection->user->name), SLICE_ARG(vhost->name));
    send_method(connection, 0, &(struct amqp_method){.id = AMQP_CONNECTION_OPEN_OK});
}

/* RabbitMQ's: negative is no limit, 0 is none. */
static bool is_reached(int64_t limit, uint32_t count) {
    return limit >= 0 && count >= limit;
}

/* Compat 1.6, in that order; false when the connection was failed. */
static bool check_connection_limits(struct connection *connection, const struct vhost *vhost) {
    const struct user *user = connection->user;

    if (is_reached(vhost->limits.max_connections, vhost->connection_count)) {
        limit_reached(connection->broker, LIMIT_VHOST_CONNECTIONS);
        connection_fail(connection, AMQP_NOT_ALLOWED,
                        "access to vhost '" SLICE_FMT "' refused for user '" SLICE_FMT
                        "': connection limit (%" PRId64 ") is reached",
                        SLICE_ARG(vhost->name), SLICE_ARG(user->name),
                        vhost->limits.max_connections);
        return false;
    }
    if (is_reached(user->limits.max_connections, user->connection_count)) {
        limit_reached(connection->broker, LIMIT_USER_CONNECTIONS);
        connection_fail(connection, AMQP_NOT_ALLOWED,
                        "connection refused for user '" SLICE_FMT
                        "': user connection limit (%" PRId64 ") is reached",
                        SLICE_ARG(user->name), user->limits.max_connections);
        return false;
    }
    return true;
}

void handle_connection_open(struct connection *connection, const struct amqp_method *method) {
    struct broker *broker = connection->broker;
    struct slice vhost_name = method->connection_open.virtual_host;
    struct vhost *vhost = broker_find_vhost(broker, vhost_name);
    uint32_t limit = broker->settings.connection_max;

    if (limit != 0 && broker->connection_count >= limit) {
        limit_reached(broker, LIMIT_NODE_CONNECTIONS);
        connection_fail(connection, AMQP_NOT_ALLOWED,
                        "connection refused: node connection limit (%u) is reached", limit);
    } else if (vhost == NULL) {
        connection_fail(connection, AMQP_NOT_ALLOWED, "vhost " SLICE_FMT " not found",
                        SLICE_ARG(vhost_name));
    } else if (!check_connection_limits(connection, vhost)) {
        return;
    } else if (!permission_may_enter(connection->user, vhost)) {
        connection_fail(connection, AMQP_NOT_ALLOWED,
                        "access to vhost '" SLICE_FMT "' refused for user '" SLICE_FMT "'",
                        SLICE_ARG(vhost_name), SLICE_ARG(connection->user->name));
    } else {
        open_connection(connection, vhost);
    }
}

/*
 * A close that crosses ours is answered too, but it is our own close-ok that ends the connection, as
 * in RabbitMQ.
 */
void handle_connection_close(struct connection *connection, const struct amqp_method *method) {
    (void)method;
    if (connection->state == CONNECTION_OPEN) {
        /* Exclusive queues are gone before the client hears that it is closed. */
        connection_release_entities(connection);
        connection_set_state(connection, CONNECTION_CLOSE_OK_SENT);
        connection_set_deadline(connection, connection_close_wait_ms(connection));
    }
    send_method(connection, 0, &(struct amqp_method){.id = AMQP_CONNECTION_CLOSE_OK});
}

void handle_connection_close_ok(struct connection *connection, const struct amqp_method *method) {
    (void)method;
    connection_end(connection, false);
}

/*
 * No backend of ours has secrets that expire, so there is nothing to renew and nothing to refuse. But
 * whoever renews a secret wants to know what it is still good for: consumers are looked at again.
 */
void handle_connection_update_secret(struct connection *connection,
                                     const struct amqp_method *method) {
    struct channel *channel, *next;

    (void)method;
    HASH_ITER(by_number, connection->channels, channel, next) {
        authorize_consumers_again(channel);
    }
    send_method(connection, 0, &(struct amqp_method){.id = AMQP_CONNECTION_UPDATE_SECRET_OK});
}
