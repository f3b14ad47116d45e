/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker is, uses and listens on. The titles are those of RabbitMQ's tools. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "broker/base/plugins.h"
#include "broker/base/text.h"
#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "broker/management/control_documents.h"
#include "broker/management/control_handlers.h"
#include "broker/management/node.h"

#define GIGABYTE         1073741824.0
#define FLAG_COLUMNS_MAX 6

/* --- listeners --- */

/* Of one listener, after `prefix`: "Node: ..." or "". */
static json_t *listener_line(const struct node_listener *listener, const char *prefix) {
    json_t *interface = control_interface_of(listener);
    json_t *line =
        json_sprintf("%s%snterface: %s, port: %u, protocol: %s, purpose: %s", prefix,
                     prefix[0] == '\0' ? "I" : ", i", json_string_value(interface), listener->port,
                     listener->protocol, control_purpose_of(listener->protocol));
    json_decref(interface);
    return line;
}

static json_t *listener_lines(const struct node_figures *figures, const char *prefix) {
    json_t *lines = json_array();

    for (size_t i = 0; i < figures->listener_count; i++)
        json_array_append_new(lines, listener_line(&figures->listeners[i], prefix));
    return lines;
}

static void say_listeners(struct control_call *call, const char *prefix) {
    const struct node_figures figures = node_figures_read(call->control->management);
    json_t *lines = listener_lines(&figures, prefix), *line;
    size_t i;

    json_array_foreach(lines, i, line) control_text(call, "%s", json_string_value(line));
    json_decref(lines);
}

void control_listeners(struct control_call *call) {
    static const char *const columns[] = {"interface", "port", "protocol", "purpose", NULL};
    const struct node_figures figures = node_figures_read(call->control->management);

    control_instead(call, control_listeners_document(call), listener_lines(&figures, ""));
    control_columns(call, columns);
    for (size_t i = 0; i < figures.listener_count; i++) {
        const struct node_listener *listener = &figures.listeners[i];
        control_row(call, json_pack("[oiss]", control_interface_of(listener), (int)listener->port,
                                    listener->protocol, control_purpose_of(listener->protocol)));
    }
    control_finish(call);
}

/* --- status --- */

static void say_title(struct control_call *call, const char *title) {
    control_text(call, "%s", "");
    control_text(call, "%s", title);
    control_text(call, "%s", "");
}

static void say_runtime(struct control_call *call, const struct node_figures *figures) {
    control_text(call, "Runtime");
    control_text(call, "%s", "");
    control_text(call, "OS PID: %d", figures->process_id);
    control_text(call, "OS: Linux");
    control_text(call, "Uptime (seconds): %lld", (long long)(figures->uptime_ms / 1000));
    control_text(call, "Is under maintenance?: %s", call->control->is_drained ? "true" : "false");
    control_text(call, "RabbitMQ version: %s", call->control->broker->settings.product_version);
    control_text(call, "Leveret version: %s", LEVERET_VERSION);
    control_text(call, "Node name: %s", call->control->node_name);
}

static void say_plugins(struct control_call *call) {
    say_title(call, "Plugins");
    control_text(call, "Enabled plugins:");
    control_text(call, "%s", "");
    for (size_t i = 0; builtin_plugins[i] != NULL; i++)
        control_text(call, " * %s", builtin_plugins[i]);
}

static void say_alarms(struct control_call *call) {
    json_t *sentences = control_alarm_sentences(call), *sentence;
    size_t i;

    say_title(call, "Alarms");
    json_array_foreach(sentences, i, sentence)
        control_text(call, "%s", json_string_value(sentence));
    if (json_array_size(sentences) == 0)
        control_text(call, "(none)");
    json_decref(sentences);
}

static void say_resources(struct control_call *call, const struct node_figures *figures) {
    const struct resources *resources = &call->control->broker->resources;

    say_title(call, "Memory");
    control_text(call, "Total memory used: %.4f gb", (double)resources->memory_used / GIGABYTE);
    control_text(call, "Calculation strategy: rss");
    control_text(call, "Memory high watermark setting: computed to: %.4f gb",
                 (double)resources->memory_limit / GIGABYTE);
    say_title(call, "File Descriptors");
    control_text(call, "Total: %llu, limit: %llu", (unsigned long long)figures->descriptors_used,
                 (unsigned long long)figures->descriptors_max);
    control_text(call, "Sockets: %llu, limit: %llu", (unsigned long long)figures->sockets_used,
                 (unsigned long long)figures->descriptors_max);
    say_title(call, "Free Disk Space");
    control_text(call, "Low free disk space watermark: %.4f gb",
                 (double)resources->disk_limit / GIGABYTE);
    control_text(call, "Free disk space: %.4f gb", (double)resources->disk_free / GIGABYTE);
}

static void say_totals(struct control_call *call) {
    const struct broker *broker = call->control->broker;
    size_t queues = 0, vhosts = 0;

    for (const struct vhost *vhost = broker->vhosts; vhost != NULL; vhost = vhost->by_name.next) {
        queues += MAP_COUNT(vhost->queues, by_name);
        vhosts++;
    }
    say_title(call, "Totals");
    control_text(call, "Connection count: %u", broker->connection_count);
    control_text(call, "Queue count: %zu", queues);
    control_text(call, "Virtual host count: %zu", vhosts);
}

void control_status(struct control_call *call) {
    const struct node_figures figures = node_figures_read(call->control->management);

    control_instead(call, control_status_document(call), NULL);
    say_runtime(call, &figures);
    say_plugins(call);
    say_title(call, "Data directory");
    control_text(call, "Node data directory: %s", figures.data_directory);
    say_alarms(call);
    say_resources(call, &figures);
    say_totals(call);
    say_title(call, "Listeners");
    say_listeners(call, "");
    control_finish(call);
}

