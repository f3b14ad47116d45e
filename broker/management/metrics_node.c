/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of the node: what has no object, and what has a line for each type of queue. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "broker/entities/broker.h"
#include "broker/entities/dead_letter.h"
#include "broker/entities/limits.h"
#include "broker/entities/queue.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "broker/management/management_private.h"
#include "broker/management/message_stats.h"
#include "broker/management/metrics.h"
#include "broker/management/node.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"

/* --- sums --- */

static void add_connection(struct metric_sums *sums, const struct connection *connection) {
    for (const struct channel *channel = connection->channels; channel != NULL;
         channel = channel->by_number.next) {
        message_counters_add(&sums->channels, &channel->counters);
        sums->publishes_with_confirm += channel->confirms.last_sequence;
        sums->publishers += channel->publisher != NULL;
        sums->consumers += channel->consumer_count;
    }
}

static void add_vhost(struct metric_sums *sums, const struct vhost *vhost) {
    for (const struct queue *queue = vhost->queues; queue != NULL; queue = queue->by_name.next) {
        sums->queue_count++;
        message_counters_add(&sums->queues[queue_type_index(queue->type)], &queue->counters);
    }
}

static struct metric_sums gather(struct management *management) {
    const struct broker *broker = management->broker;
    struct metric_sums sums = {.management = management,
                               .figures = node_figures_read(management),
                               .channels = broker->retired.channels,
                               .publishes_with_confirm = broker->retired.publishes_with_confirm};

    for (size_t type = 0; type < COUNTED_QUEUE_TYPES; type++)
        sums.queues[type] = broker->retired.queues[type];
    LIST_FOR_EACH(&broker->connections, at)
    add_connection(&sums, LIST_ITEM(at, struct connection, broker_link));
    for (const struct vhost *vhost = broker->vhosts; vhost != NULL; vhost = vhost->by_name.next)
        add_vhost(&sums, vhost);
    return sums;
}

/* --- one value each --- */

struct node_metric {
    const char *prefix;
    const char *name;
    const char *help;
    enum metric_kind kind;
    const char *labels; /* "" or with braces */
    double (*value)(const struct metric_sums *sums);
};

#define VALUE(FUNCTION, EXPRESSION)                             \
    static double FUNCTION(const struct metric_sums *sums) {    \
        const struct broker *broker = sums->management->broker; \
        (void)broker;                                           \
        return (double)(EXPRESSION);                            \
    }

VALUE(memory_alarm, broker->memory_alarm)
VALUE(disk_alarm, broker->disk_alarm)
VALUE(descriptor_alarm, sums->figures.descriptors_used >= sums->figures.descriptors_max)
VALUE(connections_opened, broker->counters.connections_opened)
VALUE(connections_closed, broker->counters.connections_closed)
VALUE(channels_opened, broker->counters.channels_opened)
VALUE(channels_closed, broker->counters.channels_closed)
VALUE(queues_declared, broker->counters.queues_declared)
VALUE(queues_created, broker->counters.queues_created)
VALUE(queues_deleted, broker->counters.queues_deleted)
VALUE(descriptors_used, sums->figures.descriptors_used)
VALUE(descriptors_max, sums->figures.descriptors_max)
VALUE(sockets_used, sums->figures.sockets_used)
VALUE(memory_used, broker->resources.memory_used)
VALUE(memory_limit, broker->resources.memory_limit)
VALUE(disk_free, broker->resources.disk_free)
VALUE(disk_limit, broker->resources.disk_limit)
VALUE(one, 1)
VALUE(processes_max, 1048576)
VALUE(uptime_s, (double)sums->figures.uptime_ms / 1000)
VALUE(logins, broker->counters.logins_accepted + broker->counters.logins_refused)
VALUE(logins_accepted, broker->counters.logins_accepted)
VALUE(logins_refused, broker->counters.logins_refused)
VALUE(connections, broker->connection_count)
VALUE(channels, broker->channel_count)
VALUE(consumers, sums->consumers)
VALUE(queue_count, sums->queue_count)
VALUE(publishers, sums->publishers)
VALUE(received, sums->channels.of[COUNT_PUBLISH])
VALUE(received_confirm, sums->publishes_with_confirm)
VALUE(confirmed, sums->channels.of[COUNT_CONFIRM])
VALUE(unroutable_dropped, sums->channels.of[COUNT_DROP_UNROUTABLE])
VALUE(unroutable_returned, sums->channels.of[COUNT_RETURN_UNROUTABLE])
VALUE(routed, sums->channels.of[COUNT_PUBLISH] - sums->channels.of[COUNT_DROP_UNROUTABLE] -
                  sums->channels.of[COUNT_RETURN_UNROUTABLE])
