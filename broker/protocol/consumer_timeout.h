/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a consumer may keep a message without acknowledging it (compat 3.2). As in RabbitMQ 4.3
 * only quorum queues care. In force is the consumer's own x-consumer-timeout, else the queue's, else
 * the node's consumer_timeout.
 *
 * What is overdue goes back to its queue, which does not count as a failure, and the consumer is
 * cancelled; it keeps what it has not had for so long until that is overdue too. A client that does
 * not know about cancelled consumers has its channel closed with 406. What it acknowledges after that
 * is ignored. A message of basic.get has the timeout of its queue or node, and as there is nobody to
 * be cancelled the channel is closed.
 *
 * Each consumer has one timer, for its oldest message as it was when the timer was started; firing
 * too early it looks for the oldest there is and starts anew. Consumers of other queues have none. All
 * gets of a channel share one, which is not there before the first that has a timeout.
 */
#ifndef LEVERET_BROKER_PROTOCOL_CONSUMER_TIMEOUT_H
#define LEVERET_BROKER_PROTOCOL_CONSUMER_TIMEOUT_H

struct channel;
struct channel_consumer;
struct unacked;

/* A message was delivered to a consumer with `is_timed`; fills in when. */
void consumer_timeout_watch(struct channel_consumer *consumer, struct unacked *record);

/* The same of a basic.get of a quorum queue. */
void consumer_timeout_watch_get(struct channel *channel, struct unacked *record);

/* The channel is being released. */
void consumer_timeout_forget_gets(struct channel *channel);

/* The consumer is being freed. */
void consumer_timeout_stop(struct channel_consumer *consumer);

#endif
