/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/peer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/base/endpoint.h"
#include "broker/protocol/connection.h"

#define IOVECS 64

/* -- Octets ------------------------------------------------------------------------------------ */

static void octets_append(struct octets *octets, const void *data, size_t len) {
    if (octets->len + len > octets->capacity) {
        octets->capacity = 2 * (octets->len + len);
        octets->data = realloc(octets->data, octets->capacity);
        assert(octets->data != NULL);
    }
    if (len > 0)
        memcpy(octets->data + octets->len, data, len);
    octets->len += len;
}

static void octets_remove(struct octets *octets, size_t at, size_t len) {
    assert(at + len <= octets->len);
    if (len > 0)
        memmove(octets->data + at, octets->data + at + len, octets->len - at - len);
    octets->len -= len;
}

static void octets_set(struct octets *octets, const void *data, size_t len) {
    octets->len = 0;
    octets_append(octets, data, len);
}

static struct slice octets_slice(const struct octets *octets) {
    return slice_of(octets->data, octets->len);
}

/* -- Failing ----------------------------------------------------------------------------------- */

struct peer *peer_at(struct peer *peer, const char *file, int line) {
    peer->file = file;
    peer->line = line;
    return peer;
}

static void render_number(FILE *out, uint64_t number) {
    fprintf(out, "%llu", (unsigned long long)number);
}

static void render_octets(FILE *out, struct slice octets) {
    fputc('\'', out);
    for (size_t i = 0; i < octets.len && i < 300; i++) {
        if (octets.data[i] >= ' ' && octets.data[i] < 127)
            fputc(octets.data[i], out);
        else
            fprintf(out, "\\x%02x", octets.data[i]);
    }
    fputc('\'', out);
}

#define render_octet    render_number
#define render_short    render_number
#define render_long     render_number
#define render_longlong render_number
#define render_bit      render_number
#define render_shortstr render_octets
#define render_longstr  render_octets
#define render_table    render_octets

static void render_method(FILE *out, const struct amqp_method *method) {
    fputs(amqp_method_name(method->id), out);
    switch (method->id) {
    case AMQP_METHOD_UNKNOWN:
    case AMQP_METHOD_COUNT:
        break;
/* clang-format off */
#define METHOD(constant, name, wire_name, class_id, method_id, content) case AMQP_##constant:
#define FIELD(struct_name, type, field) \
        fputs(" " #field "=", out); \
        render_##type(out, method->struct_name.field);
#define END(name) break;
/* clang-format on */
#include "amqp/methods.def"
    }
}

struct frame {
    size_t at; /* of its head in `received` */
    struct frame_header head;
    struct slice payload;
};

/* The frame that begins at `at`; false when there is none. */
static bool frame_at(const struct peer *peer, size_t at, struct frame *ret_frame) {
    if (peer->received.len - at < AMQP_FRAME_OVERHEAD)
        return false;
    ret_frame->at = at;
    ret_frame->head = frame_header_decode(peer->received.data + at);
    if (peer->received.len - at - AMQP_FRAME_OVERHEAD < ret_frame->head.size)
        return false;
    ret_frame->payload =
        slice_of(peer->received.data + at + AMQP_FRAME_HEAD_SIZE, ret_frame->head.size);
    return peer->received.data[at + AMQP_FRAME_HEAD_SIZE + ret_frame->head.size] == AMQP_FRAME_END;
}

static void render_received(FILE *out, const struct peer *peer) {
    struct frame frame;
    struct amqp_method method;
    size_t at = 0;

    while (frame_at(peer, at, &frame)) {
        fprintf(out, "\n    frame %u on channel %u: ", frame.head.type, frame.head.channel);
        if (frame.head.type == AMQP_FRAME_METHOD &&
            amqp_method_decode(frame.payload, &method) == AMQP_DECODED)
            render_method(out, &method);
        else
            render_octets(out, frame.payload);
        at += AMQP_FRAME_OVERHEAD + frame.head.size;
    }
    if (at < peer->received.len) {
        fprintf(out, "\n    octets: ");
        render_octets(out, slice_of(peer->received.data + at, peer->received.len - at));
    }
    if (peer->connection == NULL)
        fprintf(out, "\n    closed by the server");
}

/* Ends the test: what was wanted, and everything that is there instead. */
static void peer_fail(struct peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
static void peer_fail(struct peer *peer, const char *format, ...) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    va_list arguments;

    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    fprintf(out, "\n  there is:");
    render_received(out, peer);
    fclose(out);
    print_error("%s\n", text);
    free(text);
    _fail(peer->file, peer->line);
    abort();
}

static void print_method(const char *label, const struct amqp_method *method) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    render_method(out, method);
    fclose(out);
    print_error("%s %s\n", label, text);
    free(text);
}

