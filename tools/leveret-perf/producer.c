/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/producer.h"

#include <stdlib.h>
#include <string.h>

#include "amqp/frame.h"
#include "broker/base/alloc.h"
#include "tools/leveret-perf/connection.h"
#include "tools/leveret-perf/perf.h"
#include "tools/leveret-perf/queue.h"

#define BATCH_BYTES_MAX (256U << 10)
#define BATCH_BYTES_MIN (16U << 10)
#define BATCH_BYTES_TOTAL \
    (2U << 20) /* of all producers: what is patched should stay in the cache */

#define RANDOM_KEY_SIZE 16

/* -- Rendering --------------------------------------------------------------------------------- */

/* One for each pattern of --wildcards: the digits are its number. */
#define WILDCARD_KEY          "part.00000.some.leaf"
#define WILDCARD_DIGITS_BEGIN 5
#define WILDCARD_DIGITS       5

static struct slice routing_key(const struct producer *producer) {
    const struct options *options = &producer->perf->options;

    if (options->wildcards > 0)
        return SLICE(WILDCARD_KEY);

    if (options->random_routing_key)
        return SLICE("0000000000000000");
    if (options->routing_key != NULL)
        return slice_from_text(options->routing_key);
    return slice_from_text(producer->queue->name);
}

static void write_publish(const struct producer *producer, struct writer *writer) {
    const struct options *options = &producer->perf->options;
    struct amqp_method publish = {.id = AMQP_BASIC_PUBLISH};

    publish.basic_publish.exchange = slice_from_text(options->exchange);
    publish.basic_publish.routing_key = routing_key(producer);
    publish.basic_publish.mandatory = options->mandatory;
    frame_encode_method(writer, producer->channel->number, &publish);
}

static void write_header(const struct producer *producer, struct writer *writer) {
    static const uint8_t persistent[] = {AMQP_DELIVERY_MODE_PERSISTENT};
    struct amqp_content_header header = {.class_id = AMQP_CLASS_BASIC};

    header.body_size = (uint64_t)producer->perf->options.size_bytes;
    if (producer->perf->options.persistent) {
        header.flags = AMQP_DELIVERY_MODE;
        header.properties = slice_of(persistent, sizeof persistent);
    }
    frame_encode_content_header(writer, producer->channel->number, &header);
}

static void write_body(const struct producer *producer, struct writer *writer,
                       const uint8_t *body) {
    size_t left = (size_t)producer->perf->options.size_bytes;
    size_t most = producer->channel->connection->frame_max - AMQP_FRAME_OVERHEAD;

    while (left > 0) {
        size_t piece = left < most ? left : most;
        uint8_t *head = writer_room(writer, AMQP_FRAME_HEAD_SIZE);
        if (head != NULL)
            frame_write_head(head, AMQP_FRAME_BODY, producer->channel->number, (uint32_t)piece);
        writer_bytes(writer, slice_of(body, piece));
        writer_u8(writer, AMQP_FRAME_END);
        body += piece;
        left -= piece;
    }
}

/* Notes where the parts that differ stand.  Frames after the first cost 8 octets each in between.
 */
static void note_offsets(struct producer *producer, size_t body_offset) {
    size_t size = (size_t)producer->perf->options.size_bytes;
    size_t most = producer->channel->connection->frame_max - AMQP_FRAME_OVERHEAD;
    size_t tail = size - BODY_IDENTITY_SIZE;

    /* class and method, ticket, exchange with its length, length of the key */
    producer->key_offset = AMQP_FRAME_HEAD_SIZE + 4 + 2 + 1 +
                           slice_from_text(producer->perf->options.exchange).len + 1;
    producer->head_offset = body_offset + AMQP_FRAME_HEAD_SIZE;
    if (size < BODY_TAIL_MIN)
        return;
    producer->tail_offset = producer->head_offset + tail + tail / most * AMQP_FRAME_OVERHEAD;
    producer->tail_split = most - tail % most;
    if (producer->tail_split > BODY_IDENTITY_SIZE)
        producer->tail_split = BODY_IDENTITY_SIZE;
}

static void write_message(struct producer *producer, struct writer *writer, const uint8_t *body) {
    write_publish(producer, writer);
    write_header(producer, writer);
    note_offsets(producer, writer_length(writer));
    write_body(producer, writer, body);
}

