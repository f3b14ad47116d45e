/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that answers leveret-perf like a broker, to know the ceiling: one thread that parses
 * frames, turns publishes into deliveries, copies each body once and forgets it.  Nothing is
 * stored, no limit, acknowledgement or flag is honoured (what is in flight is the clients' to
 * bound); a message without consumer is dropped. The default exchange routes by queue name, any
 * other one to all queues bound to it.  Confirms go out as one cumulative ack per channel and read,
 * or with --journal when what was published is on the disk (null-journal.h).  It serves until it is
 * killed.  What a real broker takes beyond this is the price of being one.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/cursor.h"
#include "amqp/frame.h"
#include "amqp/method.h"
#include "broker/base/alloc.h"
#include "tools/null-journal.h"

#define READ_SIZE     (256U << 10)
#define FRAME_MAX     131072U
#define REPLY_SIZE    512U /* of any method but a delivery */
#define EVENTS_MAX    256
#define CHANNELS_MAX  64 /* per peer */
#define TARGETS_MAX   256
#define CONSUMERS_MAX 64 /* per queue */
#define NAME_SIZE     256
#define CONSUMER_TAG  SLICE("leveret-null-consumer")

struct bytes {
    uint8_t *at;
    size_t len, size;
};

struct consumer {
    struct peer *peer;
    uint16_t channel;
    uint64_t delivery_tag;
};

struct queue {
    struct queue *next;
    char name[NAME_SIZE], exchange[NAME_SIZE]; /* it is bound to one at most */
    struct consumer consumers[CONSUMERS_MAX];
    unsigned count, turn;
};

struct channel {
    bool confirms;
    uint64_t published; /* completely arrived */
    uint64_t handed;    /* of them, those handed to the journal */
    uint64_t confirmed;
    struct bytes route; /* exchange and key of the last publish, as on the wire */
    struct queue *targets[TARGETS_MAX];
    unsigned target_count;
    uint64_t body_left;
    struct bytes content; /* frames of a message that has several for its body */
};

struct peer {
    struct peer *next, *previous;
    struct peer *next_dirty; /* to be flushed or removed at the end of the tick */
    bool dirty;
    int fd;
    bool greeted, closing, waits_for_room;
    struct bytes in, out;
    size_t sent;                            /* of `out` */
    struct channel *channels[CHANNELS_MAX]; /* made when used */
};

struct null_broker {
    int epoll;
    struct peer *peers, *dirty;
    struct queue *queues;
    struct null_journal *journal; /* NULL: none */
    uint8_t buffer[READ_SIZE + FRAME_MAX];
};

static uint8_t *append(struct bytes *bytes, size_t len) {
    if (bytes->size - bytes->len < len) {
        bytes->size = (bytes->size + len) * 2;
        bytes->at = xrealloc(bytes->at, bytes->size);
    }
    bytes->len += len;
    return bytes->at + bytes->len - len;
}

/* Makes it when there is none. */
static struct queue *find_queue(struct null_broker *broker, struct slice name) {
    struct queue *queue = broker->queues;

    while (queue != NULL && !slice_equal(slice_from_text(queue->name), name))
        queue = queue->next;
    if (queue == NULL) {
        queue = xcalloc(1, sizeof *queue);
        memcpy(queue->name, name.data, name.len);
        queue->next = broker->queues;
        broker->queues = queue;
    }
    return queue;
}

static void mark_dirty(struct null_broker *broker, struct peer *peer) {
    if (peer->dirty)
        return;
    peer->dirty = true;
    peer->next_dirty = broker->dirty;
    broker->dirty = peer;
}

static struct channel *channel_of(struct peer *peer, uint16_t number) {
    if (peer->channels[number] == NULL)
        peer->channels[number] = xcalloc(1, sizeof **peer->channels);
    return peer->channels[number];
}

/* -- Content ----------------------------------------------------------------------------------- */