/* -- The transport ----------------------------------------------------------------------------- */

static struct peer *peer_create(struct fixture *fixture, bool is_loopback) {
    struct peer *peer = calloc(1, sizeof *peer);
    struct connection_peer end = {
        .name =
            is_loopback ? "127.0.0.1:50000 -> 127.0.0.1:5672" : "10.1.2.3:50000 -> 10.0.0.1:5672",
        .is_loopback = is_loopback,
    };

    assert(peer != NULL);
    peer->fixture = fixture;
    peer->file = __FILE__;
    peer->frame_max = AMQP_FRAME_MIN_SIZE;
    peer->connection = connection_create(fixture->broker, &end);
    list_append(&fixture->peers, &peer->link);
    fixture_run(fixture);
    return peer;
}

struct peer *peer_accept(struct fixture *fixture) {
    return peer_create(fixture, true);
}

struct peer *peer_accept_from_afar(struct fixture *fixture) {
    return peer_create(fixture, false);
}

void peer_destroy(struct peer *peer) {
    assert(peer->connection == NULL);
    list_remove(&peer->link);
    free(peer->sent.data);
    free(peer->received.data);
    free(peer->frame.data);
    free(peer->body.data);
    free(peer->content_header.data);
    free(peer);
}

static void peer_end_transport(struct peer *peer) {
    struct endpoint *endpoint = &peer->connection->endpoint;

    list_remove(&endpoint->dirty_link);
    outbuf_clear(&endpoint->output);
    endpoint->ops->destroy(endpoint);
    peer->connection = NULL;
}

void peer_drop(struct peer *peer) {
    if (peer->connection == NULL)
        return;
    if (!peer->connection->endpoint.closing)
        peer->connection->endpoint.ops->on_end_of_input(&peer->connection->endpoint);
    peer_end_transport(peer);
    fixture_run(peer->fixture);
}

/* One read: what was not taken last time and at most read_size octets more. */
static bool peer_feed_once(struct peer *peer) {
    struct endpoint *endpoint = &peer->connection->endpoint;
    size_t there = peer->sent.len - peer->taken;
    size_t more = there - peer->offered;
    size_t used;
    uint8_t *copy;

    if (endpoint->closing || endpoint->input_paused || peer->is_corked || there == 0)
        return false;
    if (more > peer->fixture->read_size)
        more = peer->fixture->read_size;
    endpoint->received_bytes += more;
    copy = malloc(peer->offered + more);
    assert(copy != NULL);
    memcpy(copy, peer->sent.data + peer->taken, peer->offered + more);
    used = endpoint->ops->feed(endpoint, slice_of(copy, peer->offered + more));
    free(copy);
    assert(used <= peer->offered + more);
    peer->taken += used;
    peer->offered += more - used;
    return used > 0 || more > 0;
}

static bool peer_feed(struct peer *peer) {
    bool has_moved = false;

    while (peer_feed_once(peer))
        has_moved = true;
    if (peer->taken == peer->sent.len) {
        peer->taken = 0;
        peer->sent.len = 0;
    }
    return has_moved;
}

static bool peer_flush(struct peer *peer) {
    struct endpoint *endpoint = &peer->connection->endpoint;
    struct iovec pieces[IOVECS];
    bool has_moved = false;

    while (!endpoint->reset && !peer->is_not_reading && outbuf_size(&endpoint->output) > 0) {
        int count = outbuf_iovec(&endpoint->output, pieces, IOVECS);
        size_t len = 0;
        for (int i = 0; i < count; i++) {
            octets_append(&peer->received, pieces[i].iov_base, pieces[i].iov_len);
            len += pieces[i].iov_len;
        }
        endpoint->sent_bytes += len;
        outbuf_consume(&endpoint->output, len);
        has_moved = true;
    }
    if (endpoint->congested && outbuf_size(&endpoint->output) <= OUTPUT_LOW_WATER) {
        endpoint->congested = false;
        endpoint->ops->on_output_drained(endpoint);
        has_moved = true;
    }
    return has_moved;
}

