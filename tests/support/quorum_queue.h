/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations about queues of type quorum: "q" is one. */
#ifndef LEVERET_TESTS_SUPPORT_QUORUM_QUEUE_H
#define LEVERET_TESTS_SUPPORT_QUORUM_QUEUE_H

#include "tests/support/arguments.h"
#include "tests/support/headers.h"
#include "tests/support/peer.h"

#define QUORUM TEXT("x-queue-type", "quorum")
#define DLX    TEXT("x-dead-letter-exchange", "dlx")

static inline struct peer *connect_with(void **state, struct slice arguments) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", arguments);
    return p;
}

/* The front of "q" and its delivery tag; the message has come back `acquired` times. */
static inline uint64_t get_counted(struct peer *p, const char *text, const char *acquired,
                                   const char *failed) {
    const struct amqp_properties *properties;
    uint64_t delivery_tag;

    peer_send(p, basic_get, .queue = SLICE("q"));
    delivery_tag = peer_receive(p, basic_get_ok)->delivery_tag;
    properties = peer_expect_content(p, text);
    assert_header(properties, "x-acquired-count", acquired);
    assert_header(properties, "x-delivery-count", failed);
    return delivery_tag;
}

#endif
