/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which time to live a durable queue gave the messages it has, when policies changed that meanwhile.
 * A change is for messages published from then on (compat 3.2): in memory the deadline of each says
 * so, and after a restart, when deadlines are made anew, this does.
 *
 * Messages of one era had the same; it begins with a sequence and ends where the next one begins.
 * NULL in queues whose messages all have the time to live of today, as most do.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_LIFETIMES_H
#define LEVERET_BROKER_ENTITIES_QUEUE_LIFETIMES_H

#include <stddef.h>
#include <stdint.h>

/* Of more changes while there are messages the first eras are one, with the longest of their times. */
#define LIFETIME_ERAS_MAX 16

struct queue;

struct lifetime_era {
    uint64_t first_sequence;
    int64_t time_to_live_ms; /* below 0: none */
};

struct queue_lifetimes {
    size_t count;
    struct lifetime_era eras[LIFETIME_ERAS_MAX];
};

/* The queue's features ask for another time to live now than they did: `before_ms`. */
void queue_change_lifetime(struct queue *queue, int64_t before_ms);

/* What the queue gave to the message with this sequence, below 0 for none. */
int64_t queue_lifetime_of(const struct queue *queue, uint64_t sequence);

#endif
