/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publisher confirms of a channel. Publishes are numbered from 1; what is settled within a tick leaves
 * as one basic.ack with `multiple`, or one basic.nack when the queues rejected it: where the answer
 * changes from one publish to the next, what came before is sent first, so that neither covers the
 * other. A basic.return always goes out while its message is handled, so it
 * precedes the confirm, which goes out at the end of the tick.
 */
#ifndef LEVERET_BROKER_PROTOCOL_CONFIRMS_H
#define LEVERET_BROKER_PROTOCOL_CONFIRMS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/base/list.h"

struct broker;
struct channel;

struct confirms {
    bool selected;          /* confirm.select was seen */
    uint64_t last_sequence; /* number of the last publish */
    uint64_t last_sent;     /* everything up to here was acked or nacked */
    bool is_nack;           /* the answer to what is not sent yet */
    struct list link;       /* in broker->unconfirmed_channels while something is to be sent */
};

/*
 * One more publish, and the broker has taken responsibility for it or, not `accepted`, a queue has
 * rejected it. Nothing unless selected.
 */
void confirms_add_settled(struct channel *channel, bool accepted);

/* Sends what is due on this channel. */
void confirms_send(struct channel *channel);

/* Sends what is due on all channels: a step of the tick. */
void confirms_settle(struct broker *broker);

#endif
