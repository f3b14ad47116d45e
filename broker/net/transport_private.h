/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a transport share: transport.c has its life, transport_opening.c what comes before
 * there is an endpoint, transport_tls.c the ciphertext. */
#ifndef LEVERET_BROKER_NET_TRANSPORT_PRIVATE_H
#define LEVERET_BROKER_NET_TRANSPORT_PRIVATE_H

#include <ev.h>

#include "broker/base/timer.h"
#include "broker/net/loop_private.h"
#include "broker/net/tls_session.h"
#include "broker/net/transport.h"

enum transport_state {
    TRANSPORT_OPENING,
    TRANSPORT_OPEN,
    TRANSPORT_CLOSING,
    TRANSPORT_LINGERING,
    TRANSPORT_ENDED,
};

struct transport {
    struct list link; /* in loop->transports or loop->ended_transports */
    struct loop *loop;
    struct endpoint *endpoint; /* owned; NULL while opening, and once destroyed, while lingering */
    ev_io read_watcher;
    ev_io write_watcher; /* active: the socket is full */
    struct timer linger; /* the bound on opening, closing and lingering */
    uint8_t *tail;       /* input that the endpoint has not used yet, NULL when none */
    size_t tail_len;
    size_t tail_capacity;
    struct transport_opening *opening; /* while opening, see transport_opening.c */
    struct tls_session *tls;           /* NULL: plain */
    struct tls_buffer unsent;          /* ciphertext that the socket did not take */
    int fd;
    enum transport_state state;
    bool tail_held;     /* the tail waits for the endpoint to want input, not for more octets */
    bool input_ended;   /* the peer has closed its side */
    bool output_failed; /* nobody will read what we write */
};

/* --- transport.c --- */

/* In the state OPENING, watching nothing yet. */
struct transport *transport_create(struct loop *loop, int fd);

/* Ends it now: to be disposed of at the end of the tick. */
void transport_finish(struct transport *transport);

/* Nothing more is written; waits for the peer to close as well. */
void transport_begin_lingering(struct transport *transport);

/* Hands the endpoint what was read: `bytes` begin with the tail. */
void transport_feed(struct transport *transport, struct slice bytes);

/* The peer is gone while the endpoint believed in it. */
void transport_end_of_input(struct transport *transport);

/* The endpoint is the transport's from now on, and is fed what comes. */
void transport_begin_open(struct transport *transport, struct endpoint *endpoint);

/* --- transport_opening.c --- */

/* Some handshakes of those that wait; true when there were any. */
bool transports_shake_hands(struct loop *loop);

/* Of a transport that is OPENING: its socket may be read, or written. */
void transport_opening_readable(struct transport *transport);
void transport_opening_writable(struct transport *transport);
/* What is kept until it is OPEN; nothing when there is none. */
void transport_opening_destroy(struct transport *transport);

/* --- transport_tls.c --- */

/* Writes what the socket refused before and then `output`; keeps the rest. False when the socket is
 * full or has failed, which `ret_failed` tells. */
bool transport_tls_send(struct transport *transport, struct tls_buffer *output, bool *ret_failed);

/* Reads the socket into the loop's buffer of ciphertext: a count, 0 at the end, negative errno. */
long transport_tls_receive(struct transport *transport);

/* Decrypts what was given and feeds it. */
void transport_tls_feed(struct transport *transport);

/* Encrypts from the endpoint's output and sends; how many octets were taken from it. */
size_t transport_tls_write(struct transport *transport, const struct iovec *iov, int count,
                           bool *ret_full, bool *ret_failed);

/* Says that nothing more comes, if the socket takes it. */
void transport_tls_end(struct transport *transport);

#endif
