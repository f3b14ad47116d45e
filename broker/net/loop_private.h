/* SPDX-License-Identifier: Apache-2.0 */
/* What listeners and transports share of the loop. For broker/net only. */
#ifndef LEVERET_BROKER_NET_LOOP_PRIVATE_H
#define LEVERET_BROKER_NET_LOOP_PRIVATE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/base/env.h"
#include "broker/base/list.h"
#include "broker/base/timer.h"
#include "broker/net/loop.h"
#include "broker/net/tls_session.h"

#define LOOP_SIGNAL_COUNT 3

struct loop {
    struct ev_loop *ev;
    struct env *env;
    struct timers *timers;
    ev_prepare prepare;
    ev_check check;
    ev_idle idle;           /* active: do not wait */
    int64_t expected_us;    /* when loop_expect_input() was called last */
    int64_t awake_until_us; /* on the same clock: until then it does not sleep; 0: it may */
    ev_timer deadline;
    int64_t deadline_ms; /* what `deadline` is set to, TIMERS_NONE when stopped */
    ev_signal signals[LOOP_SIGNAL_COUNT];
    void (*before_wait)(void *context);
    void *before_wait_context;
    void (*on_signal)(void *context, int number);
    void *on_signal_context;
    ev_async wake;
    void (*on_wake)(void *context); /* NULL: nobody wakes this loop */
    void *on_wake_context;

    uint8_t *input; /* the one buffer that every socket is read into */
    size_t input_capacity;
    uint8_t *ciphertext;          /* the same for TLS, NULL while there was none */
    struct tls_buffer tls_output; /* empty between calls: records on their way to a socket */
    struct list handshakes;       /* transports with input for their handshake */
    struct list transports;       /* open ones */
    struct list
        ended_transports; /* with an endpoint or a socket to be disposed of at the tick's end */
    size_t transport_count;
    struct list paused_listeners; /* out of descriptors */
};

/* The input buffer with room for `size` octets; NULL when memory is out. */
uint8_t *loop_input(struct loop *loop, size_t size);

/* TRANSPORT_READ_SIZE octets for what TLS reads; NULL when memory is out. */
uint8_t *loop_ciphertext(struct loop *loop);

#endif
