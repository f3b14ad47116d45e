/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMQP exceptions (compat 1.10). Raised once, where the error is found; whether a code closes the
 * channel or the connection is a column of the reply-code table. The blamed method is the one in
 * progress (connection->current_method). Reply texts are `SYMBOLIC_NAME - explanation`, cut at 252
 * octets plus "..." as RabbitMQ does.
 */
#ifndef LEVERET_BROKER_PROTOCOL_EXCEPTION_H
#define LEVERET_BROKER_PROTOCOL_EXCEPTION_H

#include <stdint.h>

struct channel;
struct connection;
struct refusal;

/*
 * Soft code: channel.close; unacked messages are requeued and consumers dropped at once, later frames
 * of the channel ignored until close-ok. Hard code: as connection_fail(). Does nothing more when the
 * channel is closing already.
 */
void channel_fail(struct channel *channel, uint16_t reply_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* channel_fail() with what an entity function refused. */
void channel_refuse(struct channel *channel, const struct refusal *refusal);

/*
 * connection.close with any code; all channels end, exclusive queues are deleted. Until the client is
 * known and connection.open awaited it gets no frame (connection_doom), but for a refused login.
 * An empty format sends the symbolic name alone ("INTERNAL_ERROR").
 */
void connection_fail(struct connection *connection, uint16_t reply_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 506 `out of memory`: of a size that the client chose. */
void connection_fail_memory(struct connection *connection);

#endif
