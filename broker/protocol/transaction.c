/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/transaction.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/list.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/route.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/settle.h"

struct held_publish {
    struct list link;
    struct message *message;
    bool must_return;
    size_t queue_count;
    struct queue *queues[]; /* one reference each */
};

struct held_settlement {
    struct list link;
    struct unacked record;
    enum settlement settlement;
};

struct transaction {
    struct list publishes;
    struct list settlements;
};

void transaction_select(struct channel *channel) {
    if (channel->transaction != NULL)
        return;
    channel->transaction = xmalloc(sizeof *channel->transaction);
    list_init(&channel->transaction->publishes);
    list_init(&channel->transaction->settlements);
}

void transaction_hold_publish(struct channel *channel, struct message *message,
                              const struct route *route, bool must_return) {
    struct held_publish *held = xmalloc(sizeof *held + route->count * sizeof held->queues[0]);
    list_init(&held->link);
    held->message = message;
    held->must_return = must_return;
    held->queue_count = route->count;
    for (size_t i = 0; i < route->count; i++)
        held->queues[i] = queue_ref(route->queues[i]);
    list_append(&channel->transaction->publishes, &held->link);
}

void transaction_hold_settlement(struct channel *channel, const struct unacked *record,
                                 enum settlement settlement) {
    struct held_settlement *held = xmalloc(sizeof *held);
    list_init(&held->link);
    held->record = *record;
    held->settlement = settlement;
    list_append(&channel->transaction->settlements, &held->link);
}

static void free_publish(struct held_publish *held) {
    for (size_t i = 0; i < held->queue_count; i++)
        queue_unref(held->queues[i]);
    message_unref(held->message);
    free(held);
}

static void commit_publish(struct channel *channel, struct held_publish *held) {
    for (size_t i = 0; i < held->queue_count; i++)
        queue_publish(held->queues[i], held->message);
    if (held->must_return)
        send_basic_return(channel, held->message);
    free_publish(held);
}

void transaction_commit(struct channel *channel) {
    struct transaction *transaction = channel->transaction;
    struct list *link;
    while ((link = list_take_first(&transaction->publishes)) != NULL)
        commit_publish(channel, LIST_ITEM(link, struct held_publish, link));
    while ((link = list_take_first(&transaction->settlements)) != NULL) {
        struct held_settlement *held = LIST_ITEM(link, struct held_settlement, link);
        settle_record(channel, &held->record, held->settlement);
        free(held);
    }
}

void transaction_rollback(struct channel *channel) {
    struct transaction *transaction = channel->transaction;
    struct list *link;
    while ((link = list_take_first(&transaction->publishes)) != NULL)
        free_publish(LIST_ITEM(link, struct held_publish, link));
    while ((link = list_take_first(&transaction->settlements)) != NULL) {
        struct held_settlement *held = LIST_ITEM(link, struct held_settlement, link);
        unacked_restore(&channel->unacked, &held->record);
        free(held);
    }
}

void transaction_forget_consumer(struct channel *channel,
                                 const struct channel_consumer *consumer) {
    if (channel->transaction == NULL)
        return;
    LIST_FOR_EACH (&channel->transaction->settlements, at) {
        struct held_settlement *held = LIST_ITEM(at, struct held_settlement, link);
        if (held->record.consumer == consumer)
            held->record.consumer = NULL;
    }
}

void transaction_destroy(struct channel *channel) {
    if (channel->transaction == NULL)
        return;
    transaction_rollback(channel);
    free(channel->transaction);
    channel->transaction = NULL;
}
