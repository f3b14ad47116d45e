/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A published message: immutable once routed, counted, one allocation when small.
 *
 * What arrived stays bytes. The content header frame and - when the whole body was at hand in one
 * frame - the body frame are kept exactly as the publisher sent them, behind the end of the method frame
 * that they follow in a delivery, so that delivering a small message is one memcpy with two channel
 * numbers patched. A longer body is a chain of pieces, filled
 * as its octets arrive and later referenced from output, never copied again.
 *
 *   bytes[]:  exchange (shortstr) | routing key (shortstr) | end octet of a method frame
 *             | header frame | body frame (if inline)
 *             | hidden keys: the items of a BCC header that was taken out (rarely any)
 *
 * References are not atomic: the loop thread owns all messages. Memory per octet received is bounded:
 * nothing is reserved for octets that were only announced (see message_append_body).
 */
#ifndef LEVERET_BROKER_ENTITIES_MESSAGE_H
#define LEVERET_BROKER_ENTITIES_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/properties.h"
#include "amqp/slice.h"
#include "broker/base/pool.h"

struct stored_message;

/* A body up to this size is kept inline when it is at hand with its header. */
#define MESSAGE_INLINE_BODY_MAX 65536u

/* Memory of all messages of a broker, and how much of it there is. */
struct message_memory {
    struct pool pool;
    uint64_t bytes;   /* allocated for messages that exist now */
    uint64_t created; /* octets ever allocated; drives the memory check, never goes back */
};

struct body_piece {
    struct body_piece *next;
    uint32_t len;
    uint32_t capacity;
    uint8_t bytes[];
};

/* A body that is not inline: its pieces in order. Made with the first of them. */
struct body_chain {
    uint64_t present; /* octets received so far */
    struct body_piece *first;
    struct body_piece *last;
};

/* What is known of a message without reading all of it, see store.h. */
#define MESSAGE_STORED_HEAD 16

struct message {
    struct message_memory *memory;
    struct stored_message *stored; /* the journal's handle, NULL for what is not in it (store.h) */
    struct body_chain *chain; /* NULL while no octet of the body is there, and when it is inline */
    uint64_t body_size;       /* as announced by the content header */
    uint32_t references;
    uint32_t allocated;   /* octets of this allocation */
    uint32_t header_len;  /* content header frame: head, payload and end octet */
    uint32_t inline_len;  /* body frame stored inline: head, payload, end octet; 0 when none */
    uint16_t address_len; /* exchange and routing key, both as shortstr, at bytes[0] */
    uint8_t exchange_len;
    bool persistent : 1;            /* delivery-mode 2 */
    bool dead_lettered : 1;         /* its x-death header is the broker's own, see death_table.h */
    bool copied_keys_are_spent : 1; /* a dead-letter routing key has replaced key, CC and BCC */
    uint16_t property_flags;        /* enum amqp_property: which properties the message has */
    uint8_t stored_head[MESSAGE_STORED_HEAD]; /* set by store.c, which stores it with the address */
    uint8_t bytes[];
};

/* What is stored of the address is one stretch of octets. */
_Static_assert(offsetof(struct message, bytes) ==
                   offsetof(struct message, stored_head) + MESSAGE_STORED_HEAD,
               "the head stands right before the address");

void message_memory_init(struct message_memory *memory);
/* Every message must be gone. */
void message_memory_clear(struct message_memory *memory);

/*
 * A message with one reference. `header_payload` is a valid content header (class, weight, body size,
 * flags, properties). `body` is the whole body when it is at hand and at most MESSAGE_INLINE_BODY_MAX,
 * otherwise empty; the rest follows by message_append_body(). Exchange and key are at most 255 octets.
 * NULL when memory is out.
 */
struct message *message_create(struct message_memory *memory, struct slice exchange,
                               struct slice routing_key, struct slice header_payload,
                               struct slice body);

/* The same with the items of a BCC header that was taken out. */
struct message *message_create_hiding(struct message_memory *memory, struct slice exchange,
                                      struct slice routing_key, struct slice header_payload,
                                      struct slice body, struct slice hidden_keys);