VALUE(message_memory, broker->messages.bytes)
VALUE(timer_backlog, broker->timers.count)
VALUE(tls_handshakes, sums->figures.tls_handshakes)
VALUE(tls_handshakes_resumed, sums->figures.tls_handshakes_resumed)
VALUE(tls_handshakes_failed, sums->figures.tls_handshakes_failed)
/* Until the first certificate expires; infinite without TLS. */
VALUE(certificate_expiry_s,
      sums->figures.certificate_expires_s == 0
          ? INFINITY
          : (double)sums->figures.certificate_expires_s - (double)broker->env->wall_ms / 1000)

#define AMQP091 "{protocol=\"amqp091\"}"

static const struct node_metric node_metrics[] = {
    {"rabbitmq_", "alarms_file_descriptor_limit",
     "is 1 if file descriptor limit alarm is in effect", METRIC_GAUGE, "", descriptor_alarm},
    {"rabbitmq_", "alarms_free_disk_space_watermark",
     "is 1 if free disk space watermark alarm is in effect", METRIC_GAUGE, "", disk_alarm},
    {"rabbitmq_", "alarms_memory_used_watermark", "is 1 if memory watermark alarm is in effect",
     METRIC_GAUGE, "", memory_alarm},
    {"rabbitmq_", "connections_opened_total", "Total number of connections opened", METRIC_COUNTER,
     "", connections_opened},
    {"rabbitmq_", "connections_closed_total", "Total number of connections closed", METRIC_COUNTER,
     "", connections_closed},
    {"rabbitmq_", "channels_opened_total", "Total number of channels opened", METRIC_COUNTER, "",
     channels_opened},
    {"rabbitmq_", "channels_closed_total", "Total number of channels closed", METRIC_COUNTER, "",
     channels_closed},
    {"rabbitmq_", "queues_declared_total", "Total number of queues declared", METRIC_COUNTER, "",
     queues_declared},
    {"rabbitmq_", "queues_created_total", "Total number of queues created", METRIC_COUNTER, "",
     queues_created},
    {"rabbitmq_", "queues_deleted_total", "Total number of queues deleted", METRIC_COUNTER, "",
     queues_deleted},
    {"rabbitmq_", "process_open_fds", "Open file descriptors", METRIC_GAUGE, "", descriptors_used},
    {"rabbitmq_", "process_max_fds", "Open file descriptors limit", METRIC_GAUGE, "",
     descriptors_max},
    {"rabbitmq_", "process_open_tcp_sockets", "Open TCP sockets", METRIC_GAUGE, "", sockets_used},
    {"rabbitmq_", "process_max_tcp_sockets", "Open TCP sockets limit", METRIC_GAUGE, "",
     descriptors_max},
    {"rabbitmq_", "process_resident_memory_bytes", "Memory used in bytes", METRIC_GAUGE, "",
     memory_used},
    {"rabbitmq_", "resident_memory_limit_bytes", "Memory high watermark in bytes", METRIC_GAUGE, "",
     memory_limit},
    {"rabbitmq_", "disk_space_available_bytes", "Disk space available in bytes", METRIC_GAUGE, "",
     disk_free},
    {"rabbitmq_", "disk_space_available_limit_bytes", "Free disk space low watermark in bytes",
     METRIC_GAUGE, "", disk_limit},
    {"rabbitmq_", "erlang_processes_used", "Threads that own the broker", METRIC_GAUGE, "", one},
    {"rabbitmq_", "erlang_processes_limit", "RabbitMQ's default limit of Erlang processes",
     METRIC_GAUGE, "", processes_max},
    {"rabbitmq_", "erlang_uptime_seconds", "Node uptime", METRIC_GAUGE, "", uptime_s},
    {"rabbitmq_", "auth_attempts_total", "Total number of authorization attempts", METRIC_COUNTER,
     AMQP091, logins},
    {"rabbitmq_", "auth_attempts_succeeded_total",
     "Total number of successful authentication attempts", METRIC_COUNTER, AMQP091,
     logins_accepted},
    {"rabbitmq_", "auth_attempts_failed_total", "Total number of failed authentication attempts",
     METRIC_COUNTER, AMQP091, logins_refused},
    {"rabbitmq_", "connections", "Connections currently open", METRIC_GAUGE, "", connections},
    {"rabbitmq_", "channels", "Channels currently open", METRIC_GAUGE, "", channels},
    {"rabbitmq_", "consumers", "Consumers currently connected", METRIC_GAUGE, "", consumers},
    {"rabbitmq_", "queues", "Queues available", METRIC_GAUGE, "", queue_count},
    {"rabbitmq_", "global_consumers", "Current number of consumers", METRIC_GAUGE, AMQP091,
     consumers},
    {"rabbitmq_", "global_publishers", "Current number of publishers", METRIC_GAUGE, AMQP091,
     publishers},
    {"rabbitmq_", "global_messages_received_total",
     "Total number of messages received from clients", METRIC_COUNTER, AMQP091, received},
    {"rabbitmq_", "global_messages_received_confirm_total",
     "Total number of messages received from publishers expecting confirmations", METRIC_COUNTER,
     AMQP091, received_confirm},
    {"rabbitmq_", "global_messages_confirmed_total",
     "Total number of messages confirmed to publishers", METRIC_COUNTER, AMQP091, confirmed},
    {"rabbitmq_", "global_messages_routed_total",
     "Total number of messages routed to queues or streams", METRIC_COUNTER, AMQP091, routed},
    {"rabbitmq_", "global_messages_unroutable_dropped_total",
     "Total number of messages published as non-mandatory into an exchange and dropped as "
     "unroutable",
     METRIC_COUNTER, AMQP091, unroutable_dropped},
    {"rabbitmq_", "global_messages_unroutable_returned_total",
     "Total number of messages published as mandatory into an exchange and returned to the "
     "publisher as unroutable",
     METRIC_COUNTER, AMQP091, unroutable_returned},
    {"leveret_", "message_memory_bytes", "Memory that messages take", METRIC_GAUGE, "",
     message_memory},
    {"leveret_", "timers", "Deadlines that are waited for", METRIC_GAUGE, "", timer_backlog},
    {"leveret_", "tls_handshakes_total", "TLS handshakes of AMQP connections", METRIC_COUNTER, "",
     tls_handshakes},
    {"leveret_", "tls_handshakes_resumed_total", "TLS handshakes that resumed a session",
     METRIC_COUNTER, "", tls_handshakes_resumed},
    {"leveret_", "tls_handshakes_failed_total", "TLS handshakes that failed", METRIC_COUNTER, "",
     tls_handshakes_failed},
    {"leveret_", "certificate_expiry_seconds", "Seconds until the first certificate expires",
     METRIC_GAUGE, "", certificate_expiry_s},
};

