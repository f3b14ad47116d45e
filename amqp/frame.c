/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The forms of frame.h, octet by octet.
 */
#include "amqp/frame.h"

#include "amqp/cursor.h"
#include "amqp/method.h"

/* -- Protocol header --------------------------------------------------------------------------- */

static bool is_http(struct slice header) {
    return slice_has_prefix(header, SLICE("GET ")) || slice_has_prefix(header, SLICE("HEAD ")) ||
           slice_has_prefix(header, SLICE("POST ")) || slice_has_prefix(header, SLICE("PUT ")) ||
           slice_has_prefix(header, SLICE("DELETE ")) || slice_has_prefix(header, SLICE("OPTIONS"));
}

/* A TLS record of type handshake that holds a ClientHello: 16 03 xx xx xx 01. */
static bool is_client_hello(const uint8_t *header) {
    return header[0] == 0x16 && header[1] == 0x03 && header[5] == 0x01;
}

enum protocol_header_kind protocol_header_check(const uint8_t header[AMQP_PROTOCOL_HEADER_SIZE]) {
    struct slice octets = slice_of(header, AMQP_PROTOCOL_HEADER_SIZE);

    if (slice_equal(octets, SLICE(AMQP_PROTOCOL_HEADER)))
        return PROTOCOL_HEADER_0_9_1;
    if (slice_equal(octets, SLICE("AMQP\x01\x01\x00\x09")))
        return PROTOCOL_HEADER_0_9;
    if (slice_has_prefix(octets, SLICE("AMQP")))
        return PROTOCOL_HEADER_AMQP;
    if (is_http(octets))
        return PROTOCOL_HEADER_HTTP;
    return is_client_hello(header) ? PROTOCOL_HEADER_TLS : PROTOCOL_HEADER_OTHER;
}

bool protocol_header_is_accepted(enum protocol_header_kind kind) {
    return kind == PROTOCOL_HEADER_0_9_1 || kind == PROTOCOL_HEADER_0_9;
}

/* -- Frames ------------------------------------------------------------------------------------ */

struct frame_header frame_header_decode(const uint8_t head[AMQP_FRAME_HEAD_SIZE]) {
    struct cursor c = cursor_over(slice_of(head, AMQP_FRAME_HEAD_SIZE));
    struct frame_header header;

    header.type = cursor_u8(&c);
    header.channel = cursor_u16(&c);
    header.size = cursor_u32(&c);
    return header;
}

void frame_write_head(uint8_t *at, uint8_t type, uint16_t channel, uint32_t size) {
    at[0] = type;
    at[1] = (uint8_t)(channel >> 8);
    at[2] = (uint8_t)channel;
    at[3] = (uint8_t)(size >> 24);
    at[4] = (uint8_t)(size >> 16);
    at[5] = (uint8_t)(size >> 8);
    at[6] = (uint8_t)size;
}

/* Everything before the payload; returns the block that frame_end() closes. */
static size_t frame_begin(struct writer *w, enum amqp_frame_type type, uint16_t channel) {
    writer_u8(w, (uint8_t)type);
    writer_u16(w, channel);
    return writer_open_block(w);
}

static void frame_end(struct writer *w, size_t block) {
    writer_close_block(w, block);
    writer_u8(w, AMQP_FRAME_END);
}

void frame_encode_method(struct writer *w, uint16_t channel, const struct amqp_method *method) {
    size_t block = frame_begin(w, AMQP_FRAME_METHOD, channel);

    amqp_method_encode(w, method);
    frame_end(w, block);
}

void frame_encode_content_header(struct writer *w, uint16_t channel,
                                 const struct amqp_content_header *header) {
    size_t block = frame_begin(w, AMQP_FRAME_HEADER, channel);

    amqp_content_header_encode(w, header);
    frame_end(w, block);
}

void frame_encode_heartbeat(struct writer *w) {
    frame_end(w, frame_begin(w, AMQP_FRAME_HEARTBEAT, 0));
}
