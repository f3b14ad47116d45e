/* SPDX-License-Identifier: Apache-2.0 */
/* confirm.select (compat 2.11). */
#include "amqp/spec.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/send.h"

void handle_confirm_select(struct channel *channel, const struct amqp_method *method) {
    if (channel->transaction != NULL) {
        channel_fail(channel, AMQP_PRECONDITION_FAILED, "cannot switch from tx to confirm mode");
        return;
    }
    channel->confirms.selected = true;
    if (!method->confirm_select.no_wait)
        send_on_channel(channel, &(struct amqp_method){.id = AMQP_CONFIRM_SELECT_OK});
}