bool peer_exchange_octets(struct peer *peer) {
    struct endpoint *endpoint;
    bool has_moved;

    if (peer->connection == NULL)
        return false;
    endpoint = &peer->connection->endpoint;
    list_remove(&endpoint->dirty_link);
    has_moved = peer_feed(peer);
    has_moved |= peer_flush(peer);
    if (endpoint->closing && (endpoint->reset || outbuf_size(&endpoint->output) == 0)) {
        peer->was_reset = endpoint->reset;
        peer_end_transport(peer);
        has_moved = true;
    }
    return has_moved;
}

void peer_cork(struct peer *peer) {
    peer->is_corked = true;
}

void peer_uncork(struct peer *peer) {
    peer->is_corked = false;
    fixture_run(peer->fixture);
}

/* -- Sending ----------------------------------------------------------------------------------- */

uint16_t peer_default_channel(int id) {
    uint16_t class_id = amqp_method_class_id((enum amqp_method_id)id);

    return class_id == AMQP_CLASS_CONNECTION ? 0 : 1;
}

void peer_send_octets(struct peer *peer, struct slice octets) {
    octets_append(&peer->sent, octets.data, octets.len);
    fixture_run(peer->fixture);
}

void peer_send_frame(struct peer *peer, uint8_t type, uint16_t channel, struct slice payload) {
    uint8_t head[AMQP_FRAME_HEAD_SIZE];
    uint8_t end = AMQP_FRAME_END;

    frame_write_head(head, type, channel, (uint32_t)payload.len);
    octets_append(&peer->sent, head, sizeof head);
    octets_append(&peer->sent, payload.data, payload.len);
    octets_append(&peer->sent, &end, 1);
    fixture_run(peer->fixture);
}

void peer_send_method(struct peer *peer, uint16_t channel, const struct amqp_method *method) {
    uint8_t payload[65536];
    struct writer w = writer_over(payload, sizeof payload);

    amqp_method_encode(&w, method);
    assert(writer_is_complete(&w));
    peer_send_frame(peer, AMQP_FRAME_METHOD, channel, writer_written(&w));
}

void peer_send_header_frame(struct peer *peer, uint16_t channel,
                            const struct amqp_content_header *header) {
    uint8_t payload[65536];
    struct writer w = writer_over(payload, sizeof payload);

    amqp_content_header_encode(&w, header);
    assert(writer_is_complete(&w));
    peer_send_frame(peer, AMQP_FRAME_HEADER, channel, writer_written(&w));
}

static uint16_t flags_of(const struct amqp_properties *properties) {
    const struct {
        bool is_there;
        uint16_t flag;
    } all[] = {
        {properties->content_type.len > 0, AMQP_CONTENT_TYPE},
        {properties->content_encoding.len > 0, AMQP_CONTENT_ENCODING},
        {properties->headers.len > 0, AMQP_HEADERS},
        {properties->delivery_mode > 0, AMQP_DELIVERY_MODE},
        {properties->priority > 0, AMQP_PRIORITY},
        {properties->correlation_id.len > 0, AMQP_CORRELATION_ID},
        {properties->reply_to.len > 0, AMQP_REPLY_TO},
        {properties->expiration.len > 0, AMQP_EXPIRATION},
        {properties->message_id.len > 0, AMQP_MESSAGE_ID},
        {properties->timestamp > 0, AMQP_TIMESTAMP},
        {properties->type.len > 0, AMQP_TYPE},
        {properties->user_id.len > 0, AMQP_USER_ID},
        {properties->app_id.len > 0, AMQP_APP_ID},
        {properties->cluster_id.len > 0, AMQP_CLUSTER_ID},
    };
    uint16_t flags = properties->flags;

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].is_there)
            flags = (uint16_t)(flags | all[i].flag);
    return flags;
}

void peer_send_body(struct peer *peer, uint16_t channel, struct slice body,
                    const struct amqp_properties *properties) {
    uint8_t octets[65536];
    struct writer w = writer_over(octets, sizeof octets);
    struct amqp_properties flagged = *properties;
    struct amqp_content_header header = {.class_id = AMQP_CLASS_BASIC, .body_size = body.len};
    size_t most = peer->frame_max - AMQP_FRAME_OVERHEAD;

    flagged.flags = flags_of(properties);
    header.flags = flagged.flags;
    amqp_properties_encode(&w, &flagged);
    assert(writer_is_complete(&w));
    header.properties = slice_of(octets + 2, writer_length(&w) - 2); /* without the flags */
    peer_send_header_frame(peer, channel, &header);
    for (size_t at = 0; at < body.len; at += most) {
        size_t len = body.len - at < most ? body.len - at : most;
        peer_send_frame(peer, AMQP_FRAME_BODY, channel, slice_of(body.data + at, len));
    }
}

