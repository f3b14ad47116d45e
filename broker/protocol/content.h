/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembling a message from a content header frame and body frames (compat 1.9).
 *
 * While the header's octets and the body frame are in the same read, the header is only borrowed: the
 * message is made once, with its body inline, by one allocation. When the input ends in between,
 * content_keep() copies what there is.
 */
#ifndef LEVERET_BROKER_PROTOCOL_CONTENT_H
#define LEVERET_BROKER_PROTOCOL_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"

struct channel;

/* A basic.publish was accepted: its content header comes next. */
void content_expect(struct channel *channel);

/* A content header frame in state EXPECT_HEADER. */
void content_on_header(struct channel *channel, struct slice payload);

/* Body octets in state EXPECT_BODY: a whole frame's payload, or a part of one. Completes the message. */
void content_on_body(struct channel *channel, struct slice octets);

/* In state EXPECT_BODY: are this many octets still missing? */
bool content_has_room(const struct channel *channel, uint32_t octets);

/*
 * The input that the borrowed header points into is about to go away. False when memory was out: the
 * connection was failed and the channel is gone.
 */
bool content_keep(struct channel *channel);

/* The channel is being released: what was assembled of a body is forgotten. */
void content_forget(struct channel *channel);

#endif