static uint64_t batch_messages(const struct producer *producer) {
    uint64_t bytes = BATCH_BYTES_TOTAL / producer->perf->producer_count;

    if (bytes > BATCH_BYTES_MAX)
        bytes = BATCH_BYTES_MAX;
    if (bytes < BATCH_BYTES_MIN)
        bytes = BATCH_BYTES_MIN;
    return bytes < producer->message_size ? 1 : bytes / producer->message_size;
}

static void render_batch(struct producer *producer) {
    struct perf *perf = producer->perf;
    size_t size = (size_t)perf->options.size_bytes;
    uint8_t *body = xmalloc(size + 1);
    struct writer writer = writer_over(NULL, 0);

    body_write(&perf->pattern, perf->run, producer->index, body, size);
    write_message(producer, &writer, body);
    producer->message_size = writer_length(&writer);
    producer->batch_messages = batch_messages(producer);
    producer->batch = xmalloc(producer->batch_messages * producer->message_size);
    writer = writer_over(producer->batch, producer->message_size);
    write_message(producer, &writer, body);
    for (uint64_t i = 1; i < producer->batch_messages; i++)
        memcpy(producer->batch + i * producer->message_size, producer->batch,
               producer->message_size);
    free(body);
}

/* -- Life -------------------------------------------------------------------------------------- */

static bool select_mode(struct producer *producer, enum amqp_method_id select,
                        enum amqp_method_id select_ok) {
    struct amqp_method method = {.id = select}, reply;

    return connection_call(producer->channel->connection, producer->channel->number, &method,
                           select_ok, &reply);
}

/* Confirms come in any order, so the distance between the oldest and the newest outstanding one may
 * exceed their number. */
static void make_window(struct producer *producer) {
    uint64_t least = (uint64_t)producer->perf->options.confirm_window * 4;

    producer->window = 16;
    while (producer->window < least)
        producer->window *= 2;
    producer->due_ns = xcalloc(producer->window, sizeof *producer->due_ns);
}

bool producer_init(struct producer *producer, struct perf *perf, struct channel *channel,
                   struct queue *queue, uint32_t index) {
    producer->perf = perf;
    producer->channel = channel;
    producer->queue = queue;
    producer->index = index;
    producer->random = (uint64_t)perf->run << 32 | (index + 1);
    channel->producer = producer;
    render_batch(producer);
    if (perf->options.confirm_window > 0) {
        make_window(producer);
        return select_mode(producer, AMQP_CONFIRM_SELECT, AMQP_CONFIRM_SELECT_OK);
    }
    if (perf->options.tx_size > 0)
        return select_mode(producer, AMQP_TX_SELECT, AMQP_TX_SELECT_OK);
    return true;
}

void producer_clear(struct producer *producer) {
    free(producer->batch);
    free(producer->due_ns);
}

/* Producers of a rate take turns: each begins its own part of a period later. */
void producer_start(struct producer *producer) {
    const struct perf *perf = producer->perf;

    producer->rate_start_ns = perf->now_ns;
    if (perf->options.rate > 0)
        producer->rate_start_ns +=
            (int64_t)(1e9 / perf->options.rate * producer->index / perf->producer_count);
}

/* -- How many ---------------------------------------------------------------------------------- */