static void write_values(struct text *out, const struct metric_sums *sums) {
    for (size_t i = 0; i < sizeof node_metrics / sizeof node_metrics[0]; i++) {
        const struct node_metric *metric = &node_metrics[i];
        metric_append_head(out, metric->prefix, metric->name, metric->help, metric->kind);
        text_append_format(out, "%s%s%s", metric->prefix, metric->name, metric->labels);
        metric_append_value(out, metric->value(sums));
    }
}

/* --- by type of queue --- */

static const char *const type_modules[COUNTED_QUEUE_TYPES] = {
    "rabbit_classic_queue", "rabbit_quorum_queue", "rabbit_stream_queue"};

static const struct {
    const char *name;
    const char *help;
    enum message_count counts[4]; /* added up; MESSAGE_COUNTS is nothing */
} type_metrics[] = {
    {"global_messages_delivered_total",
     "Total number of messages delivered to consumers",
     {COUNT_DELIVER, COUNT_DELIVER_NO_ACK, COUNT_GET, COUNT_GET_NO_ACK}},
    {"global_messages_delivered_consume_auto_ack_total",
     "Total number of messages delivered to consumers using basic.consume with automatic "
     "acknowledgment",
     {COUNT_DELIVER_NO_ACK, MESSAGE_COUNTS, MESSAGE_COUNTS, MESSAGE_COUNTS}},
    {"global_messages_delivered_consume_manual_ack_total",
     "Total number of messages delivered to consumers using basic.consume with manual "
     "acknowledgment",
     {COUNT_DELIVER, MESSAGE_COUNTS, MESSAGE_COUNTS, MESSAGE_COUNTS}},
    {"global_messages_delivered_get_auto_ack_total",
     "Total number of messages delivered to consumers using basic.get with automatic "
     "acknowledgment",
     {COUNT_GET_NO_ACK, MESSAGE_COUNTS, MESSAGE_COUNTS, MESSAGE_COUNTS}},
    {"global_messages_delivered_get_manual_ack_total",
     "Total number of messages delivered to consumers using basic.get with manual acknowledgment",
     {COUNT_GET, MESSAGE_COUNTS, MESSAGE_COUNTS, MESSAGE_COUNTS}},
    {"global_messages_get_empty_total",
     "Total number of times basic.get operations fetched no message",
     {COUNT_GET_EMPTY, MESSAGE_COUNTS, MESSAGE_COUNTS, MESSAGE_COUNTS}},
    {"global_messages_redelivered_total",
     "Total number of messages redelivered to consumers",
     {COUNT_REDELIVER, MESSAGE_COUNTS, MESSAGE_COUNTS, MESSAGE_COUNTS}},
    {"global_messages_acknowledged_total",
     "Total number of message acknowledgements received from consumers",
     {COUNT_ACK, MESSAGE_COUNTS, MESSAGE_COUNTS, MESSAGE_COUNTS}},
};

