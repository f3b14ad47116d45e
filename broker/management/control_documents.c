/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/management/control_documents.h"

#include <string.h>

#include "broker/base/map.h"
#include "broker/base/plugins.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "broker/management/node.h"

static json_t *number(uint64_t value) {
    return json_integer((json_int_t)value);
}

/* --- listeners --- */

static const struct {
    const char *protocol;
    const char *purpose;
} purposes[] = {
    {"amqp", "AMQP 0-9-1"},
    {"amqp/ssl", "AMQP 0-9-1 over TLS"},
    {"http", "HTTP API"},
    {"https", "HTTP API over TLS (HTTPS)"},
    {"http/prometheus", "Prometheus exporter API over HTTP"},
};

const char *control_purpose_of(const char *protocol) {
    for (size_t i = 0; i < sizeof purposes / sizeof purposes[0]; i++) {
        if (strcmp(purposes[i].protocol, protocol) == 0)
            return purposes[i].purpose;
    }
    return "";
}

json_t *control_interface_of(const struct node_listener *listener) {
    bool is_ipv6 = strchr(listener->address, ':') != NULL;
    return json_sprintf(is_ipv6 ? "[%s]" : "%s", listener->address);
}

static json_t *listeners_of(const struct control_call *call, const struct node_figures *figures) {
    json_t *listeners = json_array();

    for (size_t i = 0; i < figures->listener_count; i++) {
        const struct node_listener *listener = &figures->listeners[i];
        json_array_append_new(listeners,
                              json_pack("{sosissssss}", "interface", control_interface_of(listener),
                                        "port", (int)listener->port, "node",
                                        call->control->node_name, "protocol", listener->protocol,
                                        "purpose", control_purpose_of(listener->protocol)));
    }
    return listeners;
}

json_t *control_listeners_document(const struct control_call *call) {
    const struct node_figures figures = node_figures_read(call->control->management);

    return json_pack("{ssssso}", "result", "ok", "node", call->control->node_name, "listeners",
                     listeners_of(call, &figures));
}

/* --- alarms --- */

json_t *control_alarm_sentences(const struct control_call *call) {
    const struct broker *broker = call->control->broker;
    const char *node = call->control->node_name;
    json_t *sentences = json_array();

    if (broker->memory_alarm)
        json_array_append_new(sentences, json_sprintf("Memory alarm on node %s", node));
    if (broker->disk_alarm)
        json_array_append_new(sentences, json_sprintf("Free disk space alarm on node %s", node));
    return sentences;
}

/* The one form when there are none, the other when there are: so RabbitMQ's tools have it. */
json_t *control_alarms_document(const struct control_call *call) {
    const char *node = call->control->node_name;
    json_t *sentences = control_alarm_sentences(call);

    if (json_array_size(sentences) == 0)
        return json_pack("{ssssso}", "result", "ok", "node", node, "alarms", sentences);
    return json_pack("{sssosos[]}", "result", "ok", "message",
                     json_sprintf("Node %s reported alarms", node), "local", sentences, "global");
}

static json_t *alarms_of(const struct control_call *call) {
    const struct broker *broker = call->control->broker;
    const struct {
        bool is_set;
        const char *resource;
    } known[] = {{broker->memory_alarm, "memory"}, {broker->disk_alarm, "disk"}};
    json_t *alarms = json_array();

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].is_set)
            json_array_append_new(alarms,
                                  json_pack("{ssssss}", "type", "resource_limit", "resource",
                                            known[i].resource, "node", call->control->node_name));
    }
    return alarms;
}

/* --- status --- */

static json_t *plugins(void) {
    json_t *names = json_array();

    for (size_t i = 0; builtin_plugins[i] != NULL; i++)
        json_array_append_new(names, json_string(builtin_plugins[i]));
    return names;
}

static json_t *memory_of(const struct broker *broker) {
    const uint64_t used = broker->resources.memory_used, messages = broker->messages.bytes;

    return json_pack("{sssosos{so}}", "strategy", "rss", "queue_procs", number(messages),
                     "other_proc", number(used > messages ? used - messages : 0), "total", "rss",
                     number(used));
}

