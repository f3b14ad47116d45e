/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole connections.  The input is a script for up to four clients of a broker in a box:
 * handshakes, methods of all kinds with their fields taken from the input, contents, frames, raw
 * octets, reads of any size, clients that do not read, time, alarms, queue runs, lost connections.
 *
 * Checked all the way: what the server sends are whole frames that decode, within frame-max; the
 * heap it holds is in proportion to what was fed (heap_allowance()); and when all clients are gone
 * and the broker is destroyed not an octet of heap, not a timer and not a count is left.
 */
#include "tests/fuzz/support.h"

#include <string.h>

#include "amqp/cursor.h"
#include "amqp/frame.h"
#include "amqp/method.h"
#include "amqp/table.h"
#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/chore.h"
#include "broker/entities/dead_letter.h"
#include "broker/entities/queue.h"
#include "broker/entities/permission.h"
#include "broker/entities/route_memory.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/blocking.h"
#include "broker/protocol/confirms.h"
#include "broker/protocol/connection.h"

#define CLIENT_COUNT 4
#define FRAME_MAX    131072u

struct client {
    struct connection *connection; /* NULL: not connected */
    uint8_t *pending;              /* sent, and not used by the connection yet */
    size_t pending_len;
    size_t offered;      /* so much of it was fed before and left */
    size_t read_size;    /* octets per feed, 0: all there is */
    bool does_not_read;  /* the server's output stays where it is */
    bool expects_header; /* the server's first octets may be a protocol header */
    uint8_t *received;   /* beginning of a frame of the server */
    size_t received_len;
};

struct world {
    struct env env;
    struct broker *broker;
    struct client clients[CLIENT_COUNT];
    struct cursor script;
    uint64_t random_state;
    size_t base_heap;  /* before the first client */
    size_t fed;        /* octets */
    size_t fed_frames; /* at most so many were among them */
    size_t fed_dots;   /* words of topic patterns, at most */
};

/* --- the surroundings --- */

static void fill_random(void *context, void *buffer, size_t len) {
    struct world *world = context;
    uint8_t *at = buffer;

    for (size_t i = 0; i < len; i++) {
        world->random_state = world->random_state * UINT64_C(6364136223846793005) + 1;
        at[i] = (uint8_t)(world->random_state >> 56);
    }
}

static void check_log_line(void *context, enum log_category category, enum log_level level,
                           const char *message) {
    (void)category;
    (void)context;
    (void)level;
    for (const char *at = message; *at != '\0'; at++)
        assert((uint8_t)*at >= ' ');
    assert(strlen(message) <= LOG_LINE_MAX);
}

static void open_world(struct world *world, struct slice script) {
    struct broker_settings settings;

    memset(world, 0, sizeof *world);
    world->env =
        (struct env){.now_ms = 5000,
                     .wall_ms = INT64_C(1795000000000),
                     .hash_seed = 42,
                     .fill_random = fill_random,
                     .random_context = world,
                     .log = {.level = LOG_DEBUG, .sink = check_log_line, .context = world}};
    world->script = cursor_over(script);
    broker_settings_init(&settings);
    settings.channel_max_per_node = 40;
    world->broker = broker_create(&world->env, &settings);
    world->broker->outbufs.spare_max = 0; /* chunks that are kept would hide behind the allowance */
    struct user *guest = user_add(world->broker, SLICE("guest"), SLICE("guest"));
    guest->loopback_only = true;
    permission_grant_all(guest, broker_add_vhost(world->broker, SLICE("/")));
    world->base_heap = heap.held;
}

/* --- memory of this file is not the broker's --- */

static void *own_malloc(size_t size) {
    heap.is_counting = false;
    void *block = malloc(size);
    heap.is_counting = true;
    assert(block != NULL);
    return block;
}

static void own_free(void *block) {
    heap.is_counting = false;
    free(block);
    heap.is_counting = true;
}

static void append_octets(uint8_t **buffer, size_t *len, struct slice octets) {
    if (octets.len == 0)
        return;
    uint8_t *longer = own_malloc(*len + octets.len);
    if (*len > 0)
        memcpy(longer, *buffer, *len);
    memcpy(longer + *len, octets.data, octets.len);
    own_free(*buffer);
    *buffer = longer;
    *len += octets.len;
}

