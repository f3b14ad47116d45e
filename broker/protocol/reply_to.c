/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/reply_to.h"

#include <stdio.h>

#include "amqp/properties.h"
#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/entities/generated_name.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/refusal.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/send.h"

bool reply_to_is_pseudo_queue(struct slice name) {
    return slice_equal(name, SLICE(REPLY_TO_NAME));
}

/* The full name: nobody can guess it, and it is a routing key like any other. */
static struct queue *create_reply_queue(struct channel *channel) {
    char token[GENERATED_NAME_MAX];
    char name[sizeof REPLY_TO_NAME + 1 + GENERATED_NAME_MAX];
    struct slice unguessable = generated_name(channel->connection->broker->env, "g", token);
    int len = snprintf(name, sizeof name, REPLY_TO_NAME "." SLICE_FMT, SLICE_ARG(unguessable));
    return vhost_add_reply_queue(channel->connection->vhost, slice_of(name, (size_t)len));
}

void reply_to_consume(struct channel *channel, struct slice tag,
                      const struct amqp_basic_consume *method) {
    if (channel->reply_queue != NULL) {
        channel_fail(channel, AMQP_PRECONDITION_FAILED, "reply consumer already set");
        return;
    }
    if (!method->no_ack) {
        channel_fail(channel, AMQP_PRECONDITION_FAILED, "reply consumer cannot acknowledge");
        return;
    }
    struct refusal refusal;
    channel->reply_queue = create_reply_queue(channel);
    channel_add_consumer(channel, channel->reply_queue,
                         &(struct consumer_options){.tag = tag, .no_ack = true}, &refusal);
    if (!method->no_wait)
        SEND(channel, AMQP_BASIC_CONSUME_OK, basic_consume_ok, .consumer_tag = tag);
}

void reply_to_declare(struct channel *channel, const struct amqp_queue_declare *method) {
    struct vhost *vhost = channel->connection->vhost;
    if (!reply_to_is_pseudo_queue(method->queue) &&
        vhost_find_destination(vhost, method->queue) == NULL) {
        struct refusal refusal;
        refuse_not_found(&refusal, "queue", method->queue, vhost->name);
        channel_refuse(channel, &refusal);
        return;
    }
    channel_set_last_queue(channel, method->queue);
    if (!method->no_wait)
        SEND(channel, AMQP_QUEUE_DECLARE_OK, queue_declare_ok, .queue = method->queue,
             .message_count = 0, .consumer_count = 1);
}

struct message *reply_to_rewrite(struct channel *channel, struct message *message) {
    struct message *copy = NULL;
    if (channel->reply_queue == NULL) {
        channel_fail(channel, AMQP_PRECONDITION_FAILED, "fast reply consumer does not exist");
    } else {
        struct amqp_properties properties;
        message_properties(message, &properties);
        properties.reply_to = channel->reply_queue->name;
        copy = message_copy_with(message, message_exchange(message), message_routing_key(message),
                                 &properties);
        if (copy == NULL)
            connection_fail_memory(channel->connection);
    }
    message_unref(message);
    return copy;
}

void reply_to_end(struct channel *channel) {
    struct queue *queue = channel->reply_queue;
    channel->reply_queue = NULL;
    if (queue != NULL)
        vhost_remove_queue(queue);
}
