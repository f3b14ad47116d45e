/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message of a quorum queue went through, if anything: how often a consumer had it, how often
 * that failed, whether it has to wait for its next try, and whether it is dead already and its letter
 * waits to be taken (compat 3.3). Most messages are delivered once and have no history.
 *
 * A history begins when its message comes back for the first time, and ends with the message. It is
 * stored with every change (store.h), so that neither a limit nor a wait can be escaped by a restart.
 */
#ifndef LEVERET_BROKER_ENTITIES_DELIVERY_HISTORY_H
#define LEVERET_BROKER_ENTITIES_DELIVERY_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "broker/base/map.h"

struct delivery_history {
    uint64_t sequence; /* of the message in its queue */
    UT_hash_handle by_sequence;
    uint32_t acquired;     /* times it was handed to a consumer and came back */
    uint32_t failed;       /* times among those that count against the delivery limit */
    int64_t retry_wall_ms; /* 0, or when it becomes ready again, since 1970 */
    uint8_t died_of;       /* 0, or one more than its enum dead_letter_reason */
};

/* A map, NULL when empty. */
struct delivery_history *delivery_history_find(struct delivery_history *histories,
                                               uint64_t sequence);
/* The one there is, or a new one. */
struct delivery_history *delivery_history_open(struct delivery_history **histories,
                                               uint64_t sequence);
void delivery_history_close(struct delivery_history **histories, struct delivery_history *history);

#endif
