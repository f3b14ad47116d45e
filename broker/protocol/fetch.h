/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A basic.get whose message is on disk waits for it: the connection is not read from meanwhile, and the
 * frame is given to the channel once more when messages have arrived. So what the client sent behind it
 * stays behind it; other connections go on.
 */
#ifndef LEVERET_BROKER_PROTOCOL_FETCH_H
#define LEVERET_BROKER_PROTOCOL_FETCH_H

struct broker;
struct connection;

/* The frame being handled is to be handled again. */
void fetch_wait(struct connection *connection);

/* A step of the tick: messages arrived, everybody who waits looks again. */
void fetches_resume(struct broker *broker);

/* The connection is going away. */
void fetch_end(struct connection *connection);

#endif
