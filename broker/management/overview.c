/* SPDX-License-Identifier: Apache-2.0 */
/* GET overview: everything at a glance, exact at this moment. */
#include <string.h>

#include "broker/base/rate.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_login.h"
#include "broker/management/management_private.h"
#include "broker/management/message_stats.h"
#include "broker/management/node.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"

struct node_figures node_figures_read(struct management *management) {
    struct node_figures figures = {0};

    management->hooks.read_figures(management->hooks.context, &figures);
    return figures;
}

/* --- totals --- */

struct totals {
    uint64_t exchanges;
    uint64_t queues;
    uint64_t ready;
    uint64_t unacknowledged;
    uint64_t connections;
    uint64_t channels;
    uint64_t consumers;
};

static void add_vhost(struct totals *totals, const struct vhost *vhost) {
    for (const struct queue *queue = vhost->queues; queue != NULL; queue = queue->by_name.next) {
        totals->queues++;
        totals->ready += queue_ready_count(queue);
        totals->unacknowledged += queue->unacked_count;
        totals->consumers += queue->consumer_count;
    }
    for (const struct exchange *at = vhost->exchanges; at != NULL; at = at->by_name.next)
        totals->exchanges += at != vhost->default_exchange;
    totals->exchanges++; /* the default one, whether it is in the map or not */
}

static struct totals sum_visible(const struct api_request *request) {
    struct totals totals = {0};

    for (const struct vhost *vhost = request->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next) {
        if (!api_may_see_vhost(request->user, vhost))
            continue;
        add_vhost(&totals, vhost);
        totals.connections += vhost->connection_count;
    }
    LIST_FOR_EACH(&request->broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->vhost != NULL && api_may_see_vhost(request->user, connection->vhost))
            totals.channels += connection->channel_count;
    }
    return totals;
}

static void write_object_totals(struct json_out *out, const struct totals *totals) {
    json_out_key(out, "object_totals");
    json_out_begin_object(out);
    json_out_put_unsigned(out, "channels", totals->channels);
    json_out_put_unsigned(out, "connections", totals->connections);
    json_out_put_unsigned(out, "consumers", totals->consumers);
    json_out_put_unsigned(out, "exchanges", totals->exchanges);
    json_out_put_unsigned(out, "queues", totals->queues);
    json_out_end_object(out);
}

static void write_queue_totals(struct json_out *out, const struct totals *totals) {
    json_out_key(out, "queue_totals");
    json_out_begin_object(out);
    message_stats_write_count(out, "messages", totals->ready + totals->unacknowledged, 0);
    message_stats_write_count(out, "messages_ready", totals->ready, 0);
    message_stats_write_count(out, "messages_unacknowledged", totals->unacknowledged, 0);
    json_out_end_object(out);
}

/* --- what came and went --- */

static void write_churn(struct json_out *out, struct management *management) {
    static const char *const names[] = {
        "channel_closed", "channel_created", "connection_closed", "connection_created",
        "queue_created",  "queue_declared",  "queue_deleted"};
    const struct broker_counters *counters = &management->broker->counters;
    const uint64_t values[] = {counters->channels_closed,    counters->channels_opened,
                               counters->connections_closed, counters->connections_opened,
                               counters->queues_created,     counters->queues_declared,
                               counters->queues_deleted};
    const size_t count = sizeof values / sizeof values[0];
    const int64_t now_ms = management->broker->env->now_ms;

    rate_window_update(&management->churn_rates, values, count, now_ms);
    json_out_key(out, "churn_rates");
    json_out_begin_object(out);
    for (size_t i = 0; i < count; i++)
        message_stats_write_count(out, names[i], values[i],
                                  rate_per_second(management->churn_rates, i, values[i], now_ms));
    json_out_end_object(out);
}

static void write_message_stats(struct json_out *out, struct management *management) {
    struct message_counters sum;

    message_stats_of_channels(management->broker, &sum);
    json_out_key(out, "message_stats");
    message_stats_write(out, &sum, &management->rates, management->broker->env->now_ms);
}

/* --- names --- */