static void resolve_route(struct null_broker *broker, struct channel *channel) {
    struct cursor cursor = cursor_over(slice_of(channel->route.at, channel->route.len));
    struct slice exchange = cursor_shortstr(&cursor), key = cursor_shortstr(&cursor);

    channel->target_count = 0;
    for (struct queue *queue = broker->queues; queue != NULL; queue = queue->next) {
        bool hit = exchange.len > 0 ? slice_equal(slice_from_text(queue->exchange), exchange)
                                    : slice_equal(slice_from_text(queue->name), key);
        if (hit && channel->target_count < TARGETS_MAX)
            channel->targets[channel->target_count++] = queue;
    }
}

/* ticket, exchange, routing key, flags; the pair of names is resolved when it changes. */
static void on_publish(struct null_broker *broker, struct channel *channel, struct slice payload) {
    struct slice route = slice_of(payload.data + 6, payload.len - 7);

    if (slice_equal(slice_of(channel->route.at, channel->route.len), route))
        return;
    channel->route.len = 0;
    memcpy(append(&channel->route, route.len), route.data, route.len);
    resolve_route(broker, channel);
}

/* The frames get the number of the consumer's channel. */
static void copy_content(uint8_t *to, struct slice frames, uint16_t channel) {
    memcpy(to, frames.data, frames.len);
    for (size_t at = 0; at < frames.len;) {
        struct frame_header head = frame_header_decode(to + at);
        frame_write_head(to + at, head.type, channel, head.size);
        at += head.size + AMQP_FRAME_OVERHEAD;
    }
}

static void deliver(struct null_broker *broker, struct consumer *consumer,
                    const struct bytes *route, struct slice frames) {
    size_t size = 4 + 1 + CONSUMER_TAG.len + 8 + 1 + route->len;
    uint8_t *at = append(&consumer->peer->out, size + AMQP_FRAME_OVERHEAD + frames.len);
    struct writer writer = writer_over(at + AMQP_FRAME_HEAD_SIZE, size + 1);

    frame_write_head(at, AMQP_FRAME_METHOD, consumer->channel, (uint32_t)size);
    writer_u32(&writer, 60 << 16 | 60);
    writer_shortstr(&writer, CONSUMER_TAG);
    writer_u64(&writer, ++consumer->delivery_tag);
    writer_u8(&writer, 0);
    writer_bytes(&writer, slice_of(route->at, route->len));
    writer_u8(&writer, AMQP_FRAME_END);
    copy_content(at + size + AMQP_FRAME_OVERHEAD, frames, consumer->channel);
    mark_dirty(broker, consumer->peer);
}

static void on_message(struct null_broker *broker, struct channel *channel, struct slice frames) {
    channel->published++;
    if (broker->journal != NULL) {
        null_journal_append(broker->journal, slice_of(channel->route.at, channel->route.len));
        null_journal_append(broker->journal, frames);
    }
    for (unsigned i = 0; i < channel->target_count; i++) {
        struct queue *queue = channel->targets[i];
        if (queue->count > 0)
            deliver(broker, &queue->consumers[queue->turn++ % queue->count], &channel->route,
                    frames);
    }
}

/* `frame` is a header or body frame with `rest` octets after it in the buffer.  Octets taken: a
 * header and its only body frame are taken together, where they lie. */
static size_t on_content(struct null_broker *broker, struct channel *channel,
                         const struct frame_header *head, const uint8_t *frame, size_t rest) {
    size_t len = head->size + AMQP_FRAME_OVERHEAD;

    if (head->type == AMQP_FRAME_HEADER) {
        uint64_t body = cursor_u64(&(struct cursor){frame + 11, frame + 19, false});
        channel->body_left = body;
        channel->content.len = 0;
        if (body > 0 && body <= FRAME_MAX - AMQP_FRAME_OVERHEAD &&
            rest >= body + AMQP_FRAME_OVERHEAD) {
            struct frame_header next = frame_header_decode(frame + len);
            channel->body_left = next.size == body ? 0 : body;
            len += next.size == body ? body + AMQP_FRAME_OVERHEAD : 0;
        }
        if (channel->body_left == 0) {
            on_message(broker, channel, slice_of(frame, len));
            return len;
        }
    } else {
        channel->body_left -= head->size;
    }
    memcpy(append(&channel->content, len), frame, len);
    if (channel->body_left == 0)
        on_message(broker, channel, slice_of(channel->content.at, channel->content.len));
    return len;
}

