/* SPDX-License-Identifier: Apache-2.0 */
/* Messages "1", "2" and so on of queue "q", for conversations about their order. */
#ifndef LEVERET_TESTS_SUPPORT_NUMBERS_H
#define LEVERET_TESTS_SUPPORT_NUMBERS_H

#include <stdio.h>

#include "tests/support/peer.h"

static inline void publish_numbers(struct peer *p, int from, int to) {
    char body[16];

    for (int i = from; i <= to; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_publish(p, "", "q", body);
    }
}

/* They are all there is. */
static inline void expect_numbers(struct peer *p, int from, int to) {
    char body[16];

    for (int i = from; i <= to; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_expect_get(p, "q", body);
    }
    peer_expect_get_empty(p, "q");
}

/* Delivered to `tag` with delivery tags from `first` on, and nothing else. */
static inline void expect_number_deliveries(struct peer *p, const char *tag, uint64_t first,
                                            int from, int to) {
    char body[16];

    for (int i = from; i <= to; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_expect_delivery(p, tag, first + (uint64_t)(i - from), body);
    }
    peer_expect_nothing(p);
}

/* The front, which stays unacknowledged. */
static inline void get_one(struct peer *p, const char *body) {
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, body);
}

#endif
