/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/transaction.h"

#include <inttypes.h>
#include <stdlib.h>

#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/list.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/route.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/publish.h"
#include "broker/protocol/settle.h"

struct held_publish {
    struct list link;
    struct message *message;
    bool mandatory;
    uint32_t name_count;
    struct amqp_table_builder queue_names; /* the values of a table without keys */
};

struct held_settlement {
    struct list link;
    struct unacked record;
    enum settlement settlement;
};

struct transaction {
    struct list publishes;
    struct list settlements;
    uint64_t copies; /* that the publishes will make at most */
};

void transaction_select(struct channel *channel) {
    if (channel->transaction != NULL)
        return;
    channel->transaction = xcalloc(1, sizeof *channel->transaction);
    if (channel->publisher != NULL)
        channel->publisher->takes_detour = true;
    list_init(&channel->transaction->publishes);
    list_init(&channel->transaction->settlements);
}

static void add_name(struct held_publish *held, struct slice name) {
    amqp_table_put_text(&held->queue_names, AMQP_NO_NAME, name);
    held->name_count++;
}

/* CC or BCC; what is no text is no key. */
static void add_names_of(struct held_publish *held, struct slice keys) {
    struct amqp_array_iterator at = amqp_array_begin(keys);
    struct amqp_value key;
    while (amqp_array_next(&at, &key)) {
        if (key.tag == AMQP_TAG_TEXT)
            add_name(held, key.bytes);
    }
}

static void add_queue_names(struct held_publish *held, const struct publisher *publisher,
                            const struct route_request *request) {
    if (exchange_is_default(publisher->source)) {
        add_name(held, request->routing_key);
        add_names_of(held, request->cc);
        add_names_of(held, request->bcc);
        return;
    }
    for (size_t i = 0; i < publisher->route.count; i++)
        add_name(held, publisher->route.queues[i]->name);
}

void transaction_hold_publish(struct channel *channel, struct message *message,
                              const struct route_request *request) {
    struct broker *broker = channel->connection->broker;
    uint32_t copies_max = broker->settings.transaction_copies_max;
    struct held_publish *held = xcalloc(1, sizeof *held);
    list_init(&held->link);
    held->message = message_ref(message);
    /* An exchange that delays has it already, as RabbitMQ's; commit-ok tells that it is safe. */
    if (broker->promise_lsn < channel->publisher->route.held_lsn)
        broker->promise_lsn = channel->publisher->route.held_lsn;
    held->mandatory = channel->publisher->mandatory;
    amqp_table_builder_init(&held->queue_names);
    add_queue_names(held, channel->publisher, request);
    list_append(&channel->transaction->publishes, &held->link);
    channel->transaction->copies += held->name_count;
    if (copies_max == 0 || channel->transaction->copies <= copies_max)
        return;
    limit_reached(broker, LIMIT_TRANSACTION);
    connection_fail(channel->connection, AMQP_RESOURCE_ERROR,
                    "transaction of more than %" PRIu32 " copies of messages", copies_max);
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
    amqp_table_builder_clear(&held->queue_names);
    message_unref(held->message);
    free(held);
}

/* Each queue once, though two keys may name it. */
static void find_queues(struct route *route, const struct vhost *vhost, struct held_publish *held) {
    struct amqp_table_iterator names =
        amqp_table_begin(amqp_table_builder_finish(&held->queue_names));
    struct slice no_key;
    struct amqp_value name;
    route->mark = ++vhost->broker->route_count;
    route->count = 0;
    while (amqp_table_next(&names, &no_key, &name)) {
        struct queue *queue = vhost_find_destination(vhost, name.bytes);
        if (queue != NULL)
            route_to_queue(route, queue);
    }
}

/* False when a queue rejected it. */
static bool commit_publish(struct channel *channel, struct held_publish *held) {
    struct broker *broker = channel->connection->broker;
    struct route route;
    route_init(&route);
    find_queues(&route, channel->connection->vhost, held);
    bool accepted =
        broker_publish(broker, held->message, route.queues, route.count, &broker->promise_lsn);
    if (route.count == 0 && held->mandatory)
        send_basic_return(channel, held->message);
    route_clear(&route);
    free_publish(held);
    return accepted;
}

bool transaction_commit(struct channel *channel) {
    struct transaction *transaction = channel->transaction;
    struct broker *broker = channel->connection->broker;
    struct list *link;
    transaction->copies = 0;
    bool accepted = true;
    bool settles = !list_is_empty(&transaction->settlements);
    store_begin_atomic(broker);
    while ((link = list_take_first(&transaction->publishes)) != NULL)
        accepted &= commit_publish(channel, LIST_ITEM(link, struct held_publish, link));
    while ((link = list_take_first(&transaction->settlements)) != NULL) {
        struct held_settlement *held = LIST_ITEM(link, struct held_settlement, link);
        settle_record(channel, &held->record, held->settlement);
        free(held);
    }
    store_end_atomic(broker);
    if (settles)
        store_promise_settled(broker);
    return accepted;
}

void transaction_rollback(struct channel *channel) {
    struct transaction *transaction = channel->transaction;
    struct list *link;
    transaction->copies = 0;
    while ((link = list_take_first(&transaction->publishes)) != NULL)
        free_publish(LIST_ITEM(link, struct held_publish, link));
    while ((link = list_take_first(&transaction->settlements)) != NULL) {
        struct held_settlement *held = LIST_ITEM(link, struct held_settlement, link);
        unacked_restore(&channel->unacked, &held->record);
        free(held);
    }
    unacked_sort(&channel->unacked);
}

void transaction_destroy(struct channel *channel) {
    if (channel->transaction == NULL)
        return;
    transaction_rollback(channel);
    free(channel->transaction);
    channel->transaction = NULL;
}

static size_t list_count(const struct list *list) {
    size_t count = 0;

    LIST_FOR_EACH(list, at)
    count++;
    return count;
}

size_t transaction_publish_count(const struct channel *channel) {
    return channel->transaction == NULL ? 0 : list_count(&channel->transaction->publishes);
}

size_t transaction_settlement_count(const struct channel *channel) {
    return channel->transaction == NULL ? 0 : list_count(&channel->transaction->settlements);
}
