/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers that tell how a message came to its dead-letter queue (compat 3.5): x-death, newest
 * first, one table per queue and reason with a count; x-first-death-* and x-last-death-*.
 *
 * What a publisher put under these names means nothing and is replaced when the message dies for the
 * first time; message->dead_lettered tells the broker's own headers from those.
 */
#ifndef LEVERET_BROKER_ENTITIES_DEATH_TABLE_H
#define LEVERET_BROKER_ENTITIES_DEATH_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "amqp/table.h"

struct message;

struct death {
    struct slice queue;
    struct slice reason; /* rejected, expired, maxlen */
    uint64_t time_s;
};

/* Writes the headers the message has after `death` into `builder`, which is empty. */
void death_table_build(struct amqp_table_builder *builder, const struct message *message,
                       const struct death *death);

/*
 * Whether `headers`, as built, say that the message was in this queue before and that nobody has
 * rejected it since: the broker alone would send it round for ever.
 */
bool death_table_is_cycle(struct slice headers, struct slice queue);

/* The CC keys that still count for routing; data NULL without any. */
struct slice message_copied_keys(const struct message *message, struct slice headers);

#endif
