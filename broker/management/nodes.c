/* SPDX-License-Identifier: Apache-2.0 */
/* GET nodes: there is one. */
#include <stdio.h>

#include "broker/base/plugins.h"
#include "broker/entities/broker.h"
#include "broker/entities/global_parameter.h"
#include "broker/management/management_private.h"
#include "broker/management/node.h"

static void write_texts(struct json_out *out, const char *key, const char *const *texts) {
    json_out_key(out, key);
    json_out_begin_array(out);
    for (; *texts != NULL; texts++)
        json_out_string(out, *texts);
    json_out_end_array(out);
}

static void write_memory(struct json_out *out, const struct resources *resources, bool alarm) {
    json_out_put_unsigned(out, "mem_used", resources->memory_used);
    json_out_put_unsigned(out, "mem_limit", resources->memory_limit);
    json_out_put_bool(out, "mem_alarm", alarm);
    json_out_put_string(out, "mem_calculation_strategy", "rss");
}

static void write_disk(struct json_out *out, const struct resources *resources, bool alarm) {
    json_out_put_unsigned(out, "disk_free", resources->disk_free);
    json_out_put_unsigned(out, "disk_free_limit", resources->disk_limit);
    json_out_put_bool(out, "disk_free_alarm", alarm);
}

/* The counts of Erlang's processes: one thread is one process here. */
static void write_process(struct json_out *out, const struct node_figures *figures) {
    char process_id[16];

    snprintf(process_id, sizeof process_id, "%d", figures->process_id);
    json_out_put_string(out, "os_pid", process_id);
    json_out_put_unsigned(out, "fd_used", figures->descriptors_used);
    json_out_put_unsigned(out, "fd_total", figures->descriptors_max);
    json_out_put_unsigned(out, "sockets_used", figures->sockets_used);
    json_out_put_unsigned(out, "sockets_total", figures->descriptors_max);
    json_out_put_unsigned(out, "proc_used", 1);
    json_out_put_unsigned(out, "proc_total", 1048576);
    json_out_put_unsigned(out, "processors", figures->processors);
    json_out_put_unsigned(out, "run_queue", 0);
    json_out_put_integer(out, "uptime", figures->uptime_ms);
}

static void write_node(struct json_out *out, struct management *management) {
    static const char *const none[] = {NULL};
    const struct broker *broker = management->broker;
    const struct node_figures figures = node_figures_read(management);

    json_out_begin_object(out);
    json_out_put_string(out, "name", management->settings.node_name);
    json_out_put_string(out, "type", "disc");
    json_out_put_bool(out, "running", true);
    json_out_put_bool(out, "being_drained", false);
    json_out_put_string(out, "rates_mode", "basic");
    write_process(out, &figures);
    write_memory(out, &broker->resources, broker->memory_alarm);
    write_disk(out, &broker->resources, broker->disk_alarm);
    json_out_put_string(out, "db_dir", figures.data_directory);
    write_texts(out, "partitions", none);
    write_texts(out, "config_files", none);
    write_texts(out, "log_files", none);
    write_texts(out, "enabled_plugins", builtin_plugins);
    write_texts(out, "auth_mechanisms", none);
    write_texts(out, "applications", none);
    json_out_key(out, "cluster_links");
    json_out_begin_array(out);
    json_out_end_array(out);
    json_out_end_object(out);
}

static void list(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    write_node(&out, request->management);
    json_out_end_array(&out);
}

static bool is_this_node(struct api_request *request) {
    if (slice_equal(request->parts[0], slice_from_text(request->management->settings.node_name)))
        return true;
    api_refuse_missing(request);
    return false;
}

static void show(struct api_request *request) {
    struct json_out out = api_json(request);

    if (is_this_node(request))
        write_node(&out, request->management);
}

/* What RabbitMQ breaks down by Erlang's allocators; here it is messages and the rest. */
static void show_memory(struct api_request *request) {
    struct json_out out = api_json(request);
    const uint64_t used = request->broker->resources.memory_used;
    const uint64_t messages = request->broker->messages.bytes;

    if (!is_this_node(request))
        return;
    json_out_begin_object(&out);
    json_out_key(&out, "memory");
    json_out_begin_object(&out);
    json_out_put_unsigned(&out, "queue_procs", messages);
    json_out_put_unsigned(&out, "other_proc", used > messages ? used - messages : 0);
    json_out_key(&out, "total");
    json_out_begin_object(&out);
    json_out_put_unsigned(&out, "rss", used);
    json_out_end_object(&out);
    json_out_put_string(&out, "strategy", "rss");
    json_out_end_object(&out);
    json_out_end_object(&out);
}

/* --- GET auth/attempts: of AMQP, as in the metrics --- */

static void show_attempts(struct api_request *request) {
    const struct broker_counters *counters = &request->broker->counters;
    struct json_out out = api_json(request);

    if (!is_this_node(request))
        return;
    json_out_begin_array(&out);
    json_out_begin_object(&out);
    json_out_put_string(&out, "protocol", "amqp091");
    json_out_put_unsigned(&out, "auth_attempts",
                          counters->logins_accepted + counters->logins_refused);
    json_out_put_unsigned(&out, "auth_attempts_failed", counters->logins_refused);
    json_out_put_unsigned(&out, "auth_attempts_succeeded", counters->logins_accepted);
    json_out_end_object(&out);
    json_out_end_array(&out);
}

/* Nobody keeps where they came from, as RabbitMQ does not unless it is told to. */
static void show_attempt_sources(struct api_request *request) {
    struct json_out out = api_json(request);

    if (!is_this_node(request))
        return;
    json_out_begin_array(&out);
    json_out_end_array(&out);
}

static void show_cluster_name(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_object(&out);
    json_out_put_string(&out, "name", request->broker->settings.cluster_name);
    json_out_end_object(&out);
}

static void put_cluster_name(struct api_request *request) {
    struct slice name;
    struct refusal refusal = {0};

    if (!api_body_text(request, "name", true, &name))
        return;
    if (broker_set_cluster_name(request->broker, name, &refusal))
        api_reply_deleted(request);
    else
        api_refuse_as_amqp(request, &refusal);
}

static void show_extensions(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    json_out_end_array(&out);
}

static void show_version(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_string(&out, request->broker->settings.product_version);
}

const struct api_route node_routes[] = {
    {"GET", "nodes", API_MONITORING, API_NO_BODY, list},
    {"GET", "nodes/{node}", API_MONITORING, API_NO_BODY, show},
    {"GET", "nodes/{node}/memory", API_MONITORING, API_NO_BODY, show_memory},
    {"GET", "auth/attempts/{node}", API_MONITORING, API_NO_BODY, show_attempts},
    {"GET", "auth/attempts/{node}/source", API_MONITORING, API_NO_BODY, show_attempt_sources},
    {"GET", "cluster-name", API_MANAGEMENT, API_NO_BODY, show_cluster_name},
    {"PUT", "cluster-name", API_ADMINISTRATOR, API_JSON, put_cluster_name},
    {"GET", "extensions", API_MANAGEMENT, API_NO_BODY, show_extensions},
    {"GET", "version", API_ANYONE, API_NO_BODY, show_version},
    {"POST", "rebalance/queues", API_ADMINISTRATOR, API_NO_BODY, api_reply_deleted},
    {.pattern = NULL},
};
