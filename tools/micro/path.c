/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole way of a message, from the publisher's octets to the consumer's and the ack back, as in
 * the workloads of tools/bench but without sockets: two connections, 500 messages a tick.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/frame.h"
#include "amqp/method.h"
#include "amqp/properties.h"
#include "broker/base/alloc.h"
#include "broker/base/endpoint.h"
#include "broker/protocol/connection.h"
#include "tools/micro/box.h"
#include "tools/micro/micro.h"

#define BATCH    500
#define PATTERNS 10000

struct shape {
    size_t size;
    bool persistent; /* with confirms, to a durable queue */
    bool consumer;
    bool acks;
    unsigned multiple; /* acknowledge so many at once */
    unsigned queues;
    bool topic;
};

struct path {
    struct box box;
    struct shape shape;
    struct connection *publisher, *consumer;
    uint8_t *messages; /* BATCH publishes as on the wire */
    size_t messages_len;
    uint8_t *acks;
    uint64_t acked;
};

/* Feeds until all is taken. */
static void feed(struct connection *connection, struct slice octets) {
    struct endpoint *endpoint = &connection->endpoint;

    while (octets.len > 0) {
        size_t taken = endpoint->ops->feed(endpoint, octets);
        if (taken == 0 && !endpoint->yielded)
            abort();
        endpoint->yielded = false;
        octets = slice_of(octets.data + taken, octets.len - taken);
    }
}

/* As if it had been sent; how many octets there were. */
static size_t drop_output(struct connection *connection) {
    struct endpoint *endpoint = &connection->endpoint;
    size_t size = outbuf_size(&endpoint->output);

    outbuf_consume(&endpoint->output, size);
    list_remove(&endpoint->dirty_link);
    if (endpoint->congested) {
        endpoint->congested = false;
        endpoint->ops->on_output_drained(endpoint);
    }
    return size;
}

static void send(struct connection *connection, uint16_t channel,
                 const struct amqp_method *method) {
    uint8_t frame[512];
    struct writer writer = writer_over(frame, sizeof frame);

    frame_encode_method(&writer, channel, method);
    feed(connection, writer_written(&writer));
}

static struct connection *log_in(struct box *box) {
    static const struct connection_peer peer = {.name = "micro", .is_loopback = true};
    struct connection *connection = connection_create(box->broker, &peer);
    struct amqp_method method = {.id = AMQP_CONNECTION_START_OK};

    feed(connection, slice_of(AMQP_PROTOCOL_HEADER, AMQP_PROTOCOL_HEADER_SIZE));
    method.connection_start_ok.mechanism = SLICE("PLAIN");
    method.connection_start_ok.response = slice_of("\0guest\0guest", 12);
    method.connection_start_ok.locale = SLICE("en_US");
    send(connection, 0, &method);
    method = (struct amqp_method){.id = AMQP_CONNECTION_TUNE_OK};
    method.connection_tune_ok.channel_max = 16;
    method.connection_tune_ok.frame_max = 131072;
    send(connection, 0, &method);
    method = (struct amqp_method){.id = AMQP_CONNECTION_OPEN};
    method.connection_open.virtual_host = SLICE("/");
    send(connection, 0, &method);
    method = (struct amqp_method){.id = AMQP_CHANNEL_OPEN};
    send(connection, 1, &method);
    return connection;
}

/* -- Topology ---------------------------------------------------------------------------------- */

static void bind(const struct path *path, struct slice queue, struct slice key) {
    struct amqp_method method = {.id = AMQP_QUEUE_BIND};

    method.queue_bind.queue = queue;
    method.queue_bind.exchange = path->shape.topic ? SLICE("amq.topic") : SLICE("amq.fanout");
    method.queue_bind.routing_key = key;
    method.queue_bind.no_wait = true;
    send(path->consumer, 1, &method);
}

static void bind_patterns(const struct path *path, struct slice queue, unsigned number) {
    char key[64];

    for (unsigned i = number; i < PATTERNS; i += path->shape.queues)
        bind(path, queue, slice_of(key, (size_t)snprintf(key, sizeof key, "part.%05u.*.#", i)));
}

static void make_queue(const struct path *path, unsigned number) {
    struct amqp_method declare = {.id = AMQP_QUEUE_DECLARE}, consume = {.id = AMQP_BASIC_CONSUME};
    char text[32];
    struct slice name = slice_of(text, (size_t)snprintf(text, sizeof text, "queue-%u", number));

    declare.queue_declare.queue = name;
    declare.queue_declare.durable = path->shape.persistent;
    send(path->consumer, 1, &declare);
    if (path->shape.topic)
        bind_patterns(path, name, number);
    else if (path->shape.queues > 1)
        bind(path, name, SLICE(""));
    consume.basic_consume.queue = consume.basic_consume.consumer_tag = name;
    consume.basic_consume.no_ack = !path->shape.acks;
    if (path->shape.consumer)
        send(path->consumer, 1, &consume);
}

/* -- Messages ---------------------------------------------------------------------------------- */

