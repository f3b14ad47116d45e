/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One AMQP connection: octets in, octets out, no socket and no clock.
 *
 * States, and the function that takes each edge:
 *
 *   AWAIT_PROTOCOL_HEADER --feed_protocol_header--> AWAIT_START_OK
 *   AWAIT_START_OK --handle_connection_start_ok--> AWAIT_TUNE_OK --handle_connection_tune_ok-->
 *   AWAIT_OPEN --handle_connection_open--> OPEN
 *   any of these but OPEN --connection_doom--> DOOMED     3 s of silence, then TCP close (compat 1.7)
 *   AWAIT_OPEN, OPEN --connection_fail--> CLOSING         connection.close sent, close-ok awaited
 *   OPEN --handle_connection_close--> CLOSE_OK_SENT  the client is to close TCP
 *   CLOSING --handle_connection_close_ok--> CLOSED
 *   any --connection_end (input ended, deadline passed, header refused)--> CLOSED
 *
 * Output goes to endpoint.output; who appends marks the endpoint dirty (send.h does). A connection is
 * owned by its transport, which calls ops->destroy after the tick in which it became CLOSED.
 */
#ifndef LEVERET_BROKER_PROTOCOL_CONNECTION_H
#define LEVERET_BROKER_PROTOCOL_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/method.h"
#include "amqp/slice.h"
#include "broker/base/endpoint.h"
#include "broker/base/list.h"
#include "broker/base/timer.h"
#include "broker/entities/generated_name.h"

struct broker;
struct channel;
struct rate_window;
struct slow_login;
struct tls_peer;
struct user;
struct vhost;

/* Whatever the state, silence before a close and the wait for close-ok are bounded. */
#define CONNECTION_SILENT_CLOSE_MS   3000
#define CONNECTION_CLOSE_WAIT_MAX_MS 30000

enum connection_state {
    CONNECTION_AWAIT_PROTOCOL_HEADER,
    CONNECTION_AWAIT_START_OK,
    CONNECTION_AWAIT_TUNE_OK,
    CONNECTION_AWAIT_OPEN,
    CONNECTION_OPEN,
    CONNECTION_CLOSING,
    CONNECTION_CLOSE_OK_SENT,
    CONNECTION_DOOMED,
    CONNECTION_CLOSED,
};

/* Who is at the other end. Texts are copied. */
struct connection_peer {
    const char *name; /* "127.0.0.1:51234 -> 127.0.0.1:5672", RabbitMQ's connection name */
    bool is_loopback; /* the peer's address, not the listener's */
    const struct tls_peer *tls; /* NULL without TLS */
};

struct connection {
    struct endpoint endpoint; /* first: the transport knows only this */
    struct broker *broker;
    struct list broker_link; /* in broker->connections */
    enum connection_state state;
    char *name;
    bool peer_is_loopback;
    struct slow_login *slow_login;  /* a password is being verified (slow_login.h), else NULL */
    struct tls_peer *tls;           /* owned; NULL without TLS */
    struct user *user;              /* NULL before login, and once the user was deleted */
    struct vhost *vhost;            /* NULL before connection.open, and once it was deleted */
    struct slice client_properties; /* owned table octets */
    struct rate_window *rates;      /* owned; NULL until somebody asks for rates (base/rate.h) */
    const char *auth_mechanism;     /* its name; "" before login */
    uint64_t connected_wall_ms;

    /* negotiated */
    uint32_t frame_max; /* largest frame, head and end octet included */
    uint16_t channel_max;
    uint16_t heartbeat_s; /* 0: none */

    /* client capabilities (compat 1.4) */
    bool authentication_failure_close;
    bool consumer_cancel_notify;
    bool connection_blocked;

    /* channels */
    struct channel *channels;     /* map by number */
    struct channel *last_channel; /* the one used last, looked at first */
    uint32_t channel_count;
    uint64_t assembling_bytes; /* of bodies that are not complete, over all channels (content.c) */

    /* input: a body frame that arrives in parts is streamed, see input.c */
    uint16_t streaming_channel;   /* number of the channel whose body frame is being streamed */
    bool streaming;               /* inside such a frame, end octet included */
    uint32_t streaming_remaining; /* payload octets of that frame still to come */
    bool discard_input;           /* after a frame error or a silent failure: read and forget */
    struct channel *borrowing_channel; /* its content header still points into the input */

    enum amqp_method_id current_method; /* blamed in exceptions; AMQP_METHOD_UNKNOWN: 0/0 */
    struct slice generated_queue;       /* for a declare without a name (authorize.c) */
    char generated_queue_octets[GENERATED_NAME_MAX];
    struct list exclusive_queues; /* owned by this connection; link: exclusive_link */

    struct timer deadline;          /* handshake, silent close, wait for close-ok */
    struct timer heartbeat_send;    /* every half interval (heartbeat.c) */
    struct timer heartbeat_receive; /* every interval */
    uint64_t sent_at_last_tick;
    uint64_t received_at_last_tick;
    uint64_t progress_at_last_receive_tick; /* while congested */
    bool missed_one_interval;

    struct outbuf held;    /* what waits behind the gate (gate.h) */
    uint64_t gate_lsn;     /* the LSN it waits for; 0: open */
    struct list gate_link; /* in broker->gated_connections */

    struct list fetch_link; /* in broker->fetching_connections (fetch.h) */
    bool repeats_frame;     /* the frame being handled waits for a message on disk */

    bool blocked; /* published during an alarm and is no longer read (blocking.c) */
};

/* A connection that waits for the protocol header; deadlines run from now. Owned by the caller. */
struct connection *connection_create(struct broker *broker, const struct connection_peer *peer);

/* Moves on; asserts that the edge is in the diagram above. */
void connection_set_state(struct connection *connection, enum connection_state state);

/* The one deadline of the state it is in, `timeout_ms` from now. */
void connection_set_deadline(struct connection *connection, int64_t timeout_ms);

/* NULL when no such channel is open. */
struct channel *connection_find_channel(struct connection *connection, uint16_t number);

/*
 * How long the end of a closing connection is waited for: as long as a heartbeat, at most 30 s, as
 * RabbitMQ does.
 */
static inline int64_t connection_close_wait_ms(const struct connection *connection) {
    int64_t heartbeat_ms = (int64_t)connection->heartbeat_s * 1000;

    return heartbeat_ms > 0 && heartbeat_ms < CONNECTION_CLOSE_WAIT_MAX_MS
               ? heartbeat_ms
               : CONNECTION_CLOSE_WAIT_MAX_MS;
}

/*
 * Compat 1.7: an error before the connection is open gets no frame; input is ignored and TCP closed
 * after 3 s. `reason` goes to the log.
 */
void connection_doom(struct connection *connection, const char *reason);

/*
 * Ends what the connection owns: channels (unacked messages are requeued), exclusive queues. Called
 * once on every way out; further calls do nothing.
 */
void connection_release_entities(struct connection *connection);

/* CLOSED now: cleans up and closes the transport after its output has left, or at once. */
void connection_end(struct connection *connection, bool reset);

/* connection.close `<code> - <reason>` (320, 541) to an open connection; others just end. */
void connection_force_close(struct connection *connection, uint16_t reply_code, const char *reason);

/* The same for all: broker shutdown. */
void connections_force_close_all(struct broker *broker, uint16_t reply_code, const char *reason);

static inline struct connection *connection_of_endpoint(struct endpoint *endpoint) {
    return (struct connection *)(void *)endpoint;
}

#endif
