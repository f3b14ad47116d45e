/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a purge or a deletion takes out of a queue. The queue is empty at once; a few messages are
 * finished at once too, many are moved to a shell of a queue and finished by a chore, in the order in
 * which they would have been delivered. Purge-ok waits for the disk where all were finished at once;
 * of many that were purged a crash right behind it may bring back some, as RabbitMQ's purge may, which
 * syncs nothing. Of a deleted queue nothing comes back, for the journal knows that it is gone.
 */
#include <stdint.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/chore.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/vhost.h"

/* Messages that are finished at once. */
#define AT_ONCE_MAX 256

struct queue_remains {
    struct chore chore;
    struct queue *queue; /* they were in it; it may be deleted by now */
    struct queue shell;  /* holds them, and is nothing else */
};

/* Moves the ready messages of `from` to `to`, which has none and is otherwise untouched. */
static void move_ready(struct queue *to, struct queue *from) {
    to->vhost = from->vhost;
    to->ready = from->ready;
    to->levels = from->levels;
    ready_list_init(&from->ready);
    from->ready.has_sizes = to->ready.has_sizes;
    if (from->levels != NULL)
        from->levels = from->quorum != NULL ? ready_levels_create_quorum()
                                            : ready_levels_create(from->levels->highest);
    to->ready_bytes = from->ready_bytes;
    from->ready_bytes = 0;
}

static void remains_destroy(struct queue_remains *remains) {
    ready_list_clear(&remains->shell.ready);
    ready_levels_destroy(remains->shell.levels);
    queue_unref(remains->queue);
    free(remains);
}

static size_t finish(struct queue *queue, struct queue *holder, size_t budget) {
    size_t done = 0;
    for (; done < budget && queue_ready_count(holder) > 0; done++) {
        struct entry entry = queue_front_take(holder);
        queue_uncount_persistent(queue, &entry);
        queue_finish_undelivered(queue, entry);
    }
    return done;
}

static size_t finish_remains(struct chore *chore, size_t budget) {
    struct queue_remains *remains = LIST_ITEM(chore, struct queue_remains, chore);
    size_t done = finish(remains->queue, &remains->shell, budget);
    if (done < budget)
        remains_destroy(remains);
    return done;
}

void queue_clear_ready(struct queue *queue) {
    if (queue_ready_count(queue) <= AT_ONCE_MAX) {
        finish(queue, queue, SIZE_MAX);
        ready_list_clear(&queue->ready);
        queue->ready_bytes = 0;
        return;
    }
    struct queue_remains *remains = xcalloc(1, sizeof *remains);
    remains->queue = queue_ref(queue);
    move_ready(&remains->shell, queue);
    chore_add(queue->vhost->broker, &remains->chore, finish_remains);
}