/*
 * Adds received body octets; never more in all than body_size. Capacity grows with what has
 * arrived, so that the memory held is at most twice the octets received plus a constant.
 * False when memory is out.
 */
bool message_append_body(struct message *message, struct slice bytes);

/* Octets of the body received so far. */
static inline uint64_t message_body_present(const struct message *message) {
    if (message->inline_len > 0)
        return message->body_size;
    return message->chain != NULL ? message->chain->present : 0;
}

static inline bool message_is_complete(const struct message *message) {
    return message_body_present(message) == message->body_size;
}

static inline struct message *message_ref(struct message *message) {
    message->references++;
    return message;
}

/* NULL is allowed. */
void message_unref(struct message *message);

/* The same as an outbuf_release function: `owner` is a struct message. */
void message_release(void *owner);

static inline struct slice message_exchange(const struct message *message) {
    return slice_of(message->bytes + 1, message->exchange_len);
}

static inline struct slice message_routing_key(const struct message *message) {
    return slice_of(message->bytes + 2 + message->exchange_len,
                    message->address_len - 2u - message->exchange_len);
}

/* Exchange and routing key as two shortstrs: the end of a basic.deliver's arguments. */
static inline struct slice message_address(const struct message *message) {
    return slice_of(message->bytes, message->address_len);
}

/* The address and the end octet of the basic.deliver frame that it ends. */
static inline struct slice message_method_end(const struct message *message) {
    return slice_of(message->bytes, message->address_len + 1u);
}

/* All that a delivery consists of from its address on: method's end, header frame, inline body frame. */
static inline struct slice message_tail(const struct message *message) {
    return slice_of(message->bytes,
                    message->address_len + 1u + message->header_len + message->inline_len);
}

/* The content header frame as it stands in memory (its channel number is the publisher's). */
static inline struct slice message_header_frame(const struct message *message) {
    return slice_of(message->bytes + message->address_len + 1, message->header_len);
}

/* Payload of the content header frame. */
static inline struct slice message_header_payload(const struct message *message) {
    return slice_of(message_header_frame(message).data + 7, message->header_len - 8);
}

/* The body frame stored inline, empty when the body is empty or in pieces. */
static inline struct slice message_inline_frame(const struct message *message) {
    return slice_of(message_header_frame(message).data + message->header_len, message->inline_len);
}

/* The BCC keys it was published with: items of an array. Data NULL when none are left to route by. */
struct slice message_hidden_keys(const struct message *message);

static inline uint16_t message_flags(const struct message *message) {
    return message->property_flags;
}

/* Decoded properties; slices point into the message. They were validated on arrival. */
void message_properties(const struct message *message, struct amqp_properties *ret_properties);

/* The priority property, 0 without one. */
uint8_t message_priority(const struct message *message);

/*
 * The stretch of body octets that begins at `offset`, as long as it is contiguous; empty at the end.
 * Walking a body: for (at = 0; at < body_size; at += range.len) range = message_body_at(m, at).
 * `hint` speeds that walk up: a zeroed struct before the first call.
 */
struct body_hint {
    const struct body_piece *piece;
    uint64_t piece_offset;
};
struct slice message_body_at(const struct message *message, uint64_t offset,
                             struct body_hint *hint);

/* The same message once more, unknown to the journal. One reference. NULL when memory is out. */
struct message *message_copy(const struct message *message);

/*
 * A copy with other properties and address and the same body, marks and hidden keys (for dead
 * lettering and reply-to rewriting). One reference. NULL when memory is out.
 */
struct message *message_copy_with(const struct message *message, struct slice exchange,
                                  struct slice routing_key,
                                  const struct amqp_properties *properties);

/* A message of its own that has nothing but the body of this one. One reference. NULL when memory is out. */
struct message *message_with_body_of(const struct message *message, struct slice exchange,
                                     struct slice routing_key,
                                     const struct amqp_properties *properties);

/* A copy without its BCC header, whose keys (an array's octets) are hidden in it: dead letters still go by
 * them. NULL when memory is out. */
struct message *message_without_bcc(const struct message *message, struct slice bcc);

#endif
