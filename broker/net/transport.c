/* SPDX-License-Identifier: Apache-2.0 */
/* The mechanism and its rules are told in transport.h. */
#include "broker/net/transport.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/net/address.h"
#include "broker/net/listener_private.h"
#include "broker/net/loop_private.h"
#include "broker/net/transport_private.h"
#include "broker/net/transport_tcp.h"

#define IOVEC_MAX 128

/* A kept tail's memory serves the next tail as well, up to this size. */
#define TAIL_REUSE_MAX 4096u

static void settle(struct transport *transport);

/* --- ending --- */

/* To be disposed of at the end of the tick. */
static void mark_ended(struct transport *transport) {
    list_remove(&transport->link);
    list_append(&transport->loop->ended_transports, &transport->link);
}

void transport_finish(struct transport *transport) {
    struct loop *loop = transport->loop;

    if (transport->state == TRANSPORT_ENDED)
        return;
    transport->state = TRANSPORT_ENDED;
    ev_io_stop(loop->ev, &transport->read_watcher);
    ev_io_stop(loop->ev, &transport->write_watcher);
    timer_stop(loop->timers, &transport->linger);
    mark_ended(transport);
}

void transport_end_of_input(struct transport *transport) {
    if (!transport->endpoint->closing)
        transport->endpoint->ops->on_end_of_input(transport->endpoint);
    transport_finish(transport);
}

static void on_linger_timer(struct timer *timer) {
    transport_finish(LIST_ITEM(timer, struct transport, linger));
}

static void restart_linger_timer(struct transport *transport) {
    struct loop *loop = transport->loop;
    timer_start(loop->timers, &transport->linger, loop->env->now_ms + TRANSPORT_LINGER_MS,
                on_linger_timer);
}

static void drop_tail(struct transport *transport) {
    free(transport->tail);
    transport->tail = NULL;
    transport->tail_len = 0;
    transport->tail_capacity = 0;
    transport->tail_held = false;
}

static void begin_closing(struct transport *transport) {
    transport->state = TRANSPORT_CLOSING;
    drop_tail(transport);
    restart_linger_timer(transport);
}

void transport_begin_lingering(struct transport *transport) {
    if (transport->input_ended) {
        transport_finish(transport);
        return;
    }
    transport->state = TRANSPORT_LINGERING;
    if (transport->tls != NULL)
        transport_tls_end(transport);
    transport_tcp_shut_down(transport->fd);
    restart_linger_timer(transport);
    mark_ended(transport);
}

static void destroy_endpoint(struct transport *transport) {
    struct endpoint *endpoint = transport->endpoint;

    if (endpoint == NULL)
        return;
    transport->endpoint = NULL;
    list_remove(&endpoint->dirty_link);
    outbuf_clear(&endpoint->output);
    endpoint->ops->destroy(endpoint);
}

static void destroy(struct transport *transport) {
    struct loop *loop = transport->loop;

    destroy_endpoint(transport);
    transport_opening_destroy(transport);
    tls_session_destroy(transport->tls);
    tls_buffer_clear(&transport->unsent);
    drop_tail(transport);
    close(transport->fd);
    free(transport);
    loop->transport_count--;
}

void transports_reap(struct loop *loop) {
    struct list *link;
    bool descriptor_freed = false;

    while ((link = list_take_first(&loop->ended_transports)) != NULL) {
        struct transport *transport = LIST_ITEM(link, struct transport, link);
        if (transport->state == TRANSPORT_LINGERING) {
            destroy_endpoint(transport);
            list_append(&loop->transports, &transport->link);
        } else {
            destroy(transport);
            descriptor_freed = true;
        }
    }
    if (descriptor_freed && !list_is_empty(&loop->paused_listeners))
        listeners_resume_all(loop);
}

void transports_close_all(struct loop *loop) {
    transports_reap(loop);
    LIST_FOR_EACH_SAFE(&loop->transports, at) {
        struct transport *transport = LIST_ITEM(at, struct transport, link);
        if (transport->state == TRANSPORT_OPEN)
            transport_end_of_input(transport);
        else
            transport_finish(transport);
    }
    transports_reap(loop);
}

/* --- input --- */

/* False while the endpoint does not want to be fed. */
static bool wants_input(const struct transport *transport) {
    const struct endpoint *endpoint = transport->endpoint;
    return !endpoint->input_paused && !endpoint->congested && !endpoint->yielded;
}

/* Keeps `rest`, which may lie in the old tail. False when memory is out. */
static bool keep_tail(struct transport *transport, struct slice rest) {
    if (rest.len == 0) {
        drop_tail(transport);
        return true;
    }
    if (rest.len > transport->tail_capacity || transport->tail_capacity > TAIL_REUSE_MAX) {
        uint8_t *tail = try_malloc(rest.len);
        if (tail == NULL)
            return false;
        memcpy(tail, rest.data, rest.len);
        free(transport->tail);
        transport->tail = tail;
        transport->tail_capacity = rest.len;
    } else {
        memmove(transport->tail, rest.data, rest.len);
    }
    transport->tail_len = rest.len;
    transport->tail_held = !wants_input(transport);
    return true;
}

