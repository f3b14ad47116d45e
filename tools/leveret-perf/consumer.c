/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/consumer.h"

#include <stdlib.h>
#include <string.h>

#include "amqp/frame.h"
#include "broker/base/alloc.h"
#include "tools/leveret-perf/connection.h"
#include "tools/leveret-perf/perf.h"
#include "tools/leveret-perf/queue.h"
#include "tools/leveret-perf/topology.h"

static bool set_prefetch(struct consumer *consumer, int64_t count, bool global) {
    struct amqp_method qos = {.id = AMQP_BASIC_QOS}, reply;

    if (count == 0)
        return true;
    qos.basic_qos.prefetch_count = (uint16_t)count;
    qos.basic_qos.global = global;
    return connection_call(consumer->channel->connection, consumer->channel->number, &qos,
                           AMQP_BASIC_QOS_OK, &reply);
}

bool consumer_init(struct consumer *consumer, struct perf *perf, struct channel *channel,
                   struct queue *queue) {
    consumer->perf = perf;
    consumer->channel = channel;
    consumer->queue = queue;
    consumer->run = perf->run;
    consumer->newest = xcalloc(queue_sequence_count(perf), sizeof *consumer->newest);
    channel->consumer = consumer;
    return set_prefetch(consumer, perf->options.prefetch, false) &&
           set_prefetch(consumer, perf->options.channel_prefetch, true);
}

void consumer_clear(struct consumer *consumer) {
    free(consumer->newest);
}

void consumer_subscribe(struct consumer *consumer) {
    struct amqp_method consume = {.id = AMQP_BASIC_CONSUME};

    consume.basic_consume.queue = slice_from_text(consumer->queue->name);
    consume.basic_consume.no_ack = consumer->perf->options.autoack;
    connection_put_method(consumer->channel->connection, consumer->channel->number, &consume);
    connection_flush(consumer->channel->connection);
}

/* -- Checks ------------------------------------------------------------------------------------ */

/* What a message says about where it comes from. */
struct origin {
    uint32_t run;
    uint32_t producer;
    uint64_t number;
};

/* A body of under 8 octets has the low octets of its number only: it means the number next to the
 * expected one that ends so. */
static uint64_t complete_number(uint64_t expected, uint64_t low, uint64_t size) {
    uint64_t modulus = UINT64_C(1) << (size * 8);
    uint64_t distance = (low - expected) & (modulus - 1);

    if (distance > modulus / 2 && expected + distance >= modulus)
        return expected + distance - modulus;
    return expected + distance;
}

/* False when that cannot be told, or the message is another run's: not ours to check. */
static bool identify(const struct consumer *consumer, const struct body_stamp *stamp,
                     struct origin *ret_origin) {
    const struct perf *perf = consumer->perf;
    uint64_t size = consumer->channel->body.size;

    if (size < BODY_IDENTITY_SIZE) {
        uint64_t expected = consumer->queue->sequences[0].next;
        *ret_origin =
            (struct origin){perf->run, 0, complete_number(expected, stamp->identity, size)};
        return perf->producer_count == 1 && size > 0;
    }
    ret_origin->run = body_identity_run(stamp->identity);
    ret_origin->producer = body_identity_producer(stamp->identity);
    ret_origin->number = body_identity_sequence(stamp->identity);
    return perf->producer_count == 0 ||
           (ret_origin->run == perf->run && ret_origin->producer < perf->producer_count);
}

static bool is_changed(const struct consumer *consumer, const struct body_stamp *stamp) {
    const struct perf *perf = consumer->perf;
    uint64_t size = consumer->channel->body.size;

    return !stamp->intact ||
           (perf->producer_count > 0 && size != (uint64_t)perf->options.size_bytes);
}

static bool is_out_of_order(struct consumer *consumer, const struct origin *origin) {
    uint64_t *newest = &consumer->newest[origin->producer];

    if (origin->run != consumer->run) {
        memset(consumer->newest, 0, queue_sequence_count(consumer->perf) * sizeof *newest);
        consumer->run = origin->run;
    }
    if (origin->number < *newest)
        return true;
    *newest = origin->number + 1;
    return false;
}

