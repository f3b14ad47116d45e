/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/send.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/frame.h"
#include "broker/base/alloc.h"
#include "broker/base/endpoint.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/gate.h"

/* Most methods fit a short reservation, so one pass does; a longer one is measured first. */
#define USUAL_METHOD_SIZE 512u

static void send_long_method(struct outbuf *output, uint16_t channel_number,
                             const struct amqp_method *method, size_t size) {
    uint8_t *buffer = xmalloc(size);
    struct writer w = writer_over(buffer, size);
    frame_encode_method(&w, channel_number, method);
    assert(writer_is_complete(&w));
    outbuf_append(output, slice_of(buffer, size));
    free(buffer);
}

void send_method(struct connection *connection, uint16_t channel_number,
                 const struct amqp_method *method) {
    if (gate_is_promise(method->id))
        gate_close_for_promise(connection);
    struct outbuf *output =
        gate_is_passed_by(method->id) ? &connection->endpoint.output : gate_output(connection);
    uint8_t *room = outbuf_reserve(output, USUAL_METHOD_SIZE);
    struct writer w = writer_over(room, USUAL_METHOD_SIZE);
    frame_encode_method(&w, channel_number, method);
    assert(!writer_failed(&w));
    if (writer_overflowed(&w))
        send_long_method(output, channel_number, method, writer_length(&w));
    else
        outbuf_commit(output, writer_length(&w));
    gate_limit(connection);
    endpoint_mark_dirty(&connection->endpoint);
}

void send_on_channel(struct channel *channel, const struct amqp_method *method) {
    send_method(channel->connection, channel->number, method);
}

void send_heartbeat(struct connection *connection) {
    uint8_t frame[AMQP_FRAME_OVERHEAD];
    struct writer w = writer_over(frame, sizeof frame);
    frame_encode_heartbeat(&w);
    outbuf_append(&connection->endpoint.output, writer_written(&w));
    endpoint_mark_dirty(&connection->endpoint);
}