static void write_message(const struct path *path, struct writer *writer, unsigned number) {
    static const uint8_t body[65536], persistent[] = {AMQP_DELIVERY_MODE_PERSISTENT};
    struct amqp_method publish = {.id = AMQP_BASIC_PUBLISH};
    struct amqp_content_header header = {.class_id = AMQP_CLASS_BASIC,
                                         .body_size = path->shape.size};
    char key[64];

    publish.basic_publish.routing_key = SLICE("queue-0");
    if (path->shape.topic) {
        int len = snprintf(key, sizeof key, "part.%05u.some.leaf", number);
        publish.basic_publish.exchange = SLICE("amq.topic");
        publish.basic_publish.routing_key = slice_of(key, (size_t)len);
    } else if (path->shape.queues > 1) {
        publish.basic_publish.exchange = SLICE("amq.fanout");
    }
    if (path->shape.persistent) {
        header.flags = AMQP_DELIVERY_MODE;
        header.properties = slice_of(persistent, sizeof persistent);
    }
    frame_encode_method(writer, 1, &publish);
    frame_encode_content_header(writer, 1, &header);
    frame_write_head(writer_room(writer, AMQP_FRAME_HEAD_SIZE), AMQP_FRAME_BODY, 1,
                     (uint32_t)path->shape.size);
    writer_bytes(writer, slice_of(body, path->shape.size));
    writer_u8(writer, AMQP_FRAME_END);
}

static void render_messages(struct path *path) {
    size_t size = BATCH * (path->shape.size + 256);
    struct writer writer;

    path->messages = xmalloc(size);
    writer = writer_over(path->messages, size);
    for (unsigned i = 0; i < BATCH; i++)
        write_message(path, &writer, i * 7 % PATTERNS);
    path->messages_len = writer_length(&writer);
}

static struct slice render_acks(struct path *path) {
    struct writer writer = writer_over(path->acks, BATCH * 21);

    for (unsigned i = 0; i < BATCH / path->shape.multiple; i++) {
        struct amqp_method ack = {.id = AMQP_BASIC_ACK};
        path->acked += path->shape.multiple;
        ack.basic_ack.delivery_tag = path->acked;
        ack.basic_ack.multiple = path->shape.multiple > 1;
        frame_encode_method(&writer, 1, &ack);
    }
    return writer_written(&writer);
}

/* -- Running ----------------------------------------------------------------------------------- */

static void set_up(struct path *path, struct shape shape) {
    struct amqp_method select = {.id = AMQP_CONFIRM_SELECT};

    *path = (struct path){.shape = shape};
    box_init(&path->box, shape.persistent);
    path->publisher = log_in(&path->box);
    path->consumer = log_in(&path->box);
    for (unsigned i = 0; i < shape.queues; i++)
        make_queue(path, i);
    if (shape.persistent)
        send(path->publisher, 1, &select);
    box_tick(&path->box);
    drop_output(path->publisher);
    drop_output(path->consumer);
    render_messages(path);
    path->acks = xmalloc(BATCH * 21);
}

static void tear_down(struct path *path) {
    connection_end(path->publisher, true);
    connection_end(path->consumer, true);
    outbuf_clear(&path->publisher->endpoint.output);
    outbuf_clear(&path->consumer->endpoint.output);
    path->publisher->endpoint.ops->destroy(&path->publisher->endpoint);
    path->consumer->endpoint.ops->destroy(&path->consumer->endpoint);
    box_clear(&path->box);
    free(path->messages);
    free(path->acks);
}

/* At least one tick, and as many as it takes until so many octets came out. */
static void deliver(struct path *path, size_t wanted) {
    size_t delivered = 0;

    for (unsigned ticks = 0; ticks == 0 || delivered < wanted; ticks++) {
        if (ticks > 1000)
            abort();
        box_tick(&path->box);
        delivered += drop_output(path->consumer);
        drop_output(path->publisher);
    }
}

static void run(struct shape shape, size_t count) {
    struct path path;

    set_up(&path, shape);
    for (size_t done = 0; done < count; done += BATCH) {
        size_t wanted = BATCH * shape.size * (shape.topic ? 1 : shape.queues);
        feed(path.publisher, slice_of(path.messages, path.messages_len));
        deliver(&path, shape.consumer ? wanted : 0);
        if (shape.acks)
            feed(path.consumer, render_acks(&path));
    }
    tear_down(&path);
}

#define PATH(name, ...)                          \
    static void name(size_t count) {             \
        run((struct shape){__VA_ARGS__}, count); \
    }
PATH(run_t16, .size = 16, .consumer = true, .queues = 1)
PATH(run_t128, .size = 128, .consumer = true, .queues = 1)
PATH(run_t16k, .size = 16384, .consumer = true, .queues = 1)
PATH(run_a1000, .size = 128, .consumer = true, .acks = true, .multiple = 1, .queues = 1)
PATH(run_amulti, .size = 128, .consumer = true, .acks = true, .multiple = 100, .queues = 1)
PATH(run_f10, .size = 128, .consumer = true, .queues = 10)
PATH(run_top10k, .size = 128, .consumer = true, .queues = 10, .topic = true)
PATH(run_p1000, .size = 128, .persistent = true, .queues = 1)
PATH(run_pc1000, .size = 128, .persistent = true, .consumer = true, .acks = true, .multiple = 1,
     .queues = 1)

const struct micro micro_path[] = {
    {"T16", "the whole way of 16 octets, auto-ack", run_t16},
    {"T128", "the whole way of 128 octets, auto-ack", run_t128},
    {"T16K", "the whole way of 16 KiB, auto-ack", run_t16k},
    {"A1000", "the whole way of 128 octets, ack each", run_a1000},
    {"AMULTI", "the whole way of 128 octets, ack per 100", run_amulti},
    {"F10", "the whole way of 128 octets to ten queues", run_f10},
    {"TOP10K", "the whole way through 10,000 patterns", run_top10k},
    {"P1000", "128 octets into the journal, confirmed", run_p1000},
    {"PC1000", "the same with a consumer that acks each", run_pc1000},
    {NULL, NULL, NULL},
};
