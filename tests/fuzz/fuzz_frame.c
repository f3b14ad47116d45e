/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A stream as a connection reads it: protocol header, then frames, each handed to the decoder of
 * its type.  Heads and whole frames come out of the encoder as they went into the decoder.
 */
#include "tests/fuzz/support.h"

#include "amqp/cursor.h"
#include "amqp/frame.h"
#include "amqp/method.h"

static void check_head(struct slice octets, const struct frame_header *header) {
    uint8_t head[AMQP_FRAME_HEAD_SIZE];

    frame_write_head(head, header->type, header->channel, header->size);
    assert(slice_equal(octets, slice_of(head, sizeof head)));
}

/* The frame made by the encoder: same head, and a payload that decodes. */
static void check_method(const struct frame_header *header, struct slice payload) {
    struct amqp_method method, again;

    if (amqp_method_decode(payload, &method) != AMQP_DECODED)
        return;

    size_t size = payload.len + AMQP_FRAME_OVERHEAD;
    struct writer w = writer_over(malloc(size), size);
    frame_encode_method(&w, header->channel, &method);
    assert(writer_is_complete(&w));
    assert(writer_length(&w) == size);

    struct cursor c = cursor_over(writer_written(&w));
    check_head(cursor_bytes(&c, AMQP_FRAME_HEAD_SIZE), header);
    assert(amqp_method_decode(cursor_bytes(&c, payload.len), &again) == AMQP_DECODED);
    assert(again.id == method.id);
    assert(cursor_u8(&c) == AMQP_FRAME_END);
    assert(cursor_at_end(&c));
    free(w.start);
}

static void check_content_header(const struct frame_header *header, struct slice payload) {
    struct amqp_content_header content;

    if (!amqp_content_header_decode(payload, &content))
        return;

    size_t size = payload.len + AMQP_FRAME_OVERHEAD;
    struct writer w = writer_over(malloc(size), size);
    frame_encode_content_header(&w, header->channel, &content);
    assert(writer_is_complete(&w));

    struct cursor c = cursor_over(writer_written(&w));
    check_head(cursor_bytes(&c, AMQP_FRAME_HEAD_SIZE), header);
    assert(slice_equal(cursor_bytes(&c, payload.len), payload));
    assert(cursor_u8(&c) == AMQP_FRAME_END);
    free(w.start);
}

/* False when the stream ends inside the frame or the frame does not end as it should. */
static bool take_frame(struct cursor *stream) {
    struct slice head = cursor_bytes(stream, AMQP_FRAME_HEAD_SIZE);
    if (cursor_failed(stream))
        return false;

    struct frame_header header = frame_header_decode(head.data);
    struct slice payload = cursor_bytes(stream, header.size);
    check_head(head, &header);
    if (cursor_u8(stream) != AMQP_FRAME_END)
        return false;
    if (header.type == AMQP_FRAME_METHOD)
        check_method(&header, payload);
    else if (header.type == AMQP_FRAME_HEADER)
        check_content_header(&header, payload);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cursor stream = cursor_over(slice_of(data, size));
    struct slice header = cursor_bytes(&stream, AMQP_PROTOCOL_HEADER_SIZE);

    if (cursor_failed(&stream))
        return 0;
    if (!protocol_header_is_accepted(protocol_header_check(header.data)))
        return 0;
    while (take_frame(&stream)) {
    }
    return 0;
}