static double sum_of(const struct message_counters *counters, const enum message_count *counts) {
    double sum = 0;

    for (size_t i = 0; i < 4; i++)
        sum += counts[i] == MESSAGE_COUNTS ? 0 : (double)counters->of[counts[i]];
    return sum;
}

static void write_types(struct text *out, const struct metric_sums *sums) {
    for (size_t i = 0; i < sizeof type_metrics / sizeof type_metrics[0]; i++) {
        metric_append_head(out, "rabbitmq_", type_metrics[i].name, type_metrics[i].help,
                           METRIC_COUNTER);
        for (size_t type = 0; type < COUNTED_QUEUE_TYPES; type++) {
            text_append_format(out, "rabbitmq_%s{protocol=\"amqp091\",queue_type=\"%s\"}",
                               type_metrics[i].name, type_modules[type]);
            metric_append_value(out, sum_of(&sums->queues[type], type_metrics[i].counts));
        }
    }
}

/* --- dead letters --- */

static const char *const strategies[DEAD_LETTER_STRATEGIES] = {"disabled", "at_most_once",
                                                               "at_least_once"};

static const struct {
    const char *word;
    enum dead_letter_reason reason;
} dead_letter_reasons[] = {{"expired", DEAD_LETTER_EXPIRED},
                           {"rejected", DEAD_LETTER_REJECTED},
                           {"maxlen", DEAD_LETTER_MAXLEN},
                           {"delivery_limit", DEAD_LETTER_DELIVERY_LIMIT}};

/* Lines only for what can be: the limit and the third strategy belong to quorum queues. */
static bool can_be(size_t type, size_t strategy, enum dead_letter_reason reason) {
    return type == 1 ||
           (strategy != DEAD_LETTERS_AT_LEAST_ONCE && reason != DEAD_LETTER_DELIVERY_LIMIT);
}

static void write_reason(struct text *out, const struct broker *broker, const char *name,
                         enum dead_letter_reason reason) {
    for (size_t type = 0; type < 2; type++) {
        for (size_t strategy = 0; strategy < DEAD_LETTER_STRATEGIES; strategy++) {
            if (!can_be(type, strategy, reason))
                continue;
            text_append_format(out, "rabbitmq_%s{queue_type=\"%s\",dead_letter_strategy=\"%s\"}",
                               name, type_modules[type], strategies[strategy]);
            metric_append_value(out,
                                (double)broker->counters.dead_lettered[type][strategy][reason]);
        }
    }
}

