/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/queue_lifetimes.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_quorum.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"

/* Dead letters on their way refer to their queue: a crash may bring them back. */
static bool has_messages(const struct queue *queue) {
    return queue_ready_count(queue) + queue->unacked_count + queue->references > 0 ||
           (queue->quorum != NULL && queue->quorum->withheld_count > 0);
}

static int64_t longer(int64_t a_ms, int64_t b_ms) {
    if (a_ms < 0 || b_ms < 0)
        return -1;
    return a_ms > b_ms ? a_ms : b_ms;
}

static void join_first_two(struct queue_lifetimes *lifetimes) {
    struct lifetime_era *eras = lifetimes->eras;
    eras[0].time_to_live_ms = longer(eras[0].time_to_live_ms, eras[1].time_to_live_ms);
    lifetimes->count--;
    memmove(eras + 1, eras + 2, (lifetimes->count - 1) * sizeof *eras);
}

/* One in which nothing was published counts for nothing. */
static void begin_era(struct queue_lifetimes *lifetimes, struct lifetime_era era) {
    size_t count = lifetimes->count;
    if (count > 0 && lifetimes->eras[count - 1].first_sequence == era.first_sequence)
        lifetimes->count--;
    else if (count == LIFETIME_ERAS_MAX)
        join_first_two(lifetimes);
    lifetimes->eras[lifetimes->count++] = era;
}

static void forget(struct queue *queue) {
    if (queue->lifetimes == NULL)
        return;
    store_delete_lifetimes(queue);
    free(queue->lifetimes);
    queue->lifetimes = NULL;
}

static int64_t lifetime_of_today(const struct queue *queue) {
    return queue->features == NULL ? -1 : queue->features->message_ttl_ms;
}

void queue_change_lifetime(struct queue *queue, int64_t before_ms) {
    if (queue->id == 0 || queue->vhost->broker->journal == NULL)
        return; /* it is not durable, not declared yet, or being recovered */
    if (!has_messages(queue)) {
        forget(queue);
        return;
    }
    if (queue->lifetimes == NULL) {
        queue->lifetimes = xcalloc(1, sizeof *queue->lifetimes);
        begin_era(queue->lifetimes, (struct lifetime_era){0, before_ms});
    }
    begin_era(queue->lifetimes,
              (struct lifetime_era){queue->next_sequence, lifetime_of_today(queue)});
    store_put_lifetimes(queue);
}

int64_t queue_lifetime_of(const struct queue *queue, uint64_t sequence) {
    const struct queue_lifetimes *lifetimes = queue->lifetimes;
    size_t at = lifetimes == NULL ? 0 : lifetimes->count;
    while (at > 0 && lifetimes->eras[at - 1].first_sequence > sequence)
        at--;
    return at == 0 ? lifetime_of_today(queue) : lifetimes->eras[at - 1].time_to_live_ms;
}
