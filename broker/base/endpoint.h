/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam between sockets and protocols. A transport (net/) pushes the octets it read into an
 * endpoint and writes out what the endpoint put into its outbuf; the endpoint never sees a socket.
 *
 *   transport_tcp reads -> ops->feed(endpoint, octets) -> how many were used; the transport keeps
 *                          the rest and offers it again, with more behind it, when more has arrived
 *   peer went away      -> ops->on_end_of_input(endpoint)
 *   endpoint has output -> endpoint_mark_dirty(); the tick flushes every dirty endpoint once
 *   endpoint is done    -> endpoint_close(): the transport flushes the output, closes, and calls
 *                          ops->destroy at the end of the tick
 */
#ifndef LEVERET_BROKER_BASE_ENDPOINT_H
#define LEVERET_BROKER_BASE_ENDPOINT_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/outbuf.h"

struct endpoint;

struct endpoint_ops {
    /* Uses octets from the front of `bytes` and returns how many. May use fewer: a frame is
     * unfinished, or input is paused (see `input_paused`), or it yields. Never called after endpoint_close(). */
    size_t (*feed)(struct endpoint *endpoint, struct slice bytes);
    /* The peer closed its side or the socket failed; the endpoint cleans up. The transport closes the
     * socket and destroys the endpoint at the end of the tick. Called at most once, not after
     * endpoint_close(). */
    void (*on_end_of_input)(struct endpoint *endpoint);
    /* Output fell to OUTPUT_LOW_WATER or below after it had been above OUTPUT_HIGH_WATER. */
    void (*on_output_drained)(struct endpoint *endpoint);
    /* Frees the endpoint. Its output was cleared before. */
    void (*destroy)(struct endpoint *endpoint);
};

/* A connection with more output than this gets no further deliveries and is not read from. */
#define OUTPUT_HIGH_WATER (1024u * 1024u)
#define OUTPUT_LOW_WATER  (512u * 1024u)

/* Endpoints that want the transport's attention at the end of the tick. Owned by the loop's owner. */
struct endpoint_lists {
    struct list dirty; /* link: dirty_link */
    /* See endpoint_progress(); NULL where there is nothing below the endpoints that could say more. */
    uint64_t (*progress)(const struct endpoint *endpoint);
};

struct endpoint {
    const struct endpoint_ops *ops;
    struct endpoint_lists *lists;
    struct list dirty_link;
    void *transport; /* set by the transport for itself */
    struct outbuf output;
    uint64_t received_bytes; /* counted by the transport */
    uint64_t sent_bytes;
    uint64_t received_count; /* reads and writes of the transport that moved octets */
    uint64_t sent_count;
    bool input_paused; /* the endpoint wants nothing more for now; the transport stops reading */
    bool closing;      /* endpoint_close() was called */
    bool reset;        /* close at once, output is dropped */
    bool yielded;      /* see endpoint_yield() */
    bool
        input_is_secret; /* set by feed: the transport is to overwrite what was just used, and clears it */
    bool congested; /* output passed OUTPUT_HIGH_WATER and has not fallen to OUTPUT_LOW_WATER */
};

void endpoint_init(struct endpoint *endpoint, const struct endpoint_ops *ops,
                   struct endpoint_lists *lists, struct outbuf_pool *pool);

/* The tick will flush this endpoint, look at input_paused again and carry out a close. Cheap. */
static inline void endpoint_mark_dirty(struct endpoint *endpoint) {
    if (!list_is_linked(&endpoint->dirty_link))
        list_append(&endpoint->lists->dirty, &endpoint->dirty_link);
}

/*
 * A number that changes when the peer's side of the socket takes or sends octets, also those that wait
 * in the kernel while the endpoint is not read from. Costs two system calls: for rare questions.
 */
static inline uint64_t endpoint_progress(const struct endpoint *endpoint) {
    return endpoint->lists->progress == NULL ? endpoint->sent_bytes
                                             : endpoint->lists->progress(endpoint);
}

/* Close the transport after the output has left, or at once with `reset`. */
void endpoint_close(struct endpoint *endpoint, bool reset);

/* For feed: the endpoint had its share of this turn, and is fed what it left in the next. */
void endpoint_yield(struct endpoint *endpoint);

/* Stops or resumes input; marks dirty when that is a change. */
void endpoint_pause_input(struct endpoint *endpoint, bool paused);

/* Sets `congested` from the size of the output; true while congested. Called after appending. */
static inline bool endpoint_is_congested(struct endpoint *endpoint) {
    if (outbuf_size(&endpoint->output) > OUTPUT_HIGH_WATER)
        endpoint->congested = true;
    return endpoint->congested;
}

#endif