/* -- Other methods ----------------------------------------------------------------------------- */

static void reply(struct null_broker *broker, struct peer *peer, uint16_t channel,
                  const struct amqp_method *method) {
    uint8_t frame[REPLY_SIZE];
    struct writer writer = writer_over(frame, sizeof frame);

    frame_encode_method(&writer, channel, method);
    memcpy(append(&peer->out, writer_length(&writer)), frame, writer_length(&writer));
    mark_dirty(broker, peer);
}

static void subscribe(struct null_broker *broker, struct peer *peer, uint16_t channel,
                      struct slice name) {
    struct queue *queue = find_queue(broker, name);

    if (queue->count < CONSUMERS_MAX)
        queue->consumers[queue->count++] = (struct consumer){.peer = peer, .channel = channel};
}

/* Most answers follow their method in methods.def and have arguments nobody looks at. */
static void on_method(struct null_broker *broker, struct peer *peer, uint16_t number,
                      const struct amqp_method *method) {
    struct amqp_method answer = {.id = method->id + 1};

    switch (method->id) {
    case AMQP_CONNECTION_START_OK:
        answer.id = AMQP_CONNECTION_TUNE;
        answer.connection_tune.frame_max = FRAME_MAX;
        break;
    case AMQP_CONNECTION_TUNE_OK:
        return;
    case AMQP_CONNECTION_CLOSE:
        peer->closing = true;
        break;
    case AMQP_QUEUE_DECLARE:
        find_queue(broker, method->queue_declare.queue);
        answer.queue_declare_ok.queue = method->queue_declare.queue;
        break;
    case AMQP_QUEUE_BIND:
        memcpy(find_queue(broker, method->queue_bind.queue)->exchange,
               method->queue_bind.exchange.data, method->queue_bind.exchange.len);
        break;
    case AMQP_BASIC_CONSUME:
        subscribe(broker, peer, number, method->basic_consume.queue);
        answer.basic_consume_ok.consumer_tag = CONSUMER_TAG;
        break;
    case AMQP_CONFIRM_SELECT:
        channel_of(peer, number)->confirms = true;
        break;
    default:
        break;
    }
    reply(broker, peer, number, &answer);
}

/* -- Confirms ---------------------------------------------------------------------------------- */

static void send_confirms(struct null_broker *broker, struct peer *peer, bool of_journal) {
    for (uint16_t i = 1; i < CHANNELS_MAX; i++) {
        struct channel *channel = peer->channels[i];
        struct amqp_method ack = {.id = AMQP_BASIC_ACK};
        if (channel == NULL || !channel->confirms)
            continue;
        ack.basic_ack.delivery_tag = of_journal ? channel->handed : channel->published;
        ack.basic_ack.multiple = true;
        if (ack.basic_ack.delivery_tag == channel->confirmed)
            continue;
        channel->confirmed = ack.basic_ack.delivery_tag;
        reply(broker, peer, i, &ack);
    }
}

/* Until the batch is on the disk nothing else is handed over, so `handed` marks its end. */
static void note_handed(struct peer *peer) {
    for (unsigned i = 1; i < CHANNELS_MAX; i++) {
        if (peer->channels[i] != NULL)
            peer->channels[i]->handed = peer->channels[i]->published;
    }
}