/* `bytes` is the loop's buffer, which may have begun with a copy of the tail, or the tail itself. */
static void wipe_input(struct transport *transport, struct slice bytes, size_t used) {
    transport->endpoint->input_is_secret = false;
    explicit_bzero((void *)(uintptr_t)bytes.data, used);
    if (transport->tail != NULL && transport->tail != bytes.data)
        explicit_bzero(transport->tail, transport->tail_len);
}

void transport_feed(struct transport *transport, struct slice bytes) {
    size_t used = transport->endpoint->ops->feed(transport->endpoint, bytes);

    assert(used <= bytes.len);
    if (transport->endpoint->input_is_secret)
        wipe_input(transport, bytes, used);
    if (!keep_tail(transport, slice_of(bytes.data + used, bytes.len - used)))
        transport_end_of_input(transport);
}

static void read_tls_and_feed(struct transport *transport) {
    long got = transport_tls_receive(transport);

    if (got > 0)
        transport_tls_feed(transport);
    else if (got != -EAGAIN)
        transport_end_of_input(transport);
}

static void read_and_feed(struct transport *transport) {
    size_t kept = transport->tail_len;
    uint8_t *buffer = loop_input(transport->loop, kept + TRANSPORT_READ_SIZE);

    if (buffer == NULL) {
        transport_end_of_input(transport);
        return;
    }
    long got = transport_tcp_read(transport->fd, buffer + kept, TRANSPORT_READ_SIZE);
    if (got == -EAGAIN)
        return;
    if (got <= 0) {
        transport_end_of_input(transport);
        return;
    }
    if (kept > 0)
        memcpy(buffer, transport->tail, kept);
    transport->endpoint->received_bytes += (uint64_t)got;
    transport->endpoint->received_count++;
    transport_feed(transport, slice_of(buffer, kept + (size_t)got));
}

/* Input after endpoint_close() means nothing; only its end does. */
static void read_and_forget(struct transport *transport) {
    uint8_t *buffer = loop_input(transport->loop, TRANSPORT_READ_SIZE);
    long got = -ENOMEM;

    if (buffer != NULL)
        got = transport_tcp_read(transport->fd, buffer, TRANSPORT_READ_SIZE);
    if (got > 0 || got == -EAGAIN)
        return;
    if (got < 0 || transport->state == TRANSPORT_LINGERING) {
        transport_finish(transport);
        return;
    }
    transport->input_ended = true; /* CLOSING: a peer that shut down its side may still read */
    ev_io_stop(transport->loop->ev, &transport->read_watcher);
}

static void on_readable(struct ev_loop *ev, ev_io *watcher, int events) {
    struct transport *transport = watcher->data;

    (void)ev;
    (void)events;
    if (transport->state == TRANSPORT_OPENING)
        transport_opening_readable(transport);
    else if (transport->state == TRANSPORT_OPEN && !transport->endpoint->closing)
        transport->tls == NULL ? read_and_feed(transport) : read_tls_and_feed(transport);
    else
        read_and_forget(transport);
}

/* Starts or stops watching for input; libev tells the kernel only about net changes. */
static void watch_input(struct transport *transport) {
    bool wanted =
        !transport->input_ended && (transport->state != TRANSPORT_OPEN || wants_input(transport));
    if (wanted)
        ev_io_start(transport->loop->ev, &transport->read_watcher);
    else
        ev_io_stop(transport->loop->ev, &transport->read_watcher);
}

/* The endpoint wants input again, or it is its turn: first what it was given already. */
static void feed_held_tail(struct transport *transport) {
    transport->endpoint->yielded = false;
    if (!transport->tail_held || !wants_input(transport))
        return;
    transport->tail_held = false;
    transport_feed(transport, slice_of(transport->tail, transport->tail_len));
    /* TLS said so while the tail was held. */
    if (transport->input_ended && !transport->tail_held && transport->state == TRANSPORT_OPEN)
        transport_end_of_input(transport);
}

/* --- output --- */

static void on_writable(struct ev_loop *ev, ev_io *watcher, int events) {
    struct transport *transport = watcher->data;

    (void)events;
    ev_io_stop(ev, watcher);
    if (transport->state == TRANSPORT_OPENING)
        transport_opening_writable(transport);
    else
        settle(transport);
}

/*
 * Nobody reads any more, but the peer may have sent things before it left: they are still handled,
 * and reading comes upon the end. Only an endpoint that is not read from ends here.
 */
static void on_output_failed(struct transport *transport) {
    transport->output_failed = true;
    outbuf_clear(&transport->endpoint->output);
    tls_buffer_clear(&transport->unsent);
    transport->endpoint->congested = false;
    if (transport->state != TRANSPORT_OPEN)
        transport_finish(transport);
    else if (transport->endpoint->input_paused)
        transport_end_of_input(transport);
}

static size_t iovec_size(const struct iovec *iov, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += iov[i].iov_len;
    return size;
}

