/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges that are declared with arguments, or not. */
#ifndef LEVERET_TESTS_SUPPORT_EXCHANGE_DECLARE_H
#define LEVERET_TESTS_SUPPORT_EXCHANGE_DECLARE_H

#include "tests/support/arguments.h"
#include "tests/support/peer.h"

static inline void declare_with(struct peer *p, const char *exchange, const char *type,
                                struct slice arguments) {
    peer_send(p, exchange_declare, .exchange = slice_from_text(exchange),
              .type = slice_from_text(type), .arguments = arguments);
    peer_expect(p, exchange_declare_ok);
}

static inline void expect_declare_refused(struct peer *p, const char *type, struct slice arguments,
                                          const char *text) {
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = slice_from_text(type),
              .arguments = arguments);
    peer_expect_channel_exception(p, 406, text, exchange_declare);
    peer_reopen(p);
}

static inline void expect_bind_refused(struct peer *p, const char *key, const char *text) {
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("x"),
              .routing_key = slice_from_text(key));
    peer_expect_channel_exception(p, 406, text, queue_bind);
    peer_reopen(p);
}

#endif
