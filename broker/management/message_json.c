/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/management/message_json.h"

#include <stdlib.h>
#include <string.h>

#include "amqp/properties.h"
#include "broker/base/alloc.h"
#include "broker/base/base64.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/management/properties_json.h"

bool message_view_set_encoding(struct message_view *view, struct slice word) {
    view->always_base64 = slice_equal(word, SLICE("base64"));
    return view->always_base64 || slice_equal(word, SLICE("auto"));
}

size_t message_view_octets(const struct message_view *view, const struct message *message) {
    const size_t size = (size_t)message->body_size;

    return view->truncate >= 0 && (uint64_t)view->truncate < size ? (size_t)view->truncate : size;
}

/* The body in one piece, as much of it as is wanted. */
static uint8_t *copy_body(const struct message *message, size_t len) {
    uint8_t *body = xmalloc(len + 1);
    struct body_hint hint = {0};

    for (size_t at = 0; at < len;) {
        const struct slice range = message_body_at(message, at, &hint);
        const size_t part = range.len < len - at ? range.len : len - at;
        memcpy(body + at, range.data, part);
        at += part;
    }
    return body;
}

static void write_payload(struct json_out *out, const struct message *message,
                          const struct message_view *view) {
    const size_t len = message_view_octets(view, message);
    uint8_t *body = copy_body(message, len);
    const struct slice payload = slice_of(body, len);
    const bool as_text = !view->always_base64 && slice_is_utf8(payload);

    json_out_key(out, "payload");
    if (as_text) {
        json_out_text(out, payload);
    } else {
        struct text encoded = {0};
        base64_append(&encoded, payload);
        json_out_text(out, text_slice(&encoded));
        text_clear(&encoded);
    }
    json_out_put_string(out, "payload_encoding", as_text ? "string" : "base64");
    free(body);
}

void message_json_write(struct json_out *out, const struct queue *queue, const struct entry *entry,
                        size_t left, const struct message_view *view) {
    struct message *message = queue_shown_message(queue, entry);
    struct amqp_properties properties;

    message_properties(message, &properties);
    json_out_put_unsigned(out, "payload_bytes", message->body_size);
    json_out_put_bool(out, "redelivered", entry->redelivered);
    json_out_put_text(out, "exchange", message_exchange(message));
    json_out_put_text(out, "routing_key", message_routing_key(message));
    json_out_put_unsigned(out, "message_count", left);
    json_out_key(out, "properties");
    properties_json_write(out, &properties);
    write_payload(out, message, view);
    message_unref(message);
}
