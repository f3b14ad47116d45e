/* SPDX-License-Identifier: Apache-2.0 */
/*
 * basic.publish from method to queues: what a channel remembers of the method while the content
 * arrives, the checks of compat 2.11 in their order, routing with a memo, return, confirm.
 *
 * The memo: publishing again to the same exchange with the same key takes the route of last time, as
 * long as vhost->routing_generation stands still and the route depended on nothing else. Publishing to the
 * same exchange with another key takes the exchange of last time. Changed permissions move the generation
 * too, so that neither asks again whether the user may.
 */
#ifndef LEVERET_BROKER_PROTOCOL_PUBLISH_H
#define LEVERET_BROKER_PROTOCOL_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/method.h"
#include "amqp/slice.h"
#include "amqp/spec.h"
#include "broker/entities/route.h"

struct channel;
struct exchange;
struct message;

/* A channel's publishing state; allocated by its first publish. */
struct publisher {
    bool mandatory;
    bool immediate;
    uint8_t exchange_len;
    uint8_t routing_key_len;
    bool
        has_memo; /* `source` and `route` belong to exchange and key below, while `route` is current */
    bool borrowed; /* header_payload points into the connection's input */
    uint64_t body_size;
    struct slice header_payload; /* while borrowed */
    struct message *message;     /* a body in parts; NULL until made */
    struct exchange *source;     /* to publish to, permission included; NULL: not looked for yet */
    uint64_t source_generation;  /* vhost->routing_generation for which `source` holds */
    bool checks_topics;          /* the user has permissions for keys of `source` */
    bool takes_detour;           /* a transaction holds what is published, or it is traced */
    struct route route;
    uint8_t exchange[AMQP_SHORTSTR_MAX];
    uint8_t routing_key[AMQP_SHORTSTR_MAX];
};

/* Remembers the method. */
void publish_begin(struct channel *channel, const struct amqp_basic_publish *method);

/* The message is complete: checks, routes, enqueues, confirms. Takes the message. */
void publish_message(struct channel *channel, struct message *message);

/* NULL is allowed. */
void publisher_destroy(struct publisher *publisher);

#endif
