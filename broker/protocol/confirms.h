/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publisher confirms of a channel. Publishes are numbered from 1. Each is confirmed when what it depends
 * on is on stable storage (its LSN; 0 for what is not durable), in the order of the publishes; what can
 * be confirmed in one tick leaves as one basic.ack with `multiple`. A nack never shares a frame with
 * acks. A basic.return always goes out while its message is handled, so it precedes the confirm, which
 * goes out at the end of the tick or later.
 *
 * A channel keeps runs: consecutive publishes with the same answer and the same LSN. There are as many
 * as batches are under way, so seldom more than two.
 */
#ifndef LEVERET_BROKER_PROTOCOL_CONFIRMS_H
#define LEVERET_BROKER_PROTOCOL_CONFIRMS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/base/list.h"

struct broker;
struct channel;

struct confirm_run {
    uint64_t last_sequence; /* of the run */
    uint64_t lsn;           /* never less than that of the run before */
    int64_t published_us;   /* the first of them, on the clock of env->now_us */
    bool is_nack;
};

struct confirms {
    bool selected;          /* confirm.select was seen */
    uint64_t last_sequence; /* number of the last publish */
    uint64_t last_sent;     /* everything up to here was answered */
    struct confirm_run *runs;
    uint32_t run_count;
    uint32_t run_capacity;
    struct list link; /* in broker->unconfirmed_channels or broker->waiting_channels */
};

/* One more publish: whether all its queues took it, and what it depends on. Nothing unless selected. */
void confirms_add(struct channel *channel, bool accepted, uint64_t lsn);

/* Sends what is due on this channel. */
void confirms_send(struct channel *channel);

/* The channel is going away. */
void confirms_clear(struct channel *channel);

/* Sends what is due on all channels with something new: a step of the tick. */
void confirms_settle(struct broker *broker);

/* A batch was written: channels that waited for the disk are looked at by the next confirms_settle(). */
void confirms_resume(struct broker *broker);

#endif