static void drop_octets(uint8_t *buffer, size_t *len, size_t count) {
    *len -= count;
    if (*len > 0)
        memmove(buffer, buffer + count, *len);
}

/* --- what the server may hold --- */

static size_t allowance_of_queues(const struct world *world) {
    struct vhost *vhost = broker_find_vhost(world->broker, SLICE("/"));
    struct queue *queue, *next;
    size_t allowance = 0;

    MAP_FOR_EACH(vhost->queues, by_name, queue, next) {
        allowance += 9216 + 128 * (queue_ready_count(queue) + queue->unacked_count);
    }
    MAP_FOR_EACH(vhost->reply_queues, by_name, queue, next) {
        allowance += 9216 + 128 * queue_ready_count(queue);
    }
    return allowance;
}

/*
 * The rule is 4 octets for each one received and 512 for each frame.  Beside that stands what a
 * connection costs (a chunk of output, and output that the client does not read), the two chunks of
 * entries of a queue, a channel's publisher and ring, the nodes that the words of a topic pattern
 * make, and what a vhost remembers of routes.
 */
static size_t heap_allowance(const struct world *world) {
    size_t allowance = 2048 + HEAP_LIMIT(world->fed) + 512 * world->fed_frames +
                       320 * world->fed_dots + allowance_of_queues(world);

    for (size_t i = 0; i < CLIENT_COUNT; i++) {
        const struct connection *connection = world->clients[i].connection;
        if (connection != NULL)
            allowance += OUTBUF_CHUNK_SIZE + 2048 + 2048 * connection->channel_count +
                         2 * outbuf_size(&connection->endpoint.output);
    }
    if (broker_find_vhost(world->broker, SLICE("/"))->route_memory != NULL)
        allowance += ROUTE_MEMORY_SIZE;
    return allowance;
}

static void check_heap(const struct world *world) {
    assert(heap.held <= world->base_heap + heap_allowance(world));
}

/* --- what the server sends --- */

/* RabbitMQ quotes properties in reply texts, UTF-8 or not, and so do we. */
static void check_method(struct slice payload) {
    struct amqp_method method;
    enum amqp_decode_result result = amqp_method_decode(payload, &method);

    assert(result == AMQP_DECODED ||
           (result == AMQP_DECODE_BAD_UTF8 && method.id == AMQP_CHANNEL_CLOSE));
}

static void check_frame(struct frame_header header, struct slice payload) {
    struct amqp_content_header content;
    struct amqp_properties properties;

    switch (header.type) {
    case AMQP_FRAME_METHOD:
        check_method(payload);
        break;
    case AMQP_FRAME_HEADER:
        assert(amqp_content_header_decode(payload, &content));
        assert(amqp_properties_decode(content.flags, content.properties, &properties));
        break;
    case AMQP_FRAME_BODY:
        assert(payload.len > 0);
        break;
    default:
        assert(header.type == AMQP_FRAME_HEARTBEAT);
        assert(header.channel == 0);
        assert(payload.len == 0);
    }
}

/* Octets of the whole frame at the front, 0 when it is not whole yet. */
static size_t take_frame(struct slice octets) {
    if (octets.len < AMQP_FRAME_HEAD_SIZE)
        return 0;
    struct frame_header header = frame_header_decode(octets.data);
    size_t len = (size_t)header.size + AMQP_FRAME_OVERHEAD;
    assert(len <= FRAME_MAX);
    if (octets.len < len)
        return 0;
    assert(octets.data[len - 1] == AMQP_FRAME_END);
    check_frame(header, slice_of(octets.data + AMQP_FRAME_HEAD_SIZE, header.size));
    return len;
}

