/* SPDX-License-Identifier: Apache-2.0 */
/* GET and DELETE of connections. Only open ones are listed, as in RabbitMQ. */
#include "broker/management/connections.h"

#include <stdlib.h>
#include <string.h>

#include "amqp/spec.h"
#include "broker/base/rate.h"
#include "broker/base/tls_peer.h"
#include "broker/entities/broker.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/management_private.h"
#include "broker/entities/table_json.h"
#include "broker/management/message_stats.h"
#include "broker/protocol/connection.h"

/* --- both ends, out of "host:port -> host:port" --- */

struct end {
    struct slice host;
    unsigned long port;
};

static struct end end_of(struct slice text) {
    const char *chars = (const char *)text.data;
    size_t colon = text.len;

    while (colon > 0 && chars[colon - 1] != ':')
        colon--;
    struct slice host = slice_of(chars, colon == 0 ? 0 : colon - 1);
    if (host.len >= 2 && host.data[0] == '[')
        host = slice_of(host.data + 1, host.len - 2);
    return (struct end){host, strtoul(chars + colon, NULL, 10)};
}

static struct end peer_end(const struct connection *connection) {
    const char *arrow = strstr(connection->name, " -> ");
    return end_of(arrow == NULL ? slice_from_text(connection->name)
                                : slice_of(connection->name, (size_t)(arrow - connection->name)));
}

static struct end local_end(const struct connection *connection) {
    const char *arrow = strstr(connection->name, " -> ");
    return end_of(slice_from_text(arrow == NULL ? "" : arrow + 4));
}

void connection_write_peer(struct json_out *out, const struct connection *connection) {
    const struct end peer = peer_end(connection);

    json_out_put_text(out, "peer_host", peer.host);
    json_out_put_unsigned(out, "peer_port", peer.port);
}

/* --- fields --- */

static void write_name(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_string(out, ((const struct connection *)object)->name);
}

static void write_user(struct json_out *out, const void *object, struct management *management) {
    const struct connection *connection = object;

    (void)management;
    json_out_text(out, connection->user == NULL ? SLICE("") : connection->user->name);
}

static void write_vhost(struct json_out *out, const void *object, struct management *management) {
    const struct connection *connection = object;

    (void)management;
    json_out_text(out, connection->vhost == NULL ? SLICE("") : connection->vhost->name);
}

static void write_host(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_text(out, local_end(object).host);
}

static void write_port(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_unsigned(out, local_end(object).port);
}

static void write_peer_host(struct json_out *out, const void *object,
                            struct management *management) {
    (void)management;
    json_out_text(out, peer_end(object).host);
}

static void write_peer_port(struct json_out *out, const void *object,
                            struct management *management) {
    (void)management;
    json_out_unsigned(out, peer_end(object).port);
}

static void write_protocol(struct json_out *out, const void *object,
                           struct management *management) {
    (void)object;
    (void)management;
    json_out_string(out, "AMQP 0-9-1");
}

static void write_type(struct json_out *out, const void *object, struct management *management) {
    (void)object;
    (void)management;
    json_out_string(out, "network");
}

/* RabbitMQ's words, in its order of importance. */
static void write_state(struct json_out *out, const void *object, struct management *management) {
    const struct connection *connection = object;

    (void)management;
    json_out_string(out, connection->blocked                       ? "blocked"
                         : connection->endpoint.input_paused       ? "flow"
                         : connection->state == CONNECTION_CLOSING ? "closing"
                                                                   : "running");
}

static void write_ssl(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_bool(out, ((const struct connection *)object)->tls != NULL);
}

static void write_tls_text(struct json_out *out, const char *text) {
    if (text == NULL)
        json_out_null(out);
    else
        json_out_string(out, text);
}

#define TLS_FIELD(MEMBER)                                                              \
    static void write_tls_##MEMBER(struct json_out *out, const void *object,           \
                                   struct management *management) {                    \
        const struct connection *connection = object;                                  \
        (void)management;                                                              \
        write_tls_text(out, connection->tls == NULL ? NULL : connection->tls->MEMBER); \
    }
TLS_FIELD(protocol)
TLS_FIELD(key_exchange)
TLS_FIELD(cipher)
TLS_FIELD(hash)
TLS_FIELD(subject)
TLS_FIELD(issuer)
TLS_FIELD(validity)

