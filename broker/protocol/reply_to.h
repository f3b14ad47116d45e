/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct reply-to (compat 2.13). A channel that consumes "amq.rabbitmq.reply-to" gets a hidden queue
 * with an unguessable name; requests published with that reply-to carry the full name, and replies
 * find the queue through the default exchange like any other. It goes with its consumer.
 */
#ifndef LEVERET_BROKER_PROTOCOL_REPLY_TO_H
#define LEVERET_BROKER_PROTOCOL_REPLY_TO_H

#include <stdbool.h>

#include "amqp/method.h"
#include "amqp/slice.h"

struct channel;
struct message;

#define REPLY_TO_NAME "amq.rabbitmq.reply-to"

/* True exactly for the pseudo queue's short name. */
bool reply_to_is_pseudo_queue(struct slice name);

/* basic.consume on the pseudo queue under a tag that is free: starts the consumer and replies, or fails
 * the channel. */
void reply_to_consume(struct channel *channel, struct slice tag,
                      const struct amqp_basic_consume *method);

/* queue.declare of the pseudo queue or of a full name: replies, or fails the channel. */
void reply_to_declare(struct channel *channel, const struct amqp_queue_declare *method);

/*
 * A message published with reply-to amq.rabbitmq.reply-to: returns it with the full name instead.
 * Takes the message; NULL when the channel was failed (no reply consumer).
 */
struct message *reply_to_rewrite(struct channel *channel, struct message *message);

/* The reply consumer is gone: so is its queue. Does nothing without one. */
void reply_to_end(struct channel *channel);

#endif