static size_t take_protocol_header(struct client *client) {
    if (client->received_len < 4)
        return 0;
    if (memcmp(client->received, "AMQP", 4) != 0) {
        client->expects_header = false;
        return 0;
    }
    assert(client->received_len == AMQP_PROTOCOL_HEADER_SIZE);
    assert(memcmp(client->received, AMQP_PROTOCOL_HEADER, AMQP_PROTOCOL_HEADER_SIZE) == 0);
    return AMQP_PROTOCOL_HEADER_SIZE;
}

static void check_received(struct client *client) {
    size_t used = 0, len;

    if (client->received_len == 0)
        return;
    if (client->expects_header)
        used = take_protocol_header(client);
    while ((len = take_frame(slice_of(client->received + used, client->received_len - used))) > 0)
        used += len;
    drop_octets(client->received, &client->received_len, used);
}

/* --- the transport --- */

static void disconnect(struct client *client) {
    struct endpoint *endpoint = &client->connection->endpoint;

    list_remove(&endpoint->dirty_link);
    outbuf_clear(&endpoint->output);
    endpoint->ops->destroy(endpoint);
    own_free(client->pending);
    own_free(client->received);
    memset(client, 0, sizeof *client);
}

static void drop_connection(struct client *client) {
    struct endpoint *endpoint = &client->connection->endpoint;

    if (!endpoint->closing)
        endpoint->ops->on_end_of_input(endpoint);
    disconnect(client);
}

static void flush(struct client *client) {
    struct endpoint *endpoint = &client->connection->endpoint;
    struct iovec piece;

    while (!client->does_not_read && !endpoint->reset &&
           outbuf_iovec(&endpoint->output, &piece, 1) == 1) {
        append_octets(&client->received, &client->received_len,
                      slice_of(piece.iov_base, piece.iov_len));
        endpoint->sent_bytes += piece.iov_len;
        outbuf_consume(&endpoint->output, piece.iov_len);
    }
    check_received(client);
    if (endpoint->congested && outbuf_size(&endpoint->output) <= OUTPUT_LOW_WATER) {
        endpoint->congested = false;
        endpoint->ops->on_output_drained(endpoint);
    }
}

/* How much of what was sent the next read brings: small reads of much would take for ever. */
static size_t octets_of_read(const struct client *client) {
    size_t fresh = client->pending_len - client->offered;

    if (client->read_size == 0 || client->read_size > fresh)
        return fresh;
    return client->read_size > fresh / 64 ? client->read_size : fresh / 64;
}

/* One read, in memory of just its size that is gone afterwards.  True when octets were used. */
static bool feed(struct world *world, struct client *client) {
    struct endpoint *endpoint = &client->connection->endpoint;
    size_t fresh = octets_of_read(client);
    size_t len = client->offered + fresh;
    if (len == 0 || endpoint->closing || endpoint->input_paused || endpoint->congested)
        return false;
    uint8_t *copy = own_malloc(len);
    memcpy(copy, client->pending, len);
    endpoint->received_bytes += fresh;
    size_t used = endpoint->ops->feed(endpoint, slice_of(copy, len));
    assert(used <= len);
    own_free(copy);
    drop_octets(client->pending, &client->pending_len, used);
    client->offered = len - used;
    check_heap(world);
    return used > 0 || fresh > 0;
}

/* Until nothing moves any more between this client and the broker. */
static void exchange_octets(struct world *world, struct client *client) {
    while (client->connection != NULL) {
        bool has_fed = feed(world, client);
        flush(client);
        const struct endpoint *endpoint = &client->connection->endpoint;
        if (endpoint->closing)
            disconnect(client);
        else if (!has_fed)
            return;
    }
}

/* The order of a tick is that of server_before_wait(). */
static void tick(struct world *world, size_t budget) {
    struct broker *broker = world->broker;

    timers_expire(&broker->timers, world->env.now_ms);
    broker_do_chores(broker, budget);
    broker_drain_dead_letters(broker, budget);
    broker_run_queues(broker, budget);
    confirms_settle(broker);
    for (size_t i = 0; i < CLIENT_COUNT; i++)
        exchange_octets(world, &world->clients[i]);
    check_heap(world);
}

