/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/delivery_history.h"

#include <stdlib.h>

#include "broker/base/alloc.h"

struct delivery_history *delivery_history_find(struct delivery_history *histories,
                                               uint64_t sequence) {
    struct delivery_history *found;
    HASH_FIND(by_sequence, histories, &sequence, sizeof sequence, found);
    return found;
}

struct delivery_history *delivery_history_open(struct delivery_history **histories,
                                               uint64_t sequence) {
    struct delivery_history *history = delivery_history_find(*histories, sequence);
    if (history != NULL)
        return history;
    history = xcalloc(1, sizeof *history);
    history->sequence = sequence;
    HASH_ADD(by_sequence, *histories, sequence, sizeof history->sequence, history);
    return history;
}

void delivery_history_close(struct delivery_history **histories, struct delivery_history *history) {
    HASH_DELETE(by_sequence, *histories, history);
    free(history);
}
