/* SPDX-License-Identifier: Apache-2.0 */
/* Class basic (compat 2.11, 2.12): check, act, reply. */
#include <inttypes.h>

#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/entities/broker.h"
#include "broker/entities/generated_name.h"
#include "broker/entities/queue.h"
#include "broker/entities/refusal.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/publish.h"
#include "broker/protocol/reply_to.h"
#include "broker/protocol/send.h"
#include "broker/protocol/settle.h"

/* --- publish --- */

void handle_basic_publish(struct channel *channel, const struct amqp_method *method) {
    publish_begin(channel, &method->basic_publish);
}

/* --- qos --- */

void handle_basic_qos(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_basic_qos *qos = &method->basic_qos;
    if (qos->prefetch_size != 0) {
        channel_fail(channel, AMQP_NOT_IMPLEMENTED, "prefetch_size!=0 (%" PRIu32 ")",
                     qos->prefetch_size);
        return;
    }
    if (qos->global && channel->connection->broker->settings.permit_global_qos) {
        channel->global_prefetch = qos->prefetch_count;
    } else {
        /* RabbitMQ lifts the shared window then: differential scenario qos/global-and-own. */
        channel->global_prefetch = 0;
        channel->consumer_prefetch = qos->prefetch_count;
    }
    channel_resume_consumers(channel);
    send_on_channel(channel, &(struct amqp_method){.id = AMQP_BASIC_QOS_OK});
}

/* --- consume, cancel --- */

/* The queue a consumer or getter means, open to this connection; NULL when the channel was failed. */
static struct queue *find_queue(struct channel *channel, struct slice given_name) {
    struct vhost *vhost = channel->connection->vhost;
    struct slice name;
    struct refusal refusal;
    if (!channel_resolve_queue(channel, given_name, &name))
        return NULL;
    struct queue *queue = vhost_find_queue(vhost, name);
    if (queue == NULL)
        refuse_not_found(&refusal, "queue", name, vhost->name);
    if (queue != NULL && queue_check_exclusive(queue, channel->connection, &refusal))
        return queue;
    channel_refuse(channel, &refusal);
    return NULL;
}

/* Arguments that consumers of one type of queue have; RabbitMQ refuses them elsewhere. */
static const struct typed_consumer_argument {
    const char *name;
    enum queue_type type;
} typed_consumer_arguments[] = {
    {"x-stream-offset", QUEUE_STREAM},
    {"x-stream-filter", QUEUE_STREAM},
    {"x-stream-match-unfiltered", QUEUE_STREAM},
    {"x-consumer-timeout", QUEUE_QUORUM},
};

#define TYPED_CONSUMER_ARGUMENTS \
    (sizeof typed_consumer_arguments / sizeof *typed_consumer_arguments)

static bool check_typed_arguments(struct channel *channel, const struct queue *queue,
                                  struct slice arguments) {
    struct amqp_value value;
    for (size_t i = 0; i < TYPED_CONSUMER_ARGUMENTS; i++) {
        const struct typed_consumer_argument *row = &typed_consumer_arguments[i];
        if (row->type == queue->type ||
            !amqp_table_find(arguments, slice_from_text(row->name), &value))
            continue;
        channel_fail(channel, AMQP_PRECONDITION_FAILED,
                     "invalid arg '%s' for queue '" SLICE_FMT "' in vhost '" SLICE_FMT
                     "' of queue type %s",
                     row->name, SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name),
                     queue_type_module(queue->type));
        return false;
    }
    return true;
}

/* False when the channel was failed because it is there and no integer. */
static bool read_integer_argument(struct channel *channel, const struct queue *queue,
                                  struct slice arguments, const char *name, int64_t *ret_integer) {
    struct amqp_value value;
    if (!amqp_table_find(arguments, slice_from_text(name), &value))
        return true;
    *ret_integer = value.integer;
    if (amqp_value_is_integer(&value))
        return true;
    channel_fail(channel, AMQP_PRECONDITION_FAILED,
                 "invalid arg '%s' for queue '" SLICE_FMT "' in vhost '" SLICE_FMT
                 "': \"expected integer, got %s\"",
                 name, SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name),
                 amqp_type_name(value.tag));
    return false;
}

static bool check_consumer_timeout(struct channel *channel, const struct queue *queue,
                                   struct slice arguments, const struct consumer_options *options) {
    struct amqp_value value;
    if (!amqp_table_find(arguments, SLICE("x-consumer-timeout"), &value) ||
        options->timeout_ms >= 0)
        return true;
    channel_fail(channel, AMQP_PRECONDITION_FAILED,
                 "invalid arg 'x-consumer-timeout' for queue '" SLICE_FMT "' in vhost '" SLICE_FMT
                 "': {value_negative,%" PRId64 "}",
                 SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name), options->timeout_ms);
    return false;
}

static bool read_consumer_arguments(struct channel *channel, const struct queue *queue,
                                    struct slice arguments, struct consumer_options *options) {
    return check_typed_arguments(channel, queue, arguments) &&
           read_integer_argument(channel, queue, arguments, "x-priority", &options->priority) &&
           read_integer_argument(channel, queue, arguments, "x-consumer-timeout",
                                 &options->timeout_ms) &&
           check_consumer_timeout(channel, queue, arguments, options);
}