/* One writev. How many octets the socket took. */
static size_t write_plain(struct transport *transport, const struct iovec *iov, int count,
                          bool *ret_full, bool *ret_failed) {
    long sent = transport_tcp_write(transport->fd, iov, count);

    *ret_failed = sent < 0 && sent != -EAGAIN;
    size_t taken = sent < 0 ? 0 : (size_t)sent;
    *ret_full = taken < iovec_size(iov, count);
    return taken;
}

/* False when the socket is full, or failed. */
static bool write_some(struct transport *transport, size_t *budget) {
    struct endpoint *endpoint = transport->endpoint;
    struct iovec iov[IOVEC_MAX];
    int count = outbuf_iovec(&endpoint->output, iov, IOVEC_MAX);
    bool full, failed;

    size_t taken = transport->tls == NULL
                       ? write_plain(transport, iov, count, &full, &failed)
                       : transport_tls_write(transport, iov, count, &full, &failed);
    if (failed) {
        on_output_failed(transport);
        return false;
    }
    outbuf_consume(&endpoint->output, taken);
    endpoint->sent_bytes += taken;
    endpoint->sent_count += taken > 0;
    *budget -= taken < *budget ? taken : *budget;
    if (taken > 0 && transport->state == TRANSPORT_CLOSING)
        restart_linger_timer(transport);
    if (full)
        ev_io_start(transport->loop->ev, &transport->write_watcher);
    return !full;
}

static bool has_output(const struct transport *transport) {
    return outbuf_size(&transport->endpoint->output) > 0 || transport->unsent.len > 0;
}

static void flush_output(struct transport *transport) {
    struct endpoint *endpoint = transport->endpoint;
    size_t budget = TRANSPORT_WRITE_BUDGET;

    if (transport->output_failed) {
        on_output_failed(transport);
        return;
    }
    if (ev_is_active(&transport->write_watcher))
        return;
    while (has_output(transport) && budget > 0) {
        if (!write_some(transport, &budget))
            break;
    }
    if (budget == 0 && has_output(transport) && !ev_is_active(&transport->write_watcher))
        endpoint_mark_dirty(endpoint); /* the next iteration goes on */
}

static void report_drained(struct endpoint *endpoint) {
    if (!endpoint->congested || outbuf_size(&endpoint->output) > OUTPUT_LOW_WATER)
        return;
    endpoint->congested = false;
    endpoint->ops->on_output_drained(endpoint);
}

/* Carries out what the endpoint has asked for since the last tick. */
static void settle(struct transport *transport) {
    struct endpoint *endpoint = transport->endpoint;

    if (transport->state == TRANSPORT_OPEN && endpoint->closing) {
        if (endpoint->reset) {
            transport_finish(transport);
            return;
        }
        begin_closing(transport);
    }
    flush_output(transport);
    if (transport->state == TRANSPORT_OPEN) {
        report_drained(endpoint);
        feed_held_tail(transport);
    } else if (transport->state == TRANSPORT_CLOSING && !has_output(transport)) {
        transport_begin_lingering(transport);
    }
    if (transport->state != TRANSPORT_ENDED)
        watch_input(transport);
}

void transports_flush(struct loop *loop, struct endpoint_lists *lists) {
    struct list dirty;
    struct list *link;

    list_init(&dirty);
    list_move_all(&dirty, &lists->dirty);
    while ((link = list_take_first(&dirty)) != NULL) {
        struct endpoint *endpoint = LIST_ITEM(link, struct endpoint, dirty_link);
        struct transport *transport = endpoint->transport;
        if (transport->state == TRANSPORT_OPEN || transport->state == TRANSPORT_CLOSING)
            settle(transport);
    }
    bool shook_hands = transports_shake_hands(loop);
    if (shook_hands || !list_is_empty(&lists->dirty))
        loop_poll_again(loop);
}

/* What has left and is acknowledged, and what has come and is not read. */
uint64_t transport_progress(const struct endpoint *endpoint) {
    const struct transport *transport = endpoint->transport;
    return endpoint->sent_bytes - transport_tcp_unacknowledged(transport->fd) +
           transport_tcp_unread(transport->fd);
}

/* --- opening --- */

struct transport *transport_create(struct loop *loop, int fd) {
    struct transport *transport = xcalloc(1, sizeof *transport);

    transport->loop = loop;
    transport->fd = fd;
    transport->state = TRANSPORT_OPENING;
    list_append(&loop->transports, &transport->link);
    loop->transport_count++;
    ev_io_init(&transport->read_watcher, on_readable, fd, EV_READ);
    ev_io_init(&transport->write_watcher, on_writable, fd, EV_WRITE);
    transport->read_watcher.data = transport->write_watcher.data = transport;
    return transport;
}

void transport_begin_open(struct transport *transport, struct endpoint *endpoint) {
    timer_stop(transport->loop->timers, &transport->linger);
    transport->endpoint = endpoint;
    transport->state = TRANSPORT_OPEN;
    endpoint->transport = transport;
    ev_io_start(transport->loop->ev, &transport->read_watcher);
}
