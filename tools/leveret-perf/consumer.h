/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A consumer: subscribes to one queue, checks each message against what the producers sent, counts
 * its latency and acknowledges it.
 */
#ifndef LEVERET_PERF_CONSUMER_H
#define LEVERET_PERF_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>

struct channel;
struct perf;
struct queue;

struct consumer {
    struct perf *perf;
    struct channel *channel;
    struct queue *queue;
    uint64_t received;
    uint64_t unacked;      /* deliveries since the last acknowledgement */
    int64_t rate_start_ns; /* of -R */
    uint32_t run;          /* whose numbers `newest` holds */
    uint64_t *newest;      /* per producer: its newest sequence number here, plus one */
};

/* Sets the prefetch counts.  False after perf_fail(). */
bool consumer_init(struct consumer *consumer, struct perf *perf, struct channel *channel,
                   struct queue *queue);

/* Sends basic.consume; the answer comes to the loop. */
void consumer_subscribe(struct consumer *consumer);

/* The content on the consumer's channel is complete. */
void consumer_on_message(struct consumer *consumer);

/* With -R: when the next message may be taken; in the past when it may be now. */
int64_t consumer_due_ns(const struct consumer *consumer);

/* True when it has as many as -D says. */
bool consumer_is_done(const struct consumer *consumer);

/* Acknowledges what a multi-ack still waits for. */
void consumer_finish(struct consumer *consumer);

void consumer_clear(struct consumer *consumer);

#endif
