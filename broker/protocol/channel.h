/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel: consumers, unacknowledged deliveries, confirms or a transaction, and the content that
 * is being assembled. Its satellites have their own files: content, publish, delivery, unacked,
 * confirms, transaction.
 *
 *   (none) --channel_open--> OPEN --channel_fail--> CLOSING --close-ok--> gone
 *                             OPEN --handle_channel_close--> gone
 *
 * An idle channel is small: what only publishers or consumers need is allocated by their first use.
 */
#ifndef LEVERET_BROKER_PROTOCOL_CHANNEL_H
#define LEVERET_BROKER_PROTOCOL_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/map.h"
#include "broker/entities/counters.h"
#include "broker/protocol/confirms.h"
#include "broker/protocol/unacked.h"

struct channel_consumer;
struct connection;
struct get_timeout;
struct publisher;
struct queue;
struct trace_party;
struct transaction;

enum channel_state {
    CHANNEL_OPEN,
    CHANNEL_CLOSING, /* channel.close sent; everything but close and close-ok is ignored */
};

enum channel_expectation { EXPECT_METHOD, EXPECT_HEADER, EXPECT_BODY };

struct channel {
    struct connection *connection;
    uint16_t number;
    enum channel_state state;
    enum channel_expectation expectation;
    UT_hash_handle by_number;        /* in connection->channels */
    struct publisher *publisher;     /* NULL before the first publish (publish.h) */
    struct transaction *transaction; /* NULL unless tx.select was seen (transaction.h) */
    struct confirms confirms;
    struct message_counters counters;
    struct rate_window *rates; /* owned; NULL until somebody asks for rates (base/rate.h) */
    struct channel_consumer *consumers; /* map by tag (delivery.h) */
    uint32_t consumer_count;
    struct unacked_list unacked;
    struct get_timeout *get_timeout; /* owned; NULL until one is needed (consumer_timeout.h) */
    uint64_t last_delivery_tag;
    uint16_t consumer_prefetch; /* for consumers started from now on; 0: unlimited */
    uint16_t global_prefetch;   /* shared window (basic.qos global=true); 0: unlimited */
    uint32_t global_unacked;    /* deliveries that count against global_prefetch */
    struct slice last_queue;    /* owned name of the queue last declared; data NULL when none */
    struct queue *reply_queue;  /* direct reply-to pseudo queue (reply_to.h), NULL when none */
};

/* Opens number `number`, which is free, on the connection. */
struct channel *channel_open(struct connection *connection, uint16_t number);

/*
 * Forgets everything: consumers are cancelled, unacked messages requeued in order, held transactions
 * dropped, confirms that are due are sent first. The struct stays.
 */
void channel_release(struct channel *channel);

/* channel_release() and frees; the number can be opened again. */
void channel_destroy(struct channel *channel);

/*
 * The queue a method means: an empty name is the queue this channel declared last. False when there is
 * none: the channel was failed with 404 `no previously declared queue`.
 */
bool channel_resolve_queue(struct channel *channel, struct slice name, struct slice *ret_name);

/* A binding key without a queue name: an empty one is that queue's name too; with a name it stays. */
static inline struct slice channel_resolve_binding_key(struct slice key, struct slice given_name,
                                                       struct slice resolved_name) {
    return slice_is_empty(key) && slice_is_empty(given_name) ? resolved_name : key;
}

/* Who publishes here, or gets what is delivered, as trace messages name it. */
struct trace_party channel_trace_party(const struct channel *channel);

/* Keeps a copy of the name for the "last declared queue" shortcut. */
void channel_set_last_queue(struct channel *channel, struct slice name);

#endif