static void write_dead_letters(struct text *out, const struct broker *broker) {
    static const char confirmed[] = "global_messages_dead_lettered_confirmed_total";
    char name[64];

    for (size_t i = 0; i < sizeof dead_letter_reasons / sizeof dead_letter_reasons[0]; i++) {
        snprintf(name, sizeof name, "global_messages_dead_lettered_%s_total",
                 dead_letter_reasons[i].word);
        metric_append_head(out, "rabbitmq_", name, "Total number of messages dead-lettered",
                           METRIC_COUNTER);
        write_reason(out, broker, name, dead_letter_reasons[i].reason);
    }
    metric_append_head(out, "rabbitmq_", confirmed,
                       "Total number of messages dead-lettered and confirmed by target queues",
                       METRIC_COUNTER);
    text_append_format(out,
                       "rabbitmq_%s{queue_type=\"rabbit_quorum_queue\","
                       "dead_letter_strategy=\"at_least_once\"}",
                       confirmed);
    metric_append_value(out, (double)broker->counters.dead_letters_confirmed);
}

/* --- limits --- */

static void write_limits(struct text *out, const struct broker *broker) {
    metric_append_head(out, "leveret_", "limit_reached_total", "How often a limit was reached",
                       METRIC_COUNTER);
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        text_append_format(out, "leveret_limit_reached_total{limit=\"%s\"}", limit_rows[i].name);
        metric_append_value(out, (double)broker->limits_reached[i]);
    }
}

/* --- sizes --- */