static void send_octets(struct world *world, struct client *client, struct slice octets,
                        size_t frames_max) {
    if (client->connection == NULL)
        return;
    world->fed += octets.len;
    world->fed_frames += frames_max;
    for (size_t i = 0; i < octets.len; i++)
        world->fed_dots += octets.data[i] == '.';
    append_octets(&client->pending, &client->pending_len, octets);
}

static void send_method(struct world *world, struct client *client, uint16_t channel,
                        const struct amqp_method *method) {
    uint8_t octets[4096];
    struct writer w = writer_over(octets, sizeof octets);

    frame_encode_method(&w, channel, method);
    if (writer_is_complete(&w))
        send_octets(world, client, writer_written(&w), 1);
}

/* --- fields out of the script --- */

static struct slice take_literal(struct cursor *script) {
    size_t len = cursor_u8(script);
    return cursor_bytes(script, len < cursor_remaining(script) ? len : cursor_remaining(script));
}

static struct slice take_shortstr(struct cursor *script) {
    static const char *const words[] = {
        "",           "q",         "r",         "x",
        "y",          "z",         "a.b",       "a.*",
        "#.a.#",      "*",         "#",         "t",
        "direct",     "topic",     "fanout",    "headers",
        "amq.direct", "amq.topic", "/",         "amq.fanout",
        "amq.match",  "amq.gen-1", "line\r\n",  "amq.headers",
        "PLAIN",      "AMQPLAIN",  "ANONYMOUS", "amq.rabbitmq.reply-to",
    };
    size_t choice = cursor_u8(script);

    if (choice < sizeof words / sizeof words[0])
        return slice_from_text(words[choice]);
    return take_literal(script);
}

static struct slice take_longstr(struct cursor *script) {
    return cursor_u8(script) == 0 ? SLICE("\0guest\0guest") : take_literal(script);
}

static struct slice take_table(struct cursor *script) {
    static const struct slice tables[] = {
        {NULL, 0},
        SLICE("\x07x-matchS\0\0\0\3any\1hI\0\0\0\1"),
        SLICE("\x07x-matchS\0\0\0\3all\1hV"),
        SLICE("\x12"
              "alternate-exchangeS\0\0\0\1y"),
        SLICE("\x0ax-priorityI\0\0\0\5"),
        SLICE("\2CCA\0\0\0\7S\0\0\0\2rr\3BCCA\0\0\0\6S\0\0\0\1q"),
        SLICE("\x0cx-queue-typeS\0\0\0\7classic"),
        SLICE("\x0c"
              "capabilitiesF\0\0\0\x32\x12"
              "connection.blockedt\1\x16"
              "consumer_cancel_notifyt\1\1at\0"),
    };
    size_t choice = cursor_u8(script);

    if (choice >= sizeof tables / sizeof tables[0])
        return take_literal(script);
    assert(amqp_table_is_valid(tables[choice]));
    return tables[choice];
}

/* Small numbers mostly: delivery tags and counts. */
static uint64_t take_number(struct cursor *script) {
    uint8_t small = cursor_u8(script);
    return small < 0xF0 ? small : cursor_u64(script);
}

#define TAKE_octet    (uint8_t) take_number(script)
#define TAKE_short    (uint16_t) take_number(script)
#define TAKE_long     (uint32_t) take_number(script)
#define TAKE_longlong take_number(script)
#define TAKE_bit      (cursor_u8(script) % 2 == 1)
#define TAKE_shortstr take_shortstr(script)
#define TAKE_longstr  take_longstr(script)
#define TAKE_table    take_table(script)

/* Any method, the server's own included. */
static void take_method(struct cursor *script, struct amqp_method *ret_method) {
    memset(ret_method, 0, sizeof *ret_method);
    ret_method->id = (enum amqp_method_id)(cursor_u8(script) % (AMQP_METHOD_COUNT - 1) + 1);
    switch (ret_method->id) {
#define METHOD(constant, name, wire_name, class_id, method_id, content) case AMQP_##constant:
#define FIELD(method, type, field)                                      ret_method->method.field = TAKE_##type;
#define END(name)                                                       break;
#include "amqp/methods.def"
    default:
        break;
    }
}

/* --- the steps of a script --- */

