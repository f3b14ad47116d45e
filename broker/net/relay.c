/* SPDX-License-Identifier: Apache-2.0 */
/* One endpoint for each connection, with a libev watcher on its end of the pair. */
#include "broker/net/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/endpoint.h"
#include "broker/net/loop_private.h"

#define READ_SIZE 16384

struct relay {
    struct endpoint endpoint; /* first */
    struct loop *loop;
    int fd; /* our end */
    ev_io watcher;
};

static void watch(struct relay *relay, int events) {
    ev_io_stop(relay->loop->ev, &relay->watcher);
    ev_io_set(&relay->watcher, relay->fd, events);
    if (events != 0)
        ev_io_start(relay->loop->ev, &relay->watcher);
}

static int watched(const struct relay *relay) {
    return ev_is_active(&relay->watcher) ? relay->watcher.events & (EV_READ | EV_WRITE) : 0;
}

static void end(struct relay *relay) {
    watch(relay, 0);
    endpoint_close(&relay->endpoint, false);
}

/* --- from the pair to the peer --- */

static void read_reply(struct relay *relay) {
    uint8_t octets[READ_SIZE];
    ssize_t len = recv(relay->fd, octets, sizeof octets, MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0) {
        end(relay);
        return;
    }
    outbuf_append(&relay->endpoint.output, slice_of(octets, (size_t)len));
    endpoint_mark_dirty(&relay->endpoint);
    if (endpoint_is_congested(&relay->endpoint))
        watch(relay, watched(relay) & ~EV_READ);
}

static void on_output_drained(struct endpoint *endpoint) {
    struct relay *relay = (struct relay *)(void *)endpoint;
    watch(relay, watched(relay) | EV_READ);
}

/* --- from the peer to the pair --- */

/* What the pair has no room for stays with the transport. */
static size_t feed(struct endpoint *endpoint, struct slice bytes) {
    struct relay *relay = (struct relay *)(void *)endpoint;
    ssize_t sent = send(relay->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);

    endpoint->input_is_secret = true; /* every request has a password in its header */

    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        end(relay);
        return bytes.len;
    }
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < bytes.len) {
        endpoint_pause_input(endpoint, true);
        watch(relay, watched(relay) | EV_WRITE);
    }
    return (size_t)sent;
}

static void on_end_of_input(struct endpoint *endpoint) {
    watch((struct relay *)(void *)endpoint, 0);
}

static void on_ready(struct ev_loop *ev, ev_io *watcher, int events) {
    struct relay *relay = watcher->data;

    (void)ev;
    if ((events & EV_WRITE) != 0) {
        watch(relay, watched(relay) & ~EV_WRITE);
        endpoint_pause_input(&relay->endpoint, false);
    }
    if ((events & EV_READ) != 0)
        read_reply(relay);
}

/* --- life --- */

static void destroy(struct endpoint *endpoint) {
    struct relay *relay = (struct relay *)(void *)endpoint;

    watch(relay, 0);
    close(relay->fd);
    outbuf_clear(&endpoint->output);
    list_remove(&endpoint->dirty_link);
    free(relay);
}

static const struct endpoint_ops relay_ops = {
    .feed = feed,
    .on_end_of_input = on_end_of_input,
    .on_output_drained = on_output_drained,
    .destroy = destroy,
};

struct endpoint *relay_create(void *context, const struct transport_peer *peer) {
    const struct relay_target *target = context;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return NULL;
    struct relay *relay = xcalloc(1, sizeof *relay);
    endpoint_init(&relay->endpoint, &relay_ops, target->lists, target->pool);
    relay->loop = target->loop;
    relay->fd = pair[0];
    ev_io_init(&relay->watcher, on_ready, pair[0], EV_READ);
    relay->watcher.data = relay;
    ev_io_start(target->loop->ev, &relay->watcher);
    target->take(target->take_context, pair[1], peer);
    return &relay->endpoint;
}
