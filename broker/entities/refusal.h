/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the broker will not do what it was asked: an AMQP reply code and RabbitMQ's explanation.
 * Entity functions fill one in and return false (or NULL); the protocol turns it into a channel or
 * connection exception, the HTTP API into a status. Raised once, where the reason is known.
 */
#ifndef LEVERET_BROKER_ENTITIES_REFUSAL_H
#define LEVERET_BROKER_ENTITIES_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "amqp/spec.h"

/* Longer than any reply text; the exception cuts to 255 octets as RabbitMQ does. */
#define REFUSAL_TEXT_MAX 1024

struct refusal {
    uint16_t reply_code;         /* enum amqp_reply_code; 0 when nothing was refused */
    char text[REFUSAL_TEXT_MAX]; /* explanation without "SYMBOLIC_NAME - " */
};

/* Fills `refusal` (printf-style) and returns false, so that callers can `return refuse(...)`. */
bool refuse(struct refusal *refusal, uint16_t reply_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 404 `no queue 'q' in vhost '/'`; kind is "queue" or "exchange". Returns false. */
bool refuse_not_found(struct refusal *refusal, const char *kind, struct slice name,
                      struct slice vhost_name);

/* 506 `out of memory`: the peer chose the size. Returns false. */
bool refuse_memory(struct refusal *refusal);

#endif