static void step_accept(struct world *world, struct client *client) {
    uint8_t how = cursor_u8(&world->script);

    if (client->connection != NULL)
        return;
    client->connection = connection_create(
        world->broker, &(struct connection_peer){.name = "192.0.2.1:5 -> 192.0.2.2:5672",
                                                 .is_loopback = how % 8 != 7});
    client->expects_header = true;
}

/* Accept, the whole handshake and channel 1 in one go. */
static void step_log_in(struct world *world, struct client *client) {
    struct amqp_method start_ok = {.id = AMQP_CONNECTION_START_OK};
    struct amqp_method tune_ok = {.id = AMQP_CONNECTION_TUNE_OK};
    struct amqp_method open = {.id = AMQP_CONNECTION_OPEN};

    start_ok.connection_start_ok.client_properties = take_table(&world->script);
    start_ok.connection_start_ok.mechanism = SLICE("PLAIN");
    start_ok.connection_start_ok.response = SLICE("\0guest\0guest");
    tune_ok.connection_tune_ok.channel_max = 20;
    tune_ok.connection_tune_ok.frame_max = cursor_u8(&world->script) % 2 == 0 ? FRAME_MAX : 4096;
    tune_ok.connection_tune_ok.heartbeat = cursor_u8(&world->script);
    open.connection_open.virtual_host = SLICE("/");
    step_accept(world, client);
    send_octets(world, client, slice_of(AMQP_PROTOCOL_HEADER, AMQP_PROTOCOL_HEADER_SIZE), 1);
    send_method(world, client, 0, &start_ok);
    send_method(world, client, 0, &tune_ok);
    send_method(world, client, 0, &open);
    send_method(world, client, 1, &(struct amqp_method){.id = AMQP_CHANNEL_OPEN});
}

static uint16_t take_channel(struct cursor *script) {
    uint8_t number = cursor_u8(script);
    return number < 0xF0 ? number % 4 : cursor_u16(script);
}

/* The channel of most steps is 1; class connection goes where it belongs. */
static void step_method(struct world *world, struct client *client) {
    uint16_t channel = take_channel(&world->script);
    struct amqp_method method;

    take_method(&world->script, &method);
    if (amqp_method_class_id(method.id) == AMQP_CLASS_CONNECTION && channel == 1)
        channel = 0;
    send_method(world, client, channel, &method);
}

static void send_frame(struct world *world, struct client *client, uint8_t type, uint16_t channel,
                       struct slice payload) {
    uint8_t head[AMQP_FRAME_HEAD_SIZE], end = AMQP_FRAME_END;

    frame_write_head(head, type, channel, (uint32_t)payload.len);
    send_octets(world, client, slice_of(head, sizeof head), 1);
    send_octets(world, client, payload, 0);
    send_octets(world, client, slice_of(&end, 1), 0);
}

static void step_frame(struct world *world, struct client *client) {
    uint8_t type = cursor_u8(&world->script);
    uint16_t channel = take_channel(&world->script);

    send_frame(world, client, type, channel, take_literal(&world->script));
}

/* The payload of a content header, properties out of the script. */
static void take_content_header(struct cursor *script, struct writer *w, uint64_t body_size) {
    struct amqp_properties properties = {.delivery_mode = 2, .user_id = SLICE("guest")};

    properties.flags = cursor_u16(script) & AMQP_PROPERTIES_ALL;
    properties.headers = take_table(script);
    properties.reply_to = take_shortstr(script);
    properties.expiration = take_shortstr(script);
    writer_u16(w, AMQP_CLASS_BASIC);
    writer_u16(w, 0);
    writer_u64(w, body_size);
    amqp_properties_encode(w, &properties);
}

