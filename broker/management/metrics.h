/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus: RabbitMQ's names and labels (compat 5.4, drop-in C.6), so that its dashboards and alerts
 * work, and our own under leveret_. Tables of metrics, one for each kind of object they are read from:
 *
 *   /metrics              sums over all objects of a kind, unless those of each object are configured
 *   /metrics/per-object   a line for each queue, channel, connection
 *   /metrics/detailed     the families asked for (?family=...&vhost=...), prefix rabbitmq_detailed_
 *   /metrics/memory-breakdown
 *
 * Written in pieces as the scraper reads, so that ten thousand queues need no memory and a scraper that
 * stalls costs nothing.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_METRICS_H
#define LEVERET_BROKER_MANAGEMENT_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "broker/base/text.h"
#include "broker/entities/counters.h"
#include "broker/management/api_list.h"
#include "broker/management/node_figures.h"

struct broker;
struct http_request;
struct http_response;

enum metric_kind { METRIC_GAUGE, METRIC_COUNTER };

/* Values of objects of one kind. */
struct metric {
    const char *name; /* without rabbitmq_ */
    const char *help;
    enum metric_kind kind;
    const char *family; /* of /metrics/detailed */
    double (*value)(const void *object, const struct broker *broker);
};

/* A kind of object; ends its tables with a NULL name. */
struct metric_group {
    const struct metric *metrics;
    const struct api_resource *resource;
    void (*collect)(struct broker *broker, struct slice vhost_name, struct api_items *items);
    void (*append_labels)(struct text *out, const void *object);
};

extern const struct metric_group metric_groups[];
extern const size_t metric_group_count;

/* What the node's own metrics are made of, gathered once for a scrape. */
struct metric_sums {
    struct management *management;
    struct node_figures figures;
    struct message_counters channels;
    struct message_counters queues[COUNTED_QUEUE_TYPES];
    uint64_t publishes_with_confirm;
    uint64_t publishers;
    uint64_t consumers;
    uint64_t queue_count;
};

/* Metrics without an object, with all their lines. */
void metrics_write_node(struct text *out, struct management *management);
void metrics_write_memory(struct text *out, struct management *management);

/* `name{labels} value` with what Prometheus wants said before the first of a name. */
void metric_append_head(struct text *out, const char *prefix, const char *name, const char *help,
                        enum metric_kind kind);
void metric_append_value(struct text *out, double value);
/* A label's value: backslashes, quotes and newlines escaped. */
void metric_append_label(struct text *out, const char *name, struct slice value, bool is_first);

/* The handler of the metrics' port; its context is the management. */
size_t metrics_begin(void *context, const struct http_request *request,
                     struct http_response *response);
void metrics_handle(void *context, const struct http_request *request,
                    struct http_response *response);

#endif
