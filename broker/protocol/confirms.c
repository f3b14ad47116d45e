/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/confirms.h"

#include "broker/entities/broker.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/send.h"

void confirms_add_settled(struct channel *channel, bool accepted) {
    struct confirms *confirms = &channel->confirms;
    if (!confirms->selected)
        return;
    struct broker *broker = channel->connection->broker;
    if (confirms->is_nack == accepted) { /* the other answer than the last one */
        confirms_send(channel);
        confirms->is_nack = !accepted;
    }
    confirms->last_sequence++;
    broker->counters.messages_received_confirm++;
    if (!list_is_linked(&confirms->link))
        list_append(&broker->unconfirmed_channels, &confirms->link);
}

static void send_ack(struct channel *channel, uint64_t settled) {
    channel->connection->broker->counters.messages_confirmed += settled;
    SEND(channel, AMQP_BASIC_ACK, basic_ack, .delivery_tag = channel->confirms.last_sequence,
         .multiple = settled > 1);
}

/* `requeue` means nothing here; RabbitMQ sends it as its encoder's default, true. */
static void send_nack(struct channel *channel, uint64_t settled) {
    SEND(channel, AMQP_BASIC_NACK, basic_nack, .delivery_tag = channel->confirms.last_sequence,
         .multiple = settled > 1, .requeue = true);
}

void confirms_send(struct channel *channel) {
    struct confirms *confirms = &channel->confirms;
    list_remove(&confirms->link);
    uint64_t settled = confirms->last_sequence - confirms->last_sent;
    if (settled == 0)
        return;
    confirms->last_sent = confirms->last_sequence;
    if (confirms->is_nack)
        send_nack(channel, settled);
    else
        send_ack(channel, settled);
}

void confirms_settle(struct broker *broker) {
    struct list *link;
    while ((link = list_first(&broker->unconfirmed_channels)) != NULL)
        confirms_send(LIST_ITEM(link, struct channel, confirms.link));
}
