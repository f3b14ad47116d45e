/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Payloads of content header frames.  What decodes encodes again to the very octets that came in;
 * what was altered decodes to what it was altered to.
 */
#include "tests/fuzz/support.h"

#include "amqp/cursor.h"
#include "amqp/properties.h"
#include "amqp/spec.h"

/* Encodes into memory of just the size that a counting pass asked for. */
static struct slice encode(const struct amqp_properties *properties) {
    struct writer counting = writer_over(NULL, 0);
    amqp_properties_encode(&counting, properties);

    size_t size = writer_length(&counting);
    struct writer w = writer_over(malloc(size), size);
    amqp_properties_encode(&w, properties);
    assert(writer_is_complete(&w));
    return writer_written(&w);
}

static void check_round_trip(struct slice flags_and_octets,
                             const struct amqp_properties *properties) {
    struct slice encoded = encode(properties);

    assert(slice_equal(encoded, flags_and_octets));
    free((void *)(uintptr_t)encoded.data);
}

/* What the broker does to a message that it dead-letters or answers through direct reply-to. */
static void check_altered(struct amqp_properties properties) {
    properties.flags = (uint16_t)((properties.flags | AMQP_REPLY_TO) & ~AMQP_EXPIRATION);
    properties.reply_to = SLICE("amq.rabbitmq.reply-to.1");

    struct slice encoded = encode(&properties);
    struct cursor c = cursor_over(encoded);
    uint16_t flags = cursor_u16(&c);
    struct amqp_properties again;
    assert(amqp_properties_decode(flags, cursor_rest(&c), &again));
    assert(slice_equal(again.reply_to, properties.reply_to));
    assert(slice_is_empty(again.expiration));
    assert(slice_equal(again.headers, properties.headers));
    assert(slice_equal(again.message_id, properties.message_id));
    assert(again.timestamp == properties.timestamp);
    free((void *)(uintptr_t)encoded.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct amqp_content_header header;
    struct amqp_properties properties, trusted;

    if (!amqp_content_header_decode(slice_of(data, size), &header)) {
        assert(size < AMQP_CONTENT_HEADER_SIZE);
        return 0;
    }

    heap_count_begin();
    bool is_valid = amqp_properties_decode(header.flags, header.properties, &properties);
    assert(heap_count_end() == 0);
    if (!is_valid)
        return 0;
    assert(amqp_properties_read(header.flags, header.properties, &trusted));
    assert(slice_equal(trusted.cluster_id, properties.cluster_id));

    struct writer w = writer_over(malloc(size), size);
    amqp_content_header_encode(&w, &header);
    assert(writer_is_complete(&w));
    assert(slice_equal(writer_written(&w), slice_of(data, size)));
    free(w.start);

    struct cursor c = cursor_over(slice_of(data, size));
    cursor_bytes(&c, AMQP_CONTENT_HEADER_SIZE - sizeof header.flags);
    check_round_trip(cursor_rest(&c), &properties);
    check_altered(properties);
    return 0;
}
