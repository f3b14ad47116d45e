/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firehose (compat 2.8): while tracing is on for a vhost, each message published there and each one
 * delivered goes once more to amq.rabbitmq.trace, with the key publish.EXCHANGE or deliver.QUEUE, the
 * same body and headers that tell of the original, those of RabbitMQ: exchange_name, routing_keys,
 * properties, node, vhost, connection, channel, user, and routed_queues or redelivered. What went
 * through that exchange itself is not traced.
 *
 * Nobody looks at vhost->metadata.tracing for a message of a vhost without it: publishers and consumers
 * choose another way once (publish.c, delivery.c), and again when vhost_set_metadata() says so.
 *
 * Trace messages wait on the broker's list until broker_run_queues() has served all queues: no queue
 * publishes to another while it is at work. So there are never more than one tick makes.
 */
#ifndef LEVERET_BROKER_ENTITIES_TRACE_H
#define LEVERET_BROKER_ENTITIES_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"

struct broker;
struct exchange;
struct message;
struct queue;
struct route;
struct route_request;
struct vhost;

/* Who publishes or is delivered to. */
struct trace_party {
    struct slice connection; /* its name */
    struct slice user;
    uint16_t channel;
};

/* `message` was published to `exchange` and routed; only while tracing is on. */
void trace_publish(const struct trace_party *party, const struct exchange *exchange,
                   const struct message *message, const struct route_request *request,
                   const struct route *route);

/* `message`, as it is shown, goes to a consumer or is the answer to a get; only while tracing is on. */
void trace_delivery(const struct trace_party *party, const struct queue *queue,
                    const struct message *message, bool redelivered);

/* Tracing was switched: whoever chose a way by it chooses again. */
void trace_switched(struct vhost *vhost);

/* Publishes those that wait. */
void broker_send_traces(struct broker *broker);

/* Forgets them: the broker is going away. */
void broker_clear_traces(struct broker *broker);

#endif
