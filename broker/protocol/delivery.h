/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel's consumers, and how a message becomes basic.deliver, basic.get-ok or basic.return frames.
 */
#ifndef LEVERET_BROKER_PROTOCOL_DELIVERY_H
#define LEVERET_BROKER_PROTOCOL_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/map.h"
#include "broker/base/timer.h"
#include "broker/entities/consumer.h"
#include "broker/entities/refusal.h"

struct channel;
struct message;
struct queue;

struct channel_consumer {
    struct consumer consumer; /* first: the queue knows only this */
    struct channel *channel;
    UT_hash_handle by_tag;  /* in channel->consumers */
    uint16_t prefetch;      /* 0: unlimited */
    uint32_t unacked_count; /* deliveries that are not settled, held by a transaction included */
    bool is_timed;          /* of a quorum queue, and it acknowledges: consumer_timeout.h */
    int64_t timeout_ms;     /* its own; below 0: the queue's */
    struct timer ack_timer;
    bool is_cancelled; /* known to nobody but the records of those deliveries */
    uint16_t deliver_head_len;
    uint8_t deliver_head[]; /* how each basic.deliver begins: frame head, method, consumer tag */
};

/* Octets of deliver_head before the tag: frame head, class and method ids, the tag's length. */
#define DELIVER_HEAD_FIXED_SIZE 12u

static inline struct slice channel_consumer_tag(const struct channel_consumer *consumer) {
    return slice_of(consumer->deliver_head + DELIVER_HEAD_FIXED_SIZE,
                    consumer->deliver_head_len - DELIVER_HEAD_FIXED_SIZE);
}

struct consumer_options {
    struct slice tag;
    int64_t priority;
    int64_t timeout_ms; /* for acknowledging, of a quorum queue's consumer; below 0: the queue's */
    bool no_ack;
    bool exclusive;
};

/* NULL when the queue refuses (403). The tag is free on this channel. Starts with the next tick. */
struct channel_consumer *channel_add_consumer(struct channel *channel, struct queue *queue,
                                              const struct consumer_options *options,
                                              struct refusal *refusal);
struct channel_consumer *channel_find_consumer(const struct channel *channel, struct slice tag);

/* Unlinks from channel and queue; its unacked messages stay with the channel. */
void channel_remove_consumer(struct channel_consumer *consumer);

/* The server's own wish: tells a client that can understand it, and removes the consumer. */
void channel_cancel_consumer(struct channel_consumer *consumer);

/*
 * One of its deliveries was settled. False when it was cancelled before: with the last delivery it is
 * freed.
 */
bool channel_consumer_settle(struct channel_consumer *consumer);

/* Consumers without credit get another look: window widened, acks came, output drained. */
void channel_resume_consumers(struct channel *channel);

/* The front message of `queue` as get-ok, or get-empty; waits when it is on disk (fetch.h). */
void channel_get(struct channel *channel, struct queue *queue, bool no_ack);

/* basic.return 312 NO_ROUTE with the message's content. */
void send_basic_return(struct channel *channel, struct message *message);

#endif
