/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A producer.  All its messages have the same length on the wire, so it renders a run of them once,
 * as many as make a large write, and from then on patches into that run only what differs:
 * identity, due time and, with -K, the routing key.  The run is its batch buffer; it may be written
 * again only after the connection took the last batch.
 */
#ifndef LEVERET_PERF_PRODUCER_H
#define LEVERET_PERF_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct perf;
struct queue;

struct producer {
    struct perf *perf;
    struct channel *channel;
    struct queue *queue;
    uint32_t index;

    uint8_t *batch; /* rendered messages */
    size_t message_size;
    uint64_t batch_messages; /* as many fit */
    size_t key_offset;       /* within a message */
    size_t head_offset;
    size_t tail_offset;
    size_t tail_split; /* octets of the identity copy before a frame ends amidst it; else 8 */
    uint64_t random;

    uint64_t sent;    /* also the next sequence number, and publish sequence number less one */
    uint64_t settled; /* confirmed or nacked */
    uint64_t oldest;  /* the oldest outstanding sequence number, or `sent` */
    int64_t *due_ns;  /* per sequence number % window: when it was due; 0: settled */
    uint64_t window;  /* a power of two */
    uint64_t in_tx;   /* published since the last tx.commit */
    bool commit_pending;
    int64_t rate_start_ns;
};

/* Selects confirms or transactions and renders the batch.  False after perf_fail(). */
bool producer_init(struct producer *producer, struct perf *perf, struct channel *channel,
                   struct queue *queue, uint32_t index);

/* The time from which a rate counts. */
void producer_start(struct producer *producer);

/* Publishes as much as the limits and one batch allow. */
void producer_publish(struct producer *producer);

/* With -r: when the next message is due; INT64_MAX when something else must happen first. */
int64_t producer_due_ns(const struct producer *producer);

void producer_on_confirm(struct producer *producer, uint64_t tag, bool multiple, bool is_nack);
void producer_on_commit_ok(struct producer *producer);

/* True when -C messages are published. */
bool producer_is_exhausted(const struct producer *producer);

/* Commits an unfinished transaction; to be called until producer_is_settled(). */
void producer_finish(struct producer *producer);

/* True when nothing is waiting for the broker's confirm or commit-ok, or for the socket. */
bool producer_is_settled(const struct producer *producer);

void producer_clear(struct producer *producer);

#endif