/* --- the cluster, of one node --- */

static void say_flags(struct control_call *call) {
    const struct feature_flag *flag;

    say_title(call, "Feature flags");
    for (size_t i = 0; (flag = feature_flag_at(i)) != NULL; i++)
        control_text(call, "Flag: %s, state: enabled", flag->name);
}

void control_cluster_status(struct control_call *call) {
    const struct broker *broker = call->control->broker;
    const char *node = call->control->node_name;
    struct text prefix = {0};

    control_instead(call, control_cluster_document(call), NULL);
    control_text(call, "Basics");
    control_text(call, "%s", "");
    control_text(call, "Cluster name: %s",
                 broker->cluster_name != NULL ? broker->cluster_name
                                              : broker->settings.cluster_name);
    say_title(call, "Disk Nodes");
    control_text(call, "%s", node);
    say_title(call, "Running Nodes");
    control_text(call, "%s", node);
    say_title(call, "Versions");
    control_text(call, "%s: RabbitMQ %s", node, broker->settings.product_version);
    say_title(call, "Maintenance status");
    control_text(call, "Node: %s, status: %s", node,
                 call->control->is_drained ? "undergoing maintenance" : "not under maintenance");
    say_alarms(call);
    say_title(call, "Network Partitions");
    control_text(call, "(none)");
    say_title(call, "Listeners");
    text_append_format(&prefix, "Node: %s", node);
    say_listeners(call, text_chars(&prefix));
    say_flags(call);
    control_finish(call);
    text_clear(&prefix);
}

/* NULL: there is no such column. */
static const char *flag_member(const struct feature_flag *flag, const char *column) {
    const struct {
        const char *column;
        const char *value;
    } members[] = {{"name", flag->name},        {"state", "enabled"},
                   {"stability", "required"},   {"provided_by", "rabbit"},
                   {"desc", flag->description}, {"doc_url", ""}};

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (strcmp(members[i].column, column) == 0)
            return members[i].value;
    }
    return NULL;
}

static void say_flag(struct control_call *call, const struct feature_flag *flag,
                     const char *const *columns) {
    json_t *row = json_array();

    for (; *columns != NULL; columns++)
        json_array_append_new(row, json_string(flag_member(flag, *columns)));
    control_row(call, row);
}

void control_list_feature_flags(struct control_call *call) {
    const char *columns[FLAG_COLUMNS_MAX + 1] = {"name", "state"};
    const struct feature_flag *flag;

    for (size_t i = 0; control_argument(call, i) != NULL; i++) {
        const char *name = control_argument(call, i);
        if (i == FLAG_COLUMNS_MAX || flag_member(feature_flag_at(0), name) == NULL) {
            control_fail(call, EX_USAGE, "Info key(s) %s are not supported", name);
            return;
        }
        columns[i] = name;
        columns[i + 1] = NULL;
    }
    control_columns(call, columns);
    for (size_t i = 0; (flag = feature_flag_at(i)) != NULL; i++)
        say_flag(call, flag, columns);
    control_finish(call);
}

void control_enable_feature_flag(struct control_call *call) {
    const char *name = control_argument(call, 0);
    const struct feature_flag *flag;
    bool is_known = strcmp(name, "all") == 0;

    for (size_t i = 0; (flag = feature_flag_at(i)) != NULL; i++)
        is_known |= strcmp(flag->name, name) == 0;
    if (is_known)
        control_finish(call);
    else
        control_fail(call, EX_USAGE, "This feature flag is not supported by node %s",
                     call->control->node_name);
}

void control_server_version(struct control_call *call) {
    control_value(call, "%s", call->control->broker->settings.product_version);
    control_finish(call);
}

/* --- memory --- */

static const struct {
    const char *name;
    double octets;
} memory_units[] = {{"gb", 1e9}, {"mb", 1e6}, {"kb", 1e3}, {"bytes", 1}};

static void say_memory(struct control_call *call, const char *what, uint64_t octets, size_t unit) {
    const double used = (double)call->control->broker->resources.memory_used;

    control_text(call, "%s: %.4f %s (%.2f%%)", what, (double)octets / memory_units[unit].octets,
                 memory_units[unit].name, used > 0 ? 100 * (double)octets / used : 0);
}

/* The names are RabbitMQ's, as in the HTTP API: messages are what its queue processes hold. */
void control_memory_breakdown(struct control_call *call) {
    const struct broker *broker = call->control->broker;
    const char *name = control_option(call, "unit");
    const uint64_t used = broker->resources.memory_used, messages = broker->messages.bytes;
    size_t unit = 0;

    while (name != NULL && unit < 4 && strcasecmp(memory_units[unit].name, name) != 0)
        unit++;
    if (unit == 4) {
        control_fail(call, EX_USAGE,
                     "unit '%s' is not supported. Please use one of: gb, mb, kb, bytes", name);
        return;
    }
    say_memory(call, "other_proc", used > messages ? used - messages : 0, unit);
    say_memory(call, "queue_procs", messages, unit);
    control_finish(call);
}

void control_list_node_auth_attempt_stats(struct control_call *call) {
    static const char *const columns[] = {"protocol", "auth_attempts", "auth_attempts_failed",
                                          "auth_attempts_succeeded", NULL};
    const struct broker_counters *counters = &call->control->broker->counters;

    control_columns(call, columns);
    control_row(call, json_pack("[sIII]", "amqp091",
                                (json_int_t)(counters->logins_accepted + counters->logins_refused),
                                (json_int_t)counters->logins_refused,
                                (json_int_t)counters->logins_accepted));
    control_finish(call);
}
