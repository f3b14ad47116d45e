/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way in: large reads, cut into frames where they lie, and the few methods that come by the
 * million (basic.deliver, basic.ack, basic.nack) recognised by their number.  Bodies are checked in
 * the read buffer, in as many pieces as they arrive; only an unfinished method or header frame is
 * kept for the next read.
 */
#ifndef LEVERET_PERF_RECEIVE_H
#define LEVERET_PERF_RECEIVE_H

struct connection;

/* Reads once, as much as there is, and takes it. */
void receive(struct connection *connection);

/* Takes what a paused connection had read but not taken. */
void receive_resume(struct connection *connection);

#endif
