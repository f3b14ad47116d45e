/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "tools/leveret-perf/connection.h"
#include "tools/leveret-perf/perf.h"
#include "tools/leveret-perf/queue.h"

/* All queues are bound alike, so each message goes to all of them. */
static bool is_broadcast(const struct options *options) {
    return options->exchange != NULL &&
           (options->routing_key != NULL || strcmp(options->exchange_type, "fanout") == 0);
}

void topology_init(struct perf *perf) {
    const struct options *options = &perf->options;

    perf->queue_count = 1;
    if (options->queue_pattern != NULL)
        perf->queue_count = (uint32_t)(options->queue_pattern_to - options->queue_pattern_from + 1);
    perf->copies = is_broadcast(options) ? perf->queue_count : 1;
    if (perf->consumer_count > 0 && perf->copies > perf->consumer_count)
        perf->copies = perf->consumer_count; /* that many of them arrive here */
    if (perf->consumer_count < perf->queue_count && !is_broadcast(options))
        perf->options.inflight = 0; /* what goes to a queue without consumer stays in flight */
    perf->queues = xcalloc(perf->queue_count, sizeof *perf->queues);
    for (uint32_t i = 0; i < perf->queue_count; i++)
        queue_init(&perf->queues[i], perf, i);
}

/* Random keys, patterns and headers are the broker's business; with predeclared bindings we cannot
 * know. */
bool topology_routes_all(const struct perf *perf, uint32_t producer, uint32_t queue) {
    const struct options *options = &perf->options;

    if (options->exchange == NULL)
        return (options->routing_key == NULL ||
                strcmp(options->routing_key, perf->queues[queue].name) == 0) &&
               producer % perf->queue_count == queue;
    if (options->predeclared || options->wildcards > 0)
        return false;
    if (strcmp(options->exchange_type, "fanout") == 0)
        return true;
    if (strcmp(options->exchange_type, "direct") != 0 || options->random_routing_key)
        return false;
    return options->routing_key != NULL || producer % perf->queue_count == queue;
}

static bool is_integer(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.len > 0 && text.len <= 18;
}

/* Message n has the key of pattern n % wildcards; pattern n is bound to queue n % queues. */
bool topology_wildcard_number(const struct perf *perf, uint32_t queue, uint64_t *number) {
    uint64_t wildcards = (uint64_t)perf->options.wildcards;
    uint64_t pattern = *number % wildcards;

    *number = *number / wildcards * (wildcards / perf->queue_count) + pattern / perf->queue_count;
    return pattern % perf->queue_count == queue;
}

uint64_t topology_wildcard_share(const struct perf *perf, uint32_t queue, uint64_t sent) {
    uint64_t wildcards = (uint64_t)perf->options.wildcards, queues = perf->queue_count;

    return sent / wildcards * (wildcards / queues) +
           (sent % wildcards + queues - 1 - queue) / queues;
}

/* key=value,key=value: digits become a long-long-int, anything else a text. */
static struct slice parse_arguments(struct amqp_table_builder *builder, const char *text) {
    while (text != NULL && *text != '\0') {
        size_t entry = strcspn(text, ","), name = strcspn(text, "=,");
        struct slice value = {NULL, 0};
        if (name < entry)
            value = slice_of(text + name + 1, entry - name - 1);
        if (is_integer(value))
            amqp_table_put_int(builder, slice_of(text, name), AMQP_TAG_INT64,
                               atoll(text + name + 1));
        else
            amqp_table_put_text(builder, slice_of(text, name), value);
        text += entry + (text[entry] == ',');
    }
    return amqp_table_builder_finish(builder);
}

static bool declare_exchange(struct perf *perf, struct connection *connection) {
    const struct options *options = &perf->options;
    struct amqp_method declare = {.id = AMQP_EXCHANGE_DECLARE}, reply;

    if (options->exchange == NULL || options->predeclared ||
        strncmp(options->exchange, "amq.", 4) == 0)
        return true;
    declare.exchange_declare.exchange = slice_from_text(options->exchange);
    declare.exchange_declare.type = slice_from_text(options->exchange_type);
    declare.exchange_declare.durable = options->persistent;
    declare.exchange_declare.auto_delete = options->auto_delete;
    return connection_call(connection, 1, &declare, AMQP_EXCHANGE_DECLARE_OK, &reply);
}

static bool declare_queue(struct perf *perf, struct connection *connection,
                          const struct queue *queue) {
    const struct options *options = &perf->options;
    struct amqp_method declare = {.id = AMQP_QUEUE_DECLARE}, reply;
    struct amqp_table_builder arguments;
    bool declared;

    amqp_table_builder_init(&arguments);
    declare.queue_declare.queue = slice_from_text(queue->name);
    declare.queue_declare.passive = options->predeclared;
    declare.queue_declare.durable = options->persistent;
    declare.queue_declare.auto_delete = options->auto_delete;
    declare.queue_declare.arguments = parse_arguments(&arguments, options->queue_arguments);
    declared = connection_call(connection, 1, &declare, AMQP_QUEUE_DECLARE_OK, &reply);
    amqp_table_builder_clear(&arguments);
    if (declared)
        perf->backlog += reply.queue_declare_ok.message_count;
    return declared;
}

static bool bind(struct perf *perf, struct connection *connection, const struct queue *queue,
                 const char *key) {
    struct amqp_method method = {.id = AMQP_QUEUE_BIND}, reply;

    method.queue_bind.queue = slice_from_text(queue->name);
    method.queue_bind.exchange = slice_from_text(perf->options.exchange);
    method.queue_bind.routing_key = slice_from_text(key);
    return connection_call(connection, 1, &method, AMQP_QUEUE_BIND_OK, &reply);
}

/* The queue's share of the patterns, see topology_wildcard_number(). */
static bool bind_wildcards(struct perf *perf, struct connection *connection,
                           const struct queue *queue) {
    int64_t first = queue - perf->queues;

    for (int64_t i = first; i < perf->options.wildcards; i += OPTIONS_WILDCARD_QUEUES) {
        char pattern[32];
        snprintf(pattern, sizeof pattern, "part.%05d.*.#", (int)i);
        if (!bind(perf, connection, queue, pattern))
            return false;
    }
    return true;
}

static bool bind_queue(struct perf *perf, struct connection *connection,
                       const struct queue *queue) {
    const struct options *options = &perf->options;

    if (options->exchange == NULL || options->predeclared)
        return true;
    if (options->wildcards > 0)
        return bind_wildcards(perf, connection, queue);
    return bind(perf, connection, queue,
                options->routing_key == NULL ? queue->name : options->routing_key);
}

/* Publishing to an exchange that somebody else bound: the queues' names are of no interest. */
static bool has_no_queues(const struct options *options) {
    return options->predeclared && options->exchange != NULL && options->consumers == 0;
}

bool topology_declare(struct perf *perf, struct connection *connection) {
    if (!declare_exchange(perf, connection))
        return false;
    if (has_no_queues(&perf->options))
        return true;
    for (uint32_t i = 0; i < perf->queue_count; i++) {
        if (!declare_queue(perf, connection, &perf->queues[i]) ||
            !bind_queue(perf, connection, &perf->queues[i]))
            return false;
    }
    return true;
}

void topology_delete(const struct perf *perf, struct connection *connection) {
    struct amqp_method method = {.id = AMQP_QUEUE_DELETE};

    method.queue_delete.no_wait = true;
    for (uint32_t i = 0; i < perf->queue_count; i++) {
        method.queue_delete.queue = slice_from_text(perf->queues[i].name);
        connection_put_method(connection, 1, &method);
    }
}