static int64_t due_of(const struct producer *producer, uint64_t number) {
    return producer->rate_start_ns + (int64_t)((double)number * 1e9 / producer->perf->options.rate);
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t room_by_rate(const struct producer *producer, uint64_t room) {
    const struct perf *perf = producer->perf;
    uint64_t due = 0;

    if (perf->options.rate <= 0)
        return room;
    while (due < room && due_of(producer, producer->sent + due) <= perf->now_ns)
        due++;
    return due;
}

static uint64_t room_by_confirms(const struct producer *producer) {
    uint64_t window = (uint64_t)producer->perf->options.confirm_window;
    uint64_t outstanding = producer->sent - producer->settled;
    uint64_t spread = producer->sent - producer->oldest;

    if (window == 0)
        return UINT64_MAX;
    if (outstanding >= window)
        return 0;
    return least(window - outstanding, producer->window - spread);
}

static uint64_t room_by_tx(const struct producer *producer) {
    uint64_t size = (uint64_t)producer->perf->options.tx_size;

    if (size == 0)
        return UINT64_MAX;
    return producer->commit_pending ? 0 : size - producer->in_tx;
}

/* Each message is in flight until all its copies are here; returned ones are not. */
static uint64_t in_flight(const struct perf *perf) {
    const struct counters *c = &perf->counters;
    uint64_t copies_sent = (c->sent - c->returned) * perf->copies;
    uint64_t copies_received = c->received - c->redelivered - perf->findings.foreign;

    return copies_sent > copies_received ? (copies_sent - copies_received) / perf->copies : 0;
}

/* Refilled in steps, not one by one: small writes would cost the broker more than the messages. */
static uint64_t room_by_flight(const struct producer *producer) {
    const struct perf *perf = producer->perf;
    uint64_t most = (uint64_t)perf->options.inflight;
    uint64_t now = in_flight(perf);
    uint64_t step = least(producer->batch_messages, most / 8);

    if (most == 0 || perf->consumers_done > 0)
        return UINT64_MAX;
    return now < most && most - now >= step ? most - now : 0;
}

static uint64_t room_by_count(const struct producer *producer) {
    uint64_t most = (uint64_t)producer->perf->options.producer_messages;
    return most == 0 ? UINT64_MAX : most - producer->sent;
}

static uint64_t room(const struct producer *producer) {
    uint64_t messages = least(producer->batch_messages, room_by_count(producer));

    messages = least(messages, room_by_confirms(producer));
    messages = least(messages, room_by_tx(producer));
    return least(messages, room_by_flight(producer));
}

int64_t producer_due_ns(const struct producer *producer) {
    if (!connection_is_ready(producer->channel->connection) || room(producer) == 0)
        return INT64_MAX;
    return producer->perf->options.rate > 0 ? due_of(producer, producer->sent) : 0;
}

/* -- Publishing -------------------------------------------------------------------------------- */

static void patch_key(struct producer *producer, uint8_t *message) {
    uint64_t random = producer->random;

    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    producer->random = random;
    for (unsigned i = 0; i < RANDOM_KEY_SIZE; i++)
        message[producer->key_offset + i] = (uint8_t)("0123456789abcdef"[random >> (i * 4) & 15]);
}

static void patch_wildcard(const struct producer *producer, uint8_t *message, uint64_t pattern) {
    uint8_t *digits = message + producer->key_offset + WILDCARD_DIGITS_BEGIN;

    for (unsigned i = WILDCARD_DIGITS; i-- > 0; pattern /= 10)
        digits[i] = (uint8_t)('0' + pattern % 10);
}

static void patch_tail(const struct producer *producer, uint8_t *message, uint64_t identity) {
    uint8_t *tail = message + producer->tail_offset;
    size_t split = producer->tail_split;
    uint8_t octets[BODY_IDENTITY_SIZE];

    if (split == BODY_IDENTITY_SIZE) {
        memcpy(tail, &identity, sizeof identity);
        return;
    }
    memcpy(octets, &identity, sizeof octets);
    memcpy(tail, octets, split);
    memcpy(tail + split + AMQP_FRAME_OVERHEAD, octets + split, sizeof octets - split);
}

/* Bodies that have room for all of it; note_offsets() left tail_split 0 in those without a tail. */
static void patch_long(const struct producer *producer, uint8_t *message, uint64_t identity,
                       int64_t due_ns) {
    uint8_t *head = message + producer->head_offset;

    memcpy(head, &identity, sizeof identity);
    memcpy(head + sizeof identity, &due_ns, sizeof due_ns);
    if (producer->tail_split > 0)
        patch_tail(producer, message, identity);
}

static void patch_short(const struct producer *producer, uint8_t *message, uint64_t identity) {
    size_t size = (size_t)producer->perf->options.size_bytes;
    memcpy(message + producer->head_offset, &identity, least(size, sizeof identity));
}

static void patch_batch(struct producer *producer, uint64_t count) {
    const struct perf *perf = producer->perf;
    bool is_long = perf->options.size_bytes >= BODY_HEAD_SIZE;
    bool has_rate = perf->options.rate > 0;
    uint64_t wildcards = (uint64_t)perf->options.wildcards;
    uint64_t identity = body_identity(perf->run, producer->index, producer->sent);
    uint8_t *message = producer->batch;
    int64_t due_ns = perf->now_ns;

    for (uint64_t i = 0; i < count; i++, identity++, message += producer->message_size) {
        if (has_rate)
            due_ns = due_of(producer, producer->sent + i);
        if (is_long)
            patch_long(producer, message, identity, due_ns);
        else
            patch_short(producer, message, identity);
        if (perf->options.random_routing_key)
            patch_key(producer, message);
        if (wildcards > 0)
            patch_wildcard(producer, message, (producer->sent + i) % wildcards);
        if (producer->due_ns != NULL)
            producer->due_ns[(producer->sent + i) & (producer->window - 1)] = due_ns;
    }
}

static void commit(struct producer *producer) {
    struct amqp_method method = {.id = AMQP_TX_COMMIT};

    connection_put_method(producer->channel->connection, producer->channel->number, &method);
    producer->commit_pending = true;
    producer->in_tx = 0;
    connection_flush(producer->channel->connection);
}

static void publish(struct producer *producer, uint64_t count) {
    patch_batch(producer, count);
    producer->sent += count;
    producer->perf->counters.sent += count;
    producer->in_tx += producer->perf->options.tx_size > 0 ? count : 0;
    connection_send_batch(producer->channel->connection, producer->batch,
                          count * producer->message_size);
}

/* A commit must not overtake its publishes: control frames may pass a batch that has not begun. */
static void commit_when_full(struct producer *producer) {
    if (producer->in_tx > 0 && producer->in_tx == (uint64_t)producer->perf->options.tx_size &&
        connection_is_ready(producer->channel->connection))
        commit(producer);
}

void producer_publish(struct producer *producer) {
    uint64_t count = 0;

    if (connection_is_ready(producer->channel->connection))
        count = room_by_rate(producer, room(producer));
    if (count > 0)
        publish(producer, count);
    commit_when_full(producer);
}

/* -- Answers ----------------------------------------------------------------------------------- */

/* One publish is confirmed; false when it was not outstanding. */
static bool settle(struct producer *producer, uint64_t number) {
    int64_t *due_ns = &producer->due_ns[number & (producer->window - 1)];

    if (number >= producer->sent || number < producer->oldest || *due_ns == 0)
        return false;
    latency_add(&producer->perf->confirm_latency, *due_ns, producer->perf->now_ns);
    *due_ns = 0;
    producer->settled++;
    return true;
}

static void skip_settled(struct producer *producer) {
    while (producer->oldest < producer->sent &&
           producer->due_ns[producer->oldest & (producer->window - 1)] == 0)
        producer->oldest++;
}

void producer_on_confirm(struct producer *producer, uint64_t tag, bool multiple, bool is_nack) {
    struct counters *counters = &producer->perf->counters;
    uint64_t *counter = is_nack ? &counters->nacked : &counters->confirmed;
    uint64_t last = tag == 0 && multiple ? producer->sent : tag; /* sequence number plus one */
    uint64_t settled = 0;

    if (producer->due_ns == NULL || last == 0 || last > producer->sent) {
        producer->perf->findings.wrongly_confirmed++;
        return;
    }
    for (uint64_t number = multiple ? producer->oldest : last - 1; number < last; number++)
        settled += settle(producer, number);
    producer->perf->findings.wrongly_confirmed += settled == 0;
    *counter += settled;
    skip_settled(producer);
}

void producer_on_commit_ok(struct producer *producer) {
    producer->commit_pending = false;
}

bool producer_is_exhausted(const struct producer *producer) {
    return room_by_count(producer) == 0;
}

void producer_finish(struct producer *producer) {
    if (producer->in_tx > 0 && !producer->commit_pending &&
        connection_is_ready(producer->channel->connection))
        commit(producer);
}

bool producer_is_settled(const struct producer *producer) {
    if (producer->channel->connection->batch_left > 0)
        return false;
    if (producer->due_ns != NULL && producer->settled < producer->sent)
        return false;
    return producer->in_tx == 0 && !producer->commit_pending;
}