void peer_send_publish(struct peer *peer, uint16_t channel, const char *exchange, const char *key,
                       const char *body, const struct amqp_properties *properties) {
    peer_send_method(peer, channel,
                     PEER_METHOD(basic_publish, .exchange = slice_from_text(exchange),
                                 .routing_key = slice_from_text(key)));
    peer_send_body(peer, channel, slice_from_text(body), properties);
}

/* -- Expecting --------------------------------------------------------------------------------- */

/* Takes the next frame of the channel out of what was received; its payload goes to peer->frame. */
static bool take_frame(struct peer *peer, uint16_t channel, uint8_t type) {
    struct frame frame;
    size_t at = 0;

    while (frame_at(peer, at, &frame)) {
        size_t whole = AMQP_FRAME_OVERHEAD + frame.head.size;
        if (frame.head.channel == channel) {
            if (frame.head.type != type)
                return false;
            octets_set(&peer->frame, frame.payload.data, frame.payload.len);
            octets_remove(&peer->received, at, whole);
            return true;
        }
        at += whole;
    }
    return false;
}

static bool next_method_is(const struct peer *peer, uint16_t channel, int id) {
    struct frame frame;
    struct amqp_method method;

    for (size_t at = 0; frame_at(peer, at, &frame); at += AMQP_FRAME_OVERHEAD + frame.head.size) {
        if (frame.head.channel != channel)
            continue;
        return frame.head.type == AMQP_FRAME_METHOD &&
               amqp_method_decode(frame.payload, &method) == AMQP_DECODED && (int)method.id == id;
    }
    return false;
}

const struct amqp_method *peer_receive_method(struct peer *peer, uint16_t channel, int id) {
    if (!next_method_is(peer, channel, id) || !take_frame(peer, channel, AMQP_FRAME_METHOD))
        peer_fail(peer, "expected %s on channel %u", amqp_method_name((enum amqp_method_id)id),
                  channel);
    amqp_method_decode(octets_slice(&peer->frame), &peer->method);
    return &peer->method;
}

static bool methods_are_equal(const struct amqp_method *a, const struct amqp_method *b) {
    uint8_t buffer_a[65536], buffer_b[65536];
    struct writer writer_a = writer_over(buffer_a, sizeof buffer_a);
    struct writer writer_b = writer_over(buffer_b, sizeof buffer_b);

    amqp_method_encode(&writer_a, a);
    amqp_method_encode(&writer_b, b);
    return slice_equal(writer_written(&writer_a), writer_written(&writer_b));
}

void peer_expect_method(struct peer *peer, uint16_t channel, const struct amqp_method *method) {
    const struct amqp_method *received = peer_receive_method(peer, channel, (int)method->id);

    if (methods_are_equal(method, received))
        return;
    print_method("expected", method);
    print_method("received", received);
    peer_fail(peer, "fields differ");
}

const struct amqp_properties *peer_take_content(struct peer *peer, uint16_t channel,
                                                const char *text) {
    struct amqp_content_header header;

    if (!take_frame(peer, channel, AMQP_FRAME_HEADER))
        peer_fail(peer, "expected a content header on channel %u", channel);
    octets_set(&peer->content_header, peer->frame.data, peer->frame.len);
    if (!amqp_content_header_decode(octets_slice(&peer->content_header), &header) ||
        !amqp_properties_decode(header.flags, header.properties, &peer->properties))
        peer_fail(peer, "the content header does not decode");
    peer->body.len = 0;
    peer->body_frames = 0;
    while (peer->body.len < header.body_size) {
        if (!take_frame(peer, channel, AMQP_FRAME_BODY))
            peer_fail(peer, "expected a body of %llu octets on channel %u, got %zu",
                      (unsigned long long)header.body_size, channel, peer->body.len);
        octets_append(&peer->body, peer->frame.data, peer->frame.len);
        peer->body_frames++;
    }
    if (text != NULL && !slice_equal(octets_slice(&peer->body), slice_from_text(text)))
        peer_fail(peer, "expected the body '%s', got '%.*s'", text, (int)peer->body.len,
                  (const char *)peer->body.data);
    return &peer->properties;
}