static void check(struct consumer *consumer, const struct body_stamp *stamp) {
    struct perf *perf = consumer->perf;
    bool redelivered = consumer->channel->redelivered;
    struct origin origin;

    if (!identify(consumer, stamp, &origin)) {
        if (consumer->channel->body.size >= BODY_IDENTITY_SIZE)
            perf->findings.foreign++;
        return;
    }
    if (is_changed(consumer, stamp))
        perf->findings.changed++;
    if (perf->options.wildcards > 0 &&
        !topology_wildcard_number(perf, (uint32_t)(consumer->queue - perf->queues),
                                  &origin.number)) {
        perf->findings.misrouted++;
        return;
    }
    if (!queue_take(consumer->queue, perf, origin.run, origin.producer, origin.number))
        perf->findings.duplicated += !redelivered;
    else if (!redelivered && is_out_of_order(consumer, &origin))
        perf->findings.out_of_order++;
}

/* -- A message --------------------------------------------------------------------------------- */

#define ACK_FRAME_SIZE 21

/* basic.ack, written by hand: with small messages there is one for each of them. */
static void acknowledge(struct consumer *consumer, bool multiple) {
    struct channel *channel = consumer->channel;
    uint8_t *frame = connection_control_room(channel->connection, ACK_FRAME_SIZE);
    uint64_t tag = __builtin_bswap64(channel->delivery_tag);
    static const uint8_t method[] = {0, 60, 0, 80};

    frame_write_head(frame, AMQP_FRAME_METHOD, channel->number,
                     ACK_FRAME_SIZE - AMQP_FRAME_OVERHEAD);
    memcpy(frame + AMQP_FRAME_HEAD_SIZE, method, sizeof method);
    memcpy(frame + 11, &tag, sizeof tag);
    frame[19] = multiple;
    frame[20] = AMQP_FRAME_END;
    consumer->unacked = 0;
}

static void count_for_ack(struct consumer *consumer) {
    uint64_t every = (uint64_t)consumer->perf->options.multi_ack_every;

    if (consumer->perf->options.autoack)
        return;
    consumer->unacked++;
    if (consumer->unacked >= every)
        acknowledge(consumer, every > 1);
}

void consumer_finish(struct consumer *consumer) {
    if (consumer->unacked > 0)
        acknowledge(consumer, true);
}

int64_t consumer_due_ns(const struct consumer *consumer) {
    double rate = consumer->perf->options.consumer_rate;
    return consumer->rate_start_ns + (int64_t)((double)consumer->received * 1e9 / rate);
}

static void keep_pace(struct consumer *consumer) {
    struct perf *perf = consumer->perf;

    if (perf->options.consumer_rate <= 0)
        return;
    if (consumer->received == 1)
        consumer->rate_start_ns = perf->now_ns;
    if (consumer_due_ns(consumer) > perf->now_ns)
        consumer->channel->connection->paused = true;
}

bool consumer_is_done(const struct consumer *consumer) {
    return consumer->received == (uint64_t)consumer->perf->options.consumer_messages;
}

static void count_to_the_end(struct consumer *consumer) {
    if (consumer_is_done(consumer)) {
        consumer_finish(consumer);
        consumer->perf->consumers_done++;
        consumer->channel->connection->paused = true;
    }
}

void consumer_on_message(struct consumer *consumer) {
    struct perf *perf = consumer->perf;
    struct body_stamp stamp = body_reader_stamp(&consumer->channel->body);

    consumer->received++;
    perf->counters.received++;
    perf->counters.redelivered += consumer->channel->redelivered;
    perf->counters.bytes_received += consumer->channel->body.size;
    perf->last_delivery_ns = perf->now_ns;
    check(consumer, &stamp);
    if (stamp.due_ns != 0)
        latency_add(&perf->delivery_latency, stamp.due_ns, perf->now_ns);
    count_for_ack(consumer);
    keep_pace(consumer);
    count_to_the_end(consumer);
}
