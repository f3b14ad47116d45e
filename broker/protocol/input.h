/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From octets to frames to methods and contents, with the errors of compat 1.2 and 1.9.
 *
 * A frame is looked at once it is complete - except a long body frame, whose payload is handed on as
 * it arrives (streaming), so that at most a few KiB of unfinished input are ever kept for a
 * connection that sends large messages.
 */
#ifndef LEVERET_BROKER_PROTOCOL_INPUT_H
#define LEVERET_BROKER_PROTOCOL_INPUT_H

#include <stddef.h>

#include "amqp/slice.h"

struct endpoint;

/* endpoint_ops.feed of a connection. */
size_t connection_feed(struct endpoint *endpoint, struct slice bytes);

#endif