void peer_take_delivery(struct peer *peer, uint16_t channel, const char *tag, uint64_t number,
                        bool redelivered, const char *text) {
    struct amqp_basic_deliver deliver;

    deliver = peer_receive_method(peer, channel, AMQP_BASIC_DELIVER)->basic_deliver;
    if (!slice_equal(deliver.consumer_tag, slice_from_text(tag)) ||
        deliver.delivery_tag != number || deliver.redelivered != redelivered) {
        print_method("received", &peer->method);
        peer_fail(peer, "expected a delivery to '%s' with tag %llu, redelivered %d", tag,
                  (unsigned long long)number, redelivered);
    }
    peer_take_content(peer, channel, text);
}

const struct amqp_properties *peer_get(struct peer *peer, const char *queue, const char *text) {
    peer_send_method(peer, 1,
                     PEER_METHOD(basic_get, .queue = slice_from_text(queue), .no_ack = true));
    if (text == NULL) {
        peer_expect_method(peer, 1, PEER_METHOD(basic_get_empty, .cluster_id = SLICE("")));
        return NULL;
    }
    peer_receive_method(peer, 1, AMQP_BASIC_GET_OK);
    return peer_take_content(peer, 1, text);
}

void peer_count(struct peer *peer, const char *queue, uint32_t messages, uint32_t consumers) {
    peer_send_method(peer, 1,
                     PEER_METHOD(queue_declare, .queue = slice_from_text(queue), .passive = true));
    peer_expect_method(peer, 1,
                       PEER_METHOD(queue_declare_ok, .queue = slice_from_text(queue),
                                   .message_count = messages, .consumer_count = consumers));
}

/* "NOT_FOUND - no queue ..." in `buffer` of 256 octets. */
static struct slice reply_text(uint16_t code, const char *text, char *buffer) {
    int len = snprintf(buffer, 256, "%s%s%s", amqp_reply_code_name(code), text == NULL ? "" : " - ",
                       text == NULL ? "" : text);

    assert(len < 256);
    return slice_of(buffer, (size_t)len);
}

void peer_take_channel_close(struct peer *peer, uint16_t channel, uint16_t code, const char *text,
                             int blamed) {
    enum amqp_method_id id = (enum amqp_method_id)blamed;
    char buffer[256];

    peer_expect_method(
        peer, channel,
        PEER_METHOD(channel_close, .reply_code = code, .reply_text = reply_text(code, text, buffer),
                    .class_id = amqp_method_class_id(id), .method_id = amqp_method_method_id(id)));
    peer_send_method(peer, channel, PEER_METHOD(channel_close_ok, ));
}

void peer_take_connection_close(struct peer *peer, uint16_t code, const char *text, int blamed) {
    enum amqp_method_id id = (enum amqp_method_id)blamed;
    char buffer[256];

    peer_expect_method(peer, 0,
                       PEER_METHOD(connection_close, .reply_code = code,
                                   .reply_text = reply_text(code, text, buffer),
                                   .class_id = amqp_method_class_id(id),
                                   .method_id = amqp_method_method_id(id)));
    peer_send_method(peer, 0, PEER_METHOD(connection_close_ok, ));
    if (peer->connection != NULL && !peer->connection->endpoint.input_paused)
        peer_check_closed(peer);
}

void peer_take_octets(struct peer *peer, struct slice octets) {
    if (peer->received.len < octets.len ||
        !slice_equal(slice_of(peer->received.data, octets.len), octets))
        peer_fail(peer, "expected %zu other octets", octets.len);
    octets_remove(&peer->received, 0, octets.len);
}

void peer_take_heartbeat(struct peer *peer) {
    if (!take_frame(peer, 0, AMQP_FRAME_HEARTBEAT) || peer->frame.len != 0)
        peer_fail(peer, "expected a heartbeat");
}

void peer_check_silence(struct peer *peer) {
    if (peer->received.len > 0)
        peer_fail(peer, "expected nothing");
}

void peer_check_open(struct peer *peer) {
    if (peer->connection == NULL)
        peer_fail(peer, "expected an open connection");
}

void peer_check_closed(struct peer *peer) {
    if (peer->connection != NULL || peer->received.len > 0)
        peer_fail(peer, "expected a closed connection and nothing left to read");
}