/* What the client calls itself: the property connection_name. */
static bool find_provided_name(const struct connection *connection, struct amqp_value *ret_value) {
    return amqp_table_find(connection->client_properties, SLICE("connection_name"), ret_value) &&
           ret_value->tag == AMQP_TAG_TEXT;
}

static bool has_no_provided_name(const void *object) {
    struct amqp_value value;
    return !find_provided_name(object, &value);
}

static void write_provided_name(struct json_out *out, const void *object,
                                struct management *management) {
    struct amqp_value value;

    (void)management;
    if (find_provided_name(object, &value))
        json_out_text(out, value.bytes);
}

static void write_mechanism(struct json_out *out, const void *object,
                            struct management *management) {
    (void)management;
    json_out_string(out, ((const struct connection *)object)->auth_mechanism);
}

static void write_send_pend(struct json_out *out, const void *object,
                            struct management *management) {
    const struct connection *connection = object;

    (void)management;
    json_out_unsigned(out, outbuf_size(&connection->endpoint.output) > 0);
}

enum { RATE_RECEIVED, RATE_SENT, RATES };

static void write_rate(struct json_out *out, const void *object, size_t index,
                       const struct management *management) {
    struct connection *connection = (struct connection *)(uintptr_t)object;
    const int64_t now_ms = management->broker->env->now_ms;
    const uint64_t counters[RATES] = {[RATE_RECEIVED] = connection->endpoint.received_bytes,
                                      [RATE_SENT] = connection->endpoint.sent_bytes};

    rate_window_update(&connection->rates, counters, RATES, now_ms);
    message_stats_write_rate(out,
                             rate_per_second(connection->rates, index, counters[index], now_ms));
}

static void write_received_rate(struct json_out *out, const void *object,
                                struct management *management) {
    write_rate(out, object, RATE_RECEIVED, management);
}

static void write_sent_rate(struct json_out *out, const void *object,
                            struct management *management) {
    write_rate(out, object, RATE_SENT, management);
}

static const struct api_field fields[] = {
    {"name", .write = write_name},
    {"user", .write = write_user},
    {"vhost", .write = write_vhost},
    {"node", .write = api_write_node},
    {"host", .write = write_host},
    {"port", .write = write_port},
    {"peer_host", .write = write_peer_host},
    {"peer_port", .write = write_peer_port},
    {"protocol", .write = write_protocol},
    {"state", .write = write_state},
    API_MEMBER("channels", API_UINT32, struct connection, channel_count),
    API_MEMBER("channel_max", API_UINT16, struct connection, channel_max),
    API_MEMBER("frame_max", API_UINT32, struct connection, frame_max),
    API_MEMBER("timeout", API_UINT16, struct connection, heartbeat_s),
    {"auth_mechanism", .write = write_mechanism},
    {"ssl", .write = write_ssl},
    {"ssl_protocol", .write = write_tls_protocol},
    {"ssl_key_exchange", .write = write_tls_key_exchange},
    {"ssl_cipher", .write = write_tls_cipher},
    {"ssl_hash", .write = write_tls_hash},
    {"peer_cert_subject", .write = write_tls_subject},
    {"peer_cert_issuer", .write = write_tls_issuer},
    {"peer_cert_validity", .write = write_tls_validity},
    API_MEMBER("client_properties", API_TABLE, struct connection, client_properties),
    API_MEMBER("connected_at", API_UINT64, struct connection, connected_wall_ms),
    {"type", .write = write_type},
    {"user_provided_name", .write = write_provided_name, .is_absent = has_no_provided_name},
    {"user_who_performed_action", .write = write_user},
    API_MEMBER("recv_oct", API_UINT64, struct connection, endpoint.received_bytes),
    {"recv_oct_details", .write = write_received_rate},
    API_MEMBER("recv_cnt", API_UINT64, struct connection, endpoint.received_count),
    API_MEMBER("send_oct", API_UINT64, struct connection, endpoint.sent_bytes),
    {"send_oct_details", .write = write_sent_rate},
    API_MEMBER("send_cnt", API_UINT64, struct connection, endpoint.sent_count),
    {"send_pend", .write = write_send_pend},
    {.name = NULL},
};

