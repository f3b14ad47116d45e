/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Method payloads.  What decodes encodes again to as many octets, and that form is a fixed point:
 * only the spare bits of an octet of bits may differ from what came in.  Decoding holds no heap.
 */
#include "tests/fuzz/support.h"

#include "amqp/cursor.h"
#include "amqp/method.h"

static enum amqp_method_id id_on_the_wire(struct slice payload) {
    struct cursor c = cursor_over(payload);
    uint16_t class_id = cursor_u16(&c);
    uint16_t method_id = cursor_u16(&c);

    return cursor_failed(&c) ? AMQP_METHOD_UNKNOWN : amqp_method_find(class_id, method_id);
}

/* Encodes into memory of just the size that a counting pass asked for. */
static struct slice encode(const struct amqp_method *method) {
    struct writer counting = writer_over(NULL, 0);
    amqp_method_encode(&counting, method);

    size_t size = writer_length(&counting);
    struct writer w = writer_over(malloc(size), size);
    amqp_method_encode(&w, method);
    assert(writer_is_complete(&w));
    return writer_written(&w);
}

static void check_round_trip(struct slice payload, const struct amqp_method *method) {
    struct slice once = encode(method);
    struct amqp_method again;

    assert(once.len == payload.len);
    assert(amqp_method_decode(once, &again) == AMQP_DECODED);
    assert(again.id == method->id);

    struct slice twice = encode(&again);
    assert(slice_equal(once, twice));
    free((void *)(uintptr_t)once.data);
    free((void *)(uintptr_t)twice.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice payload = slice_of(data, size);
    struct amqp_method method;

    heap_count_begin();
    enum amqp_decode_result result = amqp_method_decode(payload, &method);
    assert(heap_count_end() == 0);

    assert(method.id == id_on_the_wire(payload));
    assert((result == AMQP_DECODE_UNKNOWN_METHOD) == (method.id == AMQP_METHOD_UNKNOWN));
    if (result == AMQP_DECODED)
        check_round_trip(payload, &method);
    return 0;
}