/* Once per tick: what became safe is confirmed, what came since then is the next batch. */
static void run_journal(struct null_broker *broker) {
    if (null_journal_take_done(broker->journal)) {
        for (struct peer *peer = broker->peers; peer != NULL; peer = peer->next)
            send_confirms(broker, peer, true);
    }
    if (null_journal_submit(broker->journal)) {
        for (struct peer *peer = broker->peers; peer != NULL; peer = peer->next)
            note_handed(peer);
    }
}

/* -- Bytes ------------------------------------------------------------------------------------- */

/* Octets taken; 0: incomplete, or the peer is to go. */
static size_t take_frame(struct null_broker *broker, struct peer *peer, const uint8_t *at,
                         size_t len) {
    struct frame_header head;
    struct amqp_method method;
    struct slice payload;
    size_t total;

    if (len < AMQP_FRAME_OVERHEAD)
        return 0;
    head = frame_header_decode(at);
    total = (size_t)head.size + AMQP_FRAME_OVERHEAD;
    if (total > FRAME_MAX || head.channel >= CHANNELS_MAX)
        peer->closing = true;
    if (total > len || peer->closing)
        return 0;
    payload = slice_of(at + AMQP_FRAME_HEAD_SIZE, head.size);
    if (head.type == AMQP_FRAME_HEADER || head.type == AMQP_FRAME_BODY)
        return on_content(broker, channel_of(peer, head.channel), &head, at, len - total);
    if (head.size < 11 || memcmp(payload.data, "\0\x3c\0", 3) != 0 ||
        (payload.data[3] != 40 && payload.data[3] != 80)) {
        if (amqp_method_decode(payload, &method) == AMQP_DECODED)
            on_method(broker, peer, head.channel, &method);
    } else if (payload.data[3] == 40) {
        on_publish(broker, channel_of(peer, head.channel), payload);
    }
    return total;
}

static void greet(struct null_broker *broker, struct peer *peer) {
    struct amqp_method start = {.id = AMQP_CONNECTION_START};

    start.connection_start.version_minor = 9;
    start.connection_start.mechanisms = SLICE("PLAIN");
    start.connection_start.locales = SLICE("en_US");
    reply(broker, peer, 0, &start);
    peer->greeted = true;
}

static void receive(struct null_broker *broker, struct peer *peer) {
    ssize_t received;
    size_t at = 0, len = peer->in.len, taken;

    if (len > 0)
        memcpy(broker->buffer, peer->in.at, len);
    received = recv(peer->fd, broker->buffer + len, READ_SIZE, 0);
    if (received <= 0) {
        peer->closing = peer->closing || received == 0 || errno != EAGAIN;
        mark_dirty(broker, peer);
        return;
    }
    len += (size_t)received;
    if (!peer->greeted && len >= AMQP_PROTOCOL_HEADER_SIZE) {
        greet(broker, peer);
        at = AMQP_PROTOCOL_HEADER_SIZE;
    }
    while ((taken = take_frame(broker, peer, broker->buffer + at, len - at)) > 0)
        at += taken;
    peer->in.len = 0;
    if (len > at)
        memcpy(append(&peer->in, len - at), broker->buffer + at, len - at);
    if (broker->journal == NULL)
        send_confirms(broker, peer, false);
    if (peer->closing)
        mark_dirty(broker, peer);
}

static void flush(struct peer *peer) {
    ssize_t written;

    if (peer->out.len == 0)
        return;
    written = send(peer->fd, peer->out.at + peer->sent, peer->out.len - peer->sent, MSG_NOSIGNAL);
    if (written < 0) {
        peer->closing = peer->closing || errno != EAGAIN;
        return;
    }
    peer->sent += (size_t)written;
    if (peer->sent == peer->out.len) {
        peer->sent = peer->out.len = 0;
    } else if (peer->sent > peer->out.len / 2) {
        peer->out.len -= peer->sent;
        memmove(peer->out.at, peer->out.at + peer->sent, peer->out.len);
        peer->sent = 0;
    }
}

/* -- Loop -------------------------------------------------------------------------------------- */

