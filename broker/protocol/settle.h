/* SPDX-License-Identifier: Apache-2.0 */
/* What acknowledging, rejecting and requeueing do to a delivery, to its queue and to credit. */
#ifndef LEVERET_BROKER_PROTOCOL_SETTLE_H
#define LEVERET_BROKER_PROTOCOL_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

struct channel;
struct channel_consumer;
struct unacked;

/* A requeue that is a failure counts against the delivery limit of a quorum queue. */
enum settlement { SETTLE_ACK, SETTLE_DISCARD, SETTLE_REQUEUE, SETTLE_REQUEUE_FAILED };

/*
 * basic.ack, nack and reject: settles one delivery, or all up to `delivery_tag` (0: all there are).
 * In a transaction it is held until commit. A tag that is not outstanding settles nothing and fails the
 * channel with 406 `unknown delivery tag N`.
 */
void settle_deliveries(struct channel *channel, uint64_t delivery_tag, bool multiple,
                       enum settlement settlement);

/* basic.recover: every outstanding delivery goes back to its queue. */
void settle_requeue_all(struct channel *channel);

/*
 * What the consumer has had since `until_ms` or longer goes back to its queue without having failed.
 * The tags stay outstanding: settling one later does nothing. A cancelled consumer is gone after that
 * when it has no more. Returns how many went back.
 */
uint32_t settle_return_kept(struct channel *channel, struct channel_consumer *consumer,
                            int64_t until_ms);

/* Settles a record that was taken from the channel's unacked list. */
void settle_record(struct channel *channel, const struct unacked *record,
                   enum settlement settlement);

#endif
