/* SPDX-License-Identifier: Apache-2.0 */
/* Class tx (compat 2.12). */
#include "amqp/spec.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/send.h"
#include "broker/protocol/transaction.h"

static void reply(struct channel *channel, enum amqp_method_id id) {
    send_on_channel(channel, &(struct amqp_method){.id = id});
}

void handle_tx_select(struct channel *channel, const struct amqp_method *method) {
    (void)method;
    if (channel->confirms.selected) {
        channel_fail(channel, AMQP_PRECONDITION_FAILED, "cannot switch from confirm to tx mode");
        return;
    }
    transaction_select(channel);
    reply(channel, AMQP_TX_SELECT_OK);
}

static bool check_transactional(struct channel *channel) {
    if (channel->transaction == NULL)
        channel_fail(channel, AMQP_PRECONDITION_FAILED, "channel is not transactional");
    return channel->transaction != NULL;
}

void handle_tx_commit(struct channel *channel, const struct amqp_method *method) {
    (void)method;
    if (!check_transactional(channel))
        return;
    if (transaction_commit(channel))
        reply(channel, AMQP_TX_COMMIT_OK);
    else
        channel_fail(channel, AMQP_PRECONDITION_FAILED, "partial tx completion");
}

void handle_tx_rollback(struct channel *channel, const struct amqp_method *method) {
    (void)method;
    if (!check_transactional(channel))
        return;
    transaction_rollback(channel);
    reply(channel, AMQP_TX_ROLLBACK_OK);
}