static void watch(const struct null_broker *broker, int fd, void *who, int operation, bool output) {
    struct epoll_event event = {.events = output ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = who};
    epoll_ctl(broker->epoll, operation, fd, &event);
}

static void add_peer(struct null_broker *broker, int listener) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct peer *peer;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    peer = xcalloc(1, sizeof *peer);
    peer->fd = fd;
    peer->next = broker->peers;
    if (peer->next != NULL)
        peer->next->previous = peer;
    broker->peers = peer;
    watch(broker, fd, peer, EPOLL_CTL_ADD, false);
}

static void forget_consumers(struct null_broker *broker, const struct peer *peer) {
    for (struct queue *queue = broker->queues; queue != NULL; queue = queue->next) {
        unsigned kept = 0;
        for (unsigned i = 0; i < queue->count; i++) {
            if (queue->consumers[i].peer != peer)
                queue->consumers[kept++] = queue->consumers[i];
        }
        queue->count = kept;
    }
}

static void remove_peer(struct null_broker *broker, struct peer *peer) {
    forget_consumers(broker, peer);
    *(peer->previous == NULL ? &broker->peers : &peer->previous->next) = peer->next;
    if (peer->next != NULL)
        peer->next->previous = peer->previous;
    for (unsigned i = 0; i < CHANNELS_MAX; i++) {
        if (peer->channels[i] != NULL) {
            free(peer->channels[i]->route.at);
            free(peer->channels[i]->content.at);
            free(peer->channels[i]);
        }
    }
    close(peer->fd);
    free(peer->in.at);
    free(peer->out.at);
    free(peer);
}

static void flush_dirty(struct null_broker *broker) {
    struct peer *peer;

    while ((peer = broker->dirty) != NULL) {
        broker->dirty = peer->next_dirty;
        peer->dirty = false;
        flush(peer);
        if (peer->closing) {
            remove_peer(broker, peer);
        } else if (peer->waits_for_room != (peer->out.len > 0)) {
            peer->waits_for_room = peer->out.len > 0;
            watch(broker, peer->fd, peer, EPOLL_CTL_MOD, peer->waits_for_room);
        }
    }
}

/* The listener is watched as NULL, the journal as the broker. */
static void tick(struct null_broker *broker, int listener) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(broker->epoll, events, EVENTS_MAX, -1);

    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;
        if (peer == NULL) {
            add_peer(broker, listener);
        } else if ((void *)peer != broker) {
            if ((events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
                receive(broker, peer);
            if ((events[i].events & EPOLLOUT) != 0)
                mark_dirty(broker, peer);
        }
    }
    if (broker->journal != NULL)
        run_journal(broker);
    flush_dirty(broker);
}

/* Listens on a port of 127.0.0.1 and says which; -1 after an error. */
static int listen_on(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1024) != 0) {
        perror("null-broker");
        return -1;
    }
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("amqp://guest:guest@127.0.0.1:%u/\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv) {
    struct null_broker *broker = xcalloc(1, sizeof *broker);
    int listener;

    if ((argc != 3 && argc != 5) || strcmp(argv[1], "--port") != 0 ||
        (argc == 5 && strcmp(argv[3], "--journal") != 0)) {
        fputs("usage: null-broker --port N [--journal FILE]   (0: any free port; it is printed)\n"
              "With a journal what is published is appended to FILE before it is confirmed.\n",
              stderr);
        return 64;
    }
    broker->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (argc == 5) {
        broker->journal = null_journal_open(argv[4]);
        if (broker->journal == NULL)
            return 73;
        watch(broker, null_journal_event(broker->journal), broker, EPOLL_CTL_ADD, false);
    }
    listener = listen_on((uint16_t)atoi(argv[2]));
    if (listener < 0)
        return 69;
    watch(broker, listener, NULL, EPOLL_CTL_ADD, false);
    for (;;)
        tick(broker, listener);
}