/* The words of the bounds, as RabbitMQ writes them. */
static const char *const size_bounds[MESSAGE_SIZE_BUCKETS] = {
    "100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "5e+07", "1e+08", "+Inf"};

static void write_sizes(struct text *out, const struct broker *broker) {
    uint64_t count = 0;

    text_append(out, SLICE("# TYPE rabbitmq_message_size_bytes histogram\n"
                           "# HELP rabbitmq_message_size_bytes Size of messages received from "
                           "publishers\n"));
    for (size_t i = 0; i < MESSAGE_SIZE_BUCKETS; i++) {
        count += broker->sizes.buckets[i];
        text_append_format(out,
                           "rabbitmq_message_size_bytes_bucket{protocol=\"amqp091\",le=\"%s\"}",
                           size_bounds[i]);
        metric_append_value(out, (double)count);
    }
    text_append(out, SLICE("rabbitmq_message_size_bytes_count" AMQP091));
    metric_append_value(out, (double)count);
    text_append(out, SLICE("rabbitmq_message_size_bytes_sum" AMQP091));
    metric_append_value(out, (double)broker->sizes.octets);
}

/* --- latencies --- */

static void write_latencies(struct text *out, const char *name, const char *help,
                            const struct latencies *latencies) {
    uint64_t count = 0;

    text_append_format(out, "# TYPE leveret_%s histogram\n# HELP leveret_%s %s\n", name, name,
                       help);
    for (size_t i = 0; i < LATENCY_BUCKETS - 1; i++) {
        count += latencies->counts[i];
        text_append_format(out, "leveret_%s_bucket{le=\"%g\"}", name,
                           (double)latency_bounds_us[i] / 1e6);
        metric_append_value(out, (double)count);
    }
    count += latencies->counts[LATENCY_BUCKETS - 1];
    text_append_format(out, "leveret_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
    text_append_format(out, "leveret_%s_count %" PRIu64 "\nleveret_%s_sum", name, count, name);
    metric_append_value(out, (double)latencies->sum_us / 1e6);
}

static void write_all_latencies(struct text *out, const struct broker *broker) {
    write_latencies(out, "confirm_seconds", "Time from a publish to its confirm",
                    &broker->confirm_latencies);
    write_latencies(out, "loop_seconds", "Time from waking to waiting: so long do others wait",
                    &broker->loop_latencies);
    if (broker->journal != NULL)
        write_latencies(out, "journal_batch_seconds",
                        "Time from handing a batch over to its being written and synced",
                        &broker->batch_latencies);
}

/* --- who we are; every panel of the dashboards joins with it --- */

static void write_identity(struct text *out, struct management *management) {
    const struct broker_settings *settings = &management->broker->settings;

    metric_append_head(out, "rabbitmq_", "identity_info", "RabbitMQ node & cluster identity info",
                       METRIC_GAUGE);
    text_append(out, SLICE("rabbitmq_identity_info{"));
    metric_append_label(out, "rabbitmq_node", slice_from_text(management->settings.node_name),
                        true);
    metric_append_label(out, "rabbitmq_cluster", slice_from_text(settings->cluster_name), false);
    metric_append_label(out, "rabbitmq_cluster_permanent_id",
                        slice_from_text(settings->cluster_name), false);
    metric_append_label(out, "rabbitmq_endpoint", SLICE("aggregated"), false);
    text_append(out, SLICE("} 1\n"));
    metric_append_head(out, "rabbitmq_", "build_info", "RabbitMQ & Erlang/OTP version info",
                       METRIC_GAUGE);
    text_append(out, SLICE("rabbitmq_build_info{"));
    metric_append_label(out, "rabbitmq_version", slice_from_text(settings->product_version), true);
    metric_append_label(out, "prometheus_plugin_version",
                        slice_from_text(settings->product_version), false);
    metric_append_label(out, "prometheus_client_version", SLICE(""), false);
    metric_append_label(out, "erlang_version", SLICE(""), false);
    metric_append_label(out, "product_name", slice_from_text(settings->product), false);
    metric_append_label(out, "product_version", slice_from_text(settings->product_version), false);
    metric_append_label(out, "leveret_version", SLICE(LEVERET_VERSION), false);
    text_append(out, SLICE("} 1\n"));
}

/* --- the journal --- */

static void write_one(struct text *out, const char *name, const char *help, enum metric_kind kind,
                      double value) {
    metric_append_head(out, "leveret_", name, help, kind);
    text_append_format(out, "leveret_%s", name);
    metric_append_value(out, value);
}

static void write_journal(struct text *out, const struct broker *broker) {
    struct store_figures figures;

    if (!store_read_figures(broker, &figures))
        return;
    write_one(out, "journal_batches_total", "Batches written", METRIC_COUNTER,
              (double)figures.batches);
    write_one(out, "journal_written_bytes_total", "Octets written", METRIC_COUNTER,
              (double)figures.bytes_written);
    write_one(out, "journal_syncs_total", "Calls of fdatasync", METRIC_COUNTER,
              (double)figures.syncs);
    write_one(out, "journal_sync_seconds_max", "The longest fdatasync", METRIC_GAUGE,
              (double)figures.sync_us_max / 1e6);
    write_one(out, "journal_segments", "Files in use", METRIC_GAUGE, (double)figures.segments);
    write_one(out, "journal_bytes", "Octets of the files in use", METRIC_GAUGE,
              (double)figures.total_bytes);
    write_one(out, "journal_live_bytes", "Octets that are needed", METRIC_GAUGE,
              (double)figures.live_bytes);
    write_one(out, "journal_damaged_messages_total", "Messages that could not be read back",
              METRIC_COUNTER, (double)figures.damaged_messages);
}

void metrics_write_node(struct text *out, struct management *management) {
    const struct metric_sums sums = gather(management);

    write_identity(out, management);
    write_values(out, &sums);
    write_types(out, &sums);
    write_dead_letters(out, management->broker);
    write_limits(out, management->broker);
    write_sizes(out, management->broker);
    write_all_latencies(out, management->broker);
    write_journal(out, management->broker);
}

void metrics_write_memory(struct text *out, struct management *management) {
    const struct broker *broker = management->broker;
    const double used = (double)broker->resources.memory_used,
                 messages = (double)broker->messages.bytes;

    metric_append_head(out, "rabbitmq_", "memory_messages_bytes", "Memory that messages take",
                       METRIC_GAUGE);
    text_append(out, SLICE("rabbitmq_memory_messages_bytes"));
    metric_append_value(out, messages);
    metric_append_head(out, "rabbitmq_", "memory_other_bytes", "Everything else", METRIC_GAUGE);
    text_append(out, SLICE("rabbitmq_memory_other_bytes"));
    metric_append_value(out, used > messages ? used - messages : 0);
}