static void write_exchange_types(struct json_out *out) {
    json_out_key(out, "exchange_types");
    json_out_begin_array(out);
    for (size_t i = 0; exchange_type_at(i) != NULL; i++) {
        json_out_begin_object(out);
        json_out_put_string(out, "name", exchange_type_at(i)->name);
        json_out_put_string(out, "description", exchange_type_at(i)->description);
        json_out_put_bool(out, "enabled", true);
        json_out_end_object(out);
    }
    json_out_end_array(out);
}

/* Names and versions as RabbitMQ has them; there is no Erlang, tools want to read one nevertheless. */
static void write_names(struct json_out *out, struct management *management) {
    const struct broker_settings *settings = &management->broker->settings;

    json_out_put_string(out, "management_version", settings->product_version);
    json_out_put_string(out, "rates_mode", "basic");
    json_out_put_string(out, "product_name", settings->product);
    json_out_put_string(out, "product_version", settings->product_version);
    json_out_put_string(out, "rabbitmq_version", settings->product_version);
    json_out_put_string(out, "leveret_version", LEVERET_VERSION);
    json_out_put_string(out, "cluster_name", settings->cluster_name);
    json_out_put_string(out, "erlang_version", "");
    json_out_put_string(out, "erlang_full_version", "");
    json_out_put_string(out, "node", management->settings.node_name);
    json_out_put_integer(out, "statistics_db_event_queue", 0);
    json_out_put_bool(out, "disable_stats", false);
    json_out_put_bool(out, "enable_queue_totals", false);
    json_out_put_bool(out, "is_op_policy_updating_enabled", true);
}

/* [{node, protocol, ip_address, port, socket_opts}]: the overview's and nobody else's form of listeners. */
static void write_listeners(struct json_out *out, struct management *management,
                            const struct node_figures *figures) {
    json_out_begin_array(out);
    for (size_t i = 0; i < figures->listener_count; i++) {
        const struct node_listener *listener = &figures->listeners[i];
        json_out_begin_object(out);
        json_out_put_string(out, "node", management->settings.node_name);
        json_out_put_string(out, "protocol", listener->protocol);
        json_out_put_string(out, "ip_address", listener->address);
        json_out_put_unsigned(out, "port", listener->port);
        json_out_key(out, "socket_opts");
        json_out_begin_object(out);
        json_out_end_object(out);
        json_out_end_object(out);
    }
    json_out_end_array(out);
}

static bool serves_http(const struct node_listener *listener) {
    return strncmp(listener->protocol, "http", 4) == 0;
}

static void write_contexts(struct json_out *out, struct management *management,
                           const struct node_figures *figures) {
    json_out_key(out, "contexts");
    json_out_begin_array(out);
    for (size_t i = 0; i < figures->listener_count; i++) {
        const struct node_listener *listener = &figures->listeners[i];
        if (!serves_http(listener))
            continue;
        const bool is_metrics = strstr(listener->protocol, "/prometheus") != NULL;
        json_out_begin_object(out);
        json_out_put_string(out, "description",
                            is_metrics ? "RabbitMQ Prometheus" : "RabbitMQ Management");
        json_out_put_string(out, "path", is_metrics ? "/metrics" : "/");
        json_out_put_string(out, "node", management->settings.node_name);
        json_out_put_unsigned(out, "port", listener->port);
        json_out_end_object(out);
    }
    json_out_end_array(out);
}

static void show(struct api_request *request) {
    struct management *management = request->management;
    const struct node_figures figures = node_figures_read(management);
    const struct totals totals = sum_visible(request);
    struct json_out out = api_json(request);

    json_out_begin_object(&out);
    write_names(&out, management);
    write_exchange_types(&out);
    write_message_stats(&out, management);
    write_churn(&out, management);
    write_queue_totals(&out, &totals);
    write_object_totals(&out, &totals);
    json_out_key(&out, "listeners");
    write_listeners(&out, management, &figures);
    write_contexts(&out, management, &figures);
    json_out_end_object(&out);
}

const struct api_route overview_routes[] = {
    {"GET", "overview", API_MANAGEMENT, API_NO_BODY, show},
    {.pattern = NULL},
};
