/* SPDX-License-Identifier: Apache-2.0 */
/* The eras of a queue's time to live in the journal, see queue_lifetimes.h. */
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_lifetimes.h"
#include "broker/entities/store.h"
#include "broker/entities/store_private.h"
#include "broker/entities/vhost.h"

static void encode_key(struct writer *w, const void *object) {
    const struct queue *queue = object;
    writer_u64(w, queue->id);
}

static void encode_eras(struct writer *w, const void *object) {
    const struct queue_lifetimes *lifetimes = ((const struct queue *)object)->lifetimes;
    for (size_t i = 0; i < lifetimes->count; i++) {
        writer_u64(w, lifetimes->eras[i].first_sequence);
        writer_u64(w, (uint64_t)lifetimes->eras[i].time_to_live_ms);
    }
}

void store_put_lifetimes(const struct queue *queue) {
    store_put_record(queue->vhost->broker, STORE_LIFETIMES, encode_key, encode_eras, queue);
}

void store_delete_lifetimes(const struct queue *queue) {
    if (queue->lifetimes != NULL)
        store_forget_record(queue->vhost->broker, STORE_LIFETIMES, encode_key, queue);
}

bool store_restore_lifetimes(struct queue *queue, struct slice payload) {
    struct queue_lifetimes *lifetimes = xcalloc(1, sizeof *lifetimes);
    struct cursor at = cursor_over(payload);
    free(queue->lifetimes);
    queue->lifetimes = lifetimes;
    while (cursor_remaining(&at) > 0 && lifetimes->count < LIFETIME_ERAS_MAX) {
        struct lifetime_era *era = &lifetimes->eras[lifetimes->count++];
        era->first_sequence = cursor_u64(&at);
        era->time_to_live_ms = (int64_t)cursor_u64(&at);
    }
    return !cursor_failed(&at) && cursor_remaining(&at) == 0;
}
