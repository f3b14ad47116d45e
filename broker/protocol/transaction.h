/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class tx: publishes (checked and routed when received) and acknowledgements are held until commit.
 * Commit enqueues all messages, then applies the acks; rollback drops the one and puts the other back
 * among the outstanding. All of it happens between two frames, so other connections see all or nothing.
 *
 * A transaction of more copies than settings.transaction_copies_max ends its connection with 506: the
 * commit would keep everybody waiting, and take memory that no alarm can hold back.
 *
 * As in RabbitMQ a held publish keeps the names of its queues, and commit delivers to those that exist
 * then. For the default exchange these are the routing keys, whether there is such a queue yet or not.
 */
#ifndef LEVERET_BROKER_PROTOCOL_TRANSACTION_H
#define LEVERET_BROKER_PROTOCOL_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/protocol/settle.h"
#include "broker/protocol/unacked.h"

struct channel;
struct message;
struct route_request;

/* Starts holding; does nothing when the channel is transactional already. */
void transaction_select(struct channel *channel);

/*
 * Takes one more reference of the message; `request` is what it was routed by. The connection may have
 * been failed and the channel be gone afterwards.
 */
void transaction_hold_publish(struct channel *channel, struct message *message,
                              const struct route_request *request);

/* Takes the record, which was removed from the channel's unacked list. */
void transaction_hold_settlement(struct channel *channel, const struct unacked *record,
                                 enum settlement settlement);

/* Everything is carried out. False when a queue rejected a message: the commit is partial. */
bool transaction_commit(struct channel *channel);
void transaction_rollback(struct channel *channel);

/* What it holds; 0 without a transaction. Walks the lists: for people who look. */
size_t transaction_publish_count(const struct channel *channel);
size_t transaction_settlement_count(const struct channel *channel);

/* Rolls back and frees. */
void transaction_destroy(struct channel *channel);

#endif