/* Content of up to 64 KiB in frames of one size; some octets more come in a last one, or never. */
static void step_content(struct world *world, struct client *client) {
    static const uint8_t zeros[8192];
    struct cursor *script = &world->script;
    uint16_t channel = take_channel(script);
    size_t piece = cursor_u16(script) % sizeof zeros;
    size_t count = piece == 0 ? 0 : cursor_u8(script) % 9;
    uint8_t more = cursor_u8(script);
    uint8_t header[2048];
    struct writer w = writer_over(header, sizeof header);

    take_content_header(script, &w, piece * count + more % 4);
    if (!writer_is_complete(&w))
        return;
    send_frame(world, client, AMQP_FRAME_HEADER, channel, writer_written(&w));
    for (size_t i = 0; i < count; i++)
        send_frame(world, client, AMQP_FRAME_BODY, channel, slice_of(zeros, piece));
    if (more % 4 != 0 && more < 0xF0)
        send_frame(world, client, AMQP_FRAME_BODY, channel, slice_of(zeros, more % 4));
}

static void step_octets(struct world *world, struct client *client) {
    struct slice octets = take_literal(&world->script);

    send_octets(world, client, octets, octets.len / AMQP_FRAME_OVERHEAD + 1);
}

static void step_read_size(struct world *world, struct client *client) {
    client->read_size = cursor_u8(&world->script);
}

static void step_reading(struct world *world, struct client *client) {
    client->does_not_read = cursor_u8(&world->script) % 2 == 1;
}

static void step_drop(struct world *world, struct client *client) {
    (void)world;
    if (client->connection != NULL)
        drop_connection(client);
}

static void step_time(struct world *world, struct client *client) {
    (void)client;
    world->env.now_ms += cursor_u16(&world->script);
}

static void step_alarm(struct world *world, struct client *client) {
    uint8_t how = cursor_u8(&world->script);

    (void)client;
    if (how % 2 == 0)
        broker_set_memory_alarm(world->broker, how % 4 == 0);
    else
        broker_set_disk_alarm(world->broker, how % 4 == 1);
}

static void step_force_close(struct world *world, struct client *client) {
    if (cursor_u8(&world->script) % 16 == 0)
        connections_force_close_all(world->broker, AMQP_CONNECTION_FORCED, "shutdown");
    else if (client->connection != NULL)
        connection_force_close(client->connection, AMQP_CONNECTION_FORCED, "because");
}

typedef void script_step(struct world *world, struct client *client);

/* Methods stand here more than once, for they are most of what clients say. */
static script_step *const steps[] = {
    step_log_in, step_method, step_method,    step_method,      step_content, step_frame,
    step_octets, step_accept, step_read_size, step_time,        step_drop,    step_reading,
    step_alarm,  step_method, step_content,   step_force_close,
};

#define STEP_COUNT (sizeof steps / sizeof steps[0])

static void run_script(struct world *world) {
    while (!cursor_failed(&world->script) && !cursor_at_end(&world->script)) {
        uint8_t choice = cursor_u8(&world->script);
        steps[choice % STEP_COUNT](world, &world->clients[choice / STEP_COUNT % CLIENT_COUNT]);
        /* mostly at once, at times only together with what comes next */
        if (choice / STEP_COUNT / CLIENT_COUNT != 3)
            tick(world, choice % 7 + 1);
    }
    tick(world, 100);
}

/* --- the end --- */

static void close_world(struct world *world) {
    struct broker *broker = world->broker;

    for (size_t i = 0; i < CLIENT_COUNT; i++)
        step_drop(world, &world->clients[i]);
    assert(list_is_empty(&broker->connections));
    assert(list_is_empty(&broker->endpoints.dirty));
    assert(list_is_empty(&broker->unconfirmed_channels));
    assert(broker->connection_count == 0);
    assert(broker->channel_count == 0);
    assert(broker->timers.count == 0);
    assert(broker->counters.connections_opened == broker->counters.connections_closed);
    assert(broker->counters.channels_opened == broker->counters.channels_closed);
    broker_destroy(broker);
}

static void run_world(struct slice script) {
    struct world world;

    open_world(&world, script);
    run_script(&world);
    close_world(&world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool is_warm;

    if (!is_warm) { /* what libcrypto keeps from its first use on is not counted */
        heap_count_begin();
        run_world((struct slice){NULL, 0});
        is_warm = true;
    }
    heap_count_begin();
    run_world(slice_of(data, size));
    assert(heap.held == 0);
    heap_count_end();
    return 0;
}