static json_t *descriptors_of(const struct node_figures *figures) {
    return json_pack("{sosososo}", "total_used", number(figures->descriptors_used), "total_limit",
                     number(figures->descriptors_max), "sockets_used",
                     number(figures->sockets_used), "sockets_limit",
                     number(figures->descriptors_max));
}

static json_t *totals_of(const struct broker *broker) {
    size_t queues = 0, vhosts = 0;

    for (const struct vhost *vhost = broker->vhosts; vhost != NULL; vhost = vhost->by_name.next) {
        queues += MAP_COUNT(vhost->queues, by_name);
        vhosts++;
    }
    return json_pack("{sososo}", "connection_count", number(broker->connection_count),
                     "queue_count", number(queues), "virtual_host_count", number(vhosts));
}

static void put_resources(json_t *document, const struct broker *broker) {
    const struct resources *resources = &broker->resources;

    json_object_set_new(document, "memory", memory_of(broker));
    json_object_set_new(document, "vm_memory_calculation_strategy", json_string("rss"));
    json_object_set_new(document, "vm_memory_high_watermark_limit",
                        number(resources->memory_limit));
    json_object_set_new(document, "vm_memory_high_watermark_setting",
                        json_pack("{so}", "absolute", number(resources->memory_limit)));
    json_object_set_new(document, "disk_free", number(resources->disk_free));
    json_object_set_new(document, "disk_free_limit", number(resources->disk_limit));
}

static void put_versions(json_t *document, const struct broker *broker) {
    json_object_set_new(document, "rabbitmq_version",
                        json_string(broker->settings.product_version));
    json_object_set_new(document, "product_name", json_string(broker->settings.product));
    json_object_set_new(document, "product_version", json_string(broker->settings.product_version));
    json_object_set_new(document, "leveret_version", json_string(LEVERET_VERSION));
}

json_t *control_status_document(const struct control_call *call) {
    const struct node_figures figures = node_figures_read(call->control->management);
    json_t *document = json_pack("{sisssIsb}", "pid", figures.process_id, "os", "Linux", "uptime",
                                 (json_int_t)(figures.uptime_ms / 1000), "is_under_maintenance",
                                 call->control->is_drained);

    put_versions(document, call->control->broker);
    json_object_set_new(document, "active_plugins", plugins());
    json_object_set_new(document, "data_directory", json_string(figures.data_directory));
    json_object_set_new(document, "alarms", alarms_of(call));
    put_resources(document, call->control->broker);
    json_object_set_new(document, "file_descriptors", descriptors_of(&figures));
    json_object_set_new(document, "totals", totals_of(call->control->broker));
    json_object_set_new(document, "listeners", listeners_of(call, &figures));
    return document;
}

/* --- the cluster, of one node --- */

static json_t *flags(void) {
    const struct feature_flag *flag;
    json_t *array = json_array();

    for (size_t i = 0; (flag = feature_flag_at(i)) != NULL; i++)
        json_array_append_new(array, json_pack("{ssssssssss}", "name", flag->name, "desc",
                                               flag->description, "state", "enabled", "stability",
                                               "required", "provided_by", "rabbit"));
    return array;
}

json_t *control_cluster_document(const struct control_call *call) {
    const struct node_figures figures = node_figures_read(call->control->management);
    const struct broker *broker = call->control->broker;
    const char *node = call->control->node_name;

    return json_pack(
        "{sss[s]s[]s[s]sos{}s{s{ssss}}s{ss}s{so}so}", "cluster_name",
        broker->cluster_name != NULL ? broker->cluster_name : broker->settings.cluster_name,
        "disk_nodes", node, "ram_nodes", "running_nodes", node, "alarms", alarms_of(call),
        "partitions", "versions", node, "rabbitmq_name", broker->settings.product,
        "rabbitmq_version", broker->settings.product_version, "maintenance_status", node,
        call->control->is_drained ? "undergoing maintenance" : "not under maintenance", "listeners",
        node, listeners_of(call, &figures), "feature_flags", flags());
}