/* A quorum queue does not know the window that the consumers of a channel share. */
static bool check_global_qos(struct channel *channel, const struct queue *queue) {
    if (queue->type == QUEUE_CLASSIC || channel->global_prefetch == 0)
        return true;
    channel_fail(channel, AMQP_NOT_IMPLEMENTED,
                 "queue '" SLICE_FMT "' in vhost '" SLICE_FMT "' does not support global qos",
                 SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name));
    return false;
}

/* A tag in use is an error of the whole connection, as in RabbitMQ. */
static bool check_new_consumer(struct channel *channel, struct slice tag) {
    uint32_t limit = channel->connection->broker->settings.consumer_max_per_channel;
    if (channel_find_consumer(channel, tag) != NULL) {
        channel_fail(channel, AMQP_NOT_ALLOWED, "attempt to reuse consumer tag '" SLICE_FMT "'",
                     SLICE_ARG(tag));
        return false;
    }
    if (limit != 0 && channel->consumer_count >= limit) {
        limit_reached(channel->connection->broker, LIMIT_CONSUMERS);
        channel_fail(channel, AMQP_NOT_ALLOWED,
                     "reached maximum (%" PRIu32 ") of consumers per channel", limit);
        return false;
    }
    return true;
}

static void consume(struct channel *channel, const struct amqp_basic_consume *method,
                    struct slice tag) {
    struct consumer_options options = {
        .tag = tag, .timeout_ms = -1, .no_ack = method->no_ack, .exclusive = method->exclusive};
    struct refusal refusal;
    struct queue *queue = find_queue(channel, method->queue);
    if (queue == NULL || !read_consumer_arguments(channel, queue, method->arguments, &options) ||
        !check_global_qos(channel, queue))
        return;
    if (channel_add_consumer(channel, queue, &options, &refusal) == NULL)
        channel_refuse(channel, &refusal);
    else if (!method->no_wait)
        SEND(channel, AMQP_BASIC_CONSUME_OK, basic_consume_ok, .consumer_tag = tag);
}

void handle_basic_consume(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_basic_consume *request = &method->basic_consume;
    char generated[GENERATED_NAME_MAX];
    struct slice tag = request->consumer_tag;
    if (slice_is_empty(tag))
        tag = generated_name(channel->connection->broker->env, "amq.ctag", generated);
    if (!check_new_consumer(channel, tag))
        return;
    if (reply_to_is_pseudo_queue(request->queue))
        reply_to_consume(channel, tag, request);
    else
        consume(channel, request, tag);
}

/* Its unacked messages stay with the channel. An unknown tag is no error. */
static void cancel(struct channel *channel, struct slice tag) {
    struct channel_consumer *consumer = channel_find_consumer(channel, tag);
    if (consumer != NULL)
        channel_remove_consumer(consumer);
}

void handle_basic_cancel(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_basic_cancel *request = &method->basic_cancel;
    cancel(channel, request->consumer_tag);
    if (!request->no_wait)
        SEND(channel, AMQP_BASIC_CANCEL_OK, basic_cancel_ok, .consumer_tag = request->consumer_tag);
}

/* RabbitMQ takes a cancel-ok from a client as a cancel without reply. */
void handle_basic_cancel_ok(struct channel *channel, const struct amqp_method *method) {
    cancel(channel, method->basic_cancel_ok.consumer_tag);
}

/* --- get --- */

static bool check_get(struct channel *channel, const struct queue *queue) {
    if (queue->type == QUEUE_CLASSIC || !queue->features->single_active_consumer)
        return true;
    channel_fail(channel, AMQP_RESOURCE_LOCKED,
                 "cannot obtain access to locked queue '" SLICE_FMT "' in vhost '" SLICE_FMT
                 "'. basic.get operations are not supported by quorum queues with single active "
                 "consumer",
                 SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name));
    return false;
}

void handle_basic_get(struct channel *channel, const struct amqp_method *method) {
    struct queue *queue = find_queue(channel, method->basic_get.queue);
    if (queue != NULL && check_get(channel, queue))
        channel_get(channel, queue, method->basic_get.no_ack);
}

/* --- ack, nack, reject, recover --- */

void handle_basic_ack(struct channel *channel, const struct amqp_method *method) {
    settle_deliveries(channel, method->basic_ack.delivery_tag, method->basic_ack.multiple,
                      SETTLE_ACK);
}

void handle_basic_nack(struct channel *channel, const struct amqp_method *method) {
    settle_deliveries(channel, method->basic_nack.delivery_tag, method->basic_nack.multiple,
                      method->basic_nack.requeue ? SETTLE_REQUEUE : SETTLE_DISCARD);
}

void handle_basic_reject(struct channel *channel, const struct amqp_method *method) {
    settle_deliveries(channel, method->basic_reject.delivery_tag, false,
                      method->basic_reject.requeue ? SETTLE_REQUEUE_FAILED : SETTLE_DISCARD);
}

static bool recover(struct channel *channel, bool requeue) {
    if (!requeue) {
        channel_fail(channel, AMQP_NOT_IMPLEMENTED, "requeue=false");
        return false;
    }
    settle_requeue_all(channel);
    return true;
}

void handle_basic_recover(struct channel *channel, const struct amqp_method *method) {
    if (recover(channel, method->basic_recover.requeue))
        send_on_channel(channel, &(struct amqp_method){.id = AMQP_BASIC_RECOVER_OK});
}

void handle_basic_recover_async(struct channel *channel, const struct amqp_method *method) {
    recover(channel, method->basic_recover_async.requeue);
}