/* --- lists --- */

static int compare(const void *a, const void *b) {
    const struct connection *left = a, *right = b;
    return strcmp(left->name, right->name);
}

static bool is_gone(struct management *management, const void *object) {
    LIST_FOR_EACH(&management->broker->connections, at) {
        if (LIST_ITEM(at, struct connection, broker_link) == object)
            return false;
    }
    return true;
}

static uint64_t epoch(struct management *management) {
    return management->broker->counters.connections_ended;
}

const struct api_resource connection_resource = {
    .fields = fields, .compare = compare, .is_gone = is_gone, .epoch = epoch};

bool connection_is_visible(const struct api_request *request, const struct connection *connection) {
    return user_has_tag(request->user, SLICE("administrator")) ||
           user_has_tag(request->user, SLICE("monitoring")) || connection->user == request->user;
}

typedef bool chooser(const struct api_request *request, const struct connection *connection);

static void list_chosen(struct api_request *request, chooser *is_chosen) {
    struct api_items items = {0};

    LIST_FOR_EACH(&request->broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->state == CONNECTION_OPEN && connection_is_visible(request, connection) &&
            is_chosen(request, connection))
            api_items_add(&items, &connection_resource, connection);
    }
    api_reply_list(request, &connection_resource, &items);
}

static bool is_any(const struct api_request *request, const struct connection *connection) {
    (void)request;
    (void)connection;
    return true;
}

static bool is_of_vhost(const struct api_request *request, const struct connection *connection) {
    return connection->vhost == request->vhost;
}

static bool is_of_user(const struct api_request *request, const struct connection *connection) {
    return connection->user != NULL && slice_equal(connection->user->name, request->parts[0]);
}

static void list_all(struct api_request *request) {
    list_chosen(request, is_any);
}

static void list_vhost(struct api_request *request) {
    list_chosen(request, is_of_vhost);
}

static void list_user(struct api_request *request) {
    list_chosen(request, is_of_user);
}

/* --- one connection --- */

/* NULL when the request has been refused. */
static struct connection *find(struct api_request *request) {
    LIST_FOR_EACH(&request->broker->connections, at) {
        struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->state != CONNECTION_OPEN ||
            !slice_equal(slice_from_text(connection->name), request->parts[0]))
            continue;
        if (connection_is_visible(request, connection))
            return connection;
        api_refuse_access(request, "User not authorised to access object");
        return NULL;
    }
    api_refuse_missing(request);
    return NULL;
}

static void show(struct api_request *request) {
    const struct connection *connection = find(request);

    if (connection != NULL)
        api_reply_object(request, &connection_resource, connection);
}

#define REASON_DEFAULT "Closed via management plugin"

static void close_one(const struct api_request *request, struct connection *connection) {
    const char *reason = http_request_header(request->http, "x-reason");

    connection_force_close(connection, AMQP_CONNECTION_FORCED,
                           reason == NULL ? REASON_DEFAULT : reason);
}

static void delete_one(struct api_request *request) {
    struct connection *connection = find(request);

    if (connection == NULL)
        return;
    close_one(request, connection);
    api_reply_deleted(request);
}

static void delete_of_user(struct api_request *request) {
    LIST_FOR_EACH_SAFE(&request->broker->connections, at) {
        struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->state == CONNECTION_OPEN && is_of_user(request, connection) &&
            connection_is_visible(request, connection))
            close_one(request, connection);
    }
    api_reply_deleted(request);
}

const struct api_route connection_routes[] = {
    {"GET", "connections", API_MANAGEMENT, API_NO_BODY, list_all},
    {"GET", "connections/{name}", API_MANAGEMENT, API_NO_BODY, show},
    {"DELETE", "connections/{name}", API_MANAGEMENT, API_NO_BODY, delete_one},
    {"GET", "connections/username/{user}", API_MANAGEMENT, API_NO_BODY, list_user},
    {"DELETE", "connections/username/{user}", API_MANAGEMENT, API_NO_BODY, delete_of_user},
    {"GET", "vhosts/{vhost}/connections", API_VHOST, API_NO_BODY, list_vhost},
    {.pattern = NULL},
};
