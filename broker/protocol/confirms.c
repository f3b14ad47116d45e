/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/confirms.h"

#include "broker/entities/broker.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/send.h"

void confirms_add_settled(struct channel *channel) {
    struct confirms *confirms = &channel->confirms;
    if (!confirms->selected)
        return;
    struct broker *broker = channel->connection->broker;
    confirms->last_sequence++;
    broker->counters.messages_received_confirm++;
    if (!list_is_linked(&confirms->link))
        list_append(&broker->unconfirmed_channels, &confirms->link);
}

void confirms_send(struct channel *channel) {
    struct confirms *confirms = &channel->confirms;
    list_remove(&confirms->link);
    uint64_t settled = confirms->last_sequence - confirms->last_acked;
    if (settled == 0)
        return;
    confirms->last_acked = confirms->last_sequence;
    channel->connection->broker->counters.messages_confirmed += settled;
    SEND(channel, AMQP_BASIC_ACK, basic_ack, .delivery_tag = confirms->last_sequence,
         .multiple = settled > 1);
}

void confirms_settle(struct broker *broker) {
    struct list *link;
    while ((link = list_first(&broker->unconfirmed_channels)) != NULL)
        confirms_send(LIST_ITEM(link, struct channel, confirms.link));
}
