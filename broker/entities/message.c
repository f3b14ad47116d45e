/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in memory; see message.h for the layout. Sizes here follow octets that a peer has sent, so
 * every allocation is tried, and none is larger than a small multiple of what arrived.
 */
#include "broker/entities/message.h"

#include <assert.h>
#include <string.h>

#include "amqp/frame.h"
#include "amqp/spec.h"
#include "amqp/table.h"

/* Before bytes[]: less than the size of the struct, which ends where its alignment wants. */
#define MESSAGE_HEAD_SIZE offsetof(struct message, bytes)

/* The first piece of a body holds at least this much, so that trickled octets share a piece. */
#define BODY_PIECE_MIN 256u
#define BODY_PIECE_MAX (1024u * 1024u)

void message_memory_init(struct message_memory *memory) {
    pool_init(&memory->pool);
    memory->bytes = 0;
    memory->created = 0;
}

void message_memory_clear(struct message_memory *memory) {
    assert(memory->bytes == 0);
    pool_clear(&memory->pool);
}

static void *take_memory(struct message_memory *memory, size_t size) {
    void *block = pool_take(&memory->pool, size);
    if (block == NULL)
        return NULL;
    memory->bytes += size;
    memory->created += size;
    return block;
}

static void give_memory(struct message_memory *memory, void *block, size_t size) {
    memory->bytes -= size;
    pool_give(&memory->pool, block, size);
}

/* Writes a whole frame at `at` and returns its length. The channel number is patched when sent. */
static size_t put_frame(uint8_t *at, uint8_t type, struct slice payload) {
    frame_write_head(at, type, 0, (uint32_t)payload.len);
    memcpy(at + AMQP_FRAME_HEAD_SIZE, payload.data, payload.len);
    at[AMQP_FRAME_HEAD_SIZE + payload.len] = AMQP_FRAME_END;
    return payload.len + AMQP_FRAME_OVERHEAD;
}

static uint8_t *put_shortstr(uint8_t *at, struct slice text) {
    *at++ = (uint8_t)text.len;
    if (text.len > 0)
        memcpy(at, text.data, text.len);
    return at + text.len;
}

struct message *message_create_hiding(struct message_memory *memory, struct slice exchange,
                                      struct slice routing_key, struct slice header_payload,
                                      struct slice body, struct slice hidden_keys) {
    assert(exchange.len <= AMQP_SHORTSTR_MAX && routing_key.len <= AMQP_SHORTSTR_MAX);
    assert(header_payload.len >= AMQP_CONTENT_HEADER_SIZE);
    assert(body.len <= MESSAGE_INLINE_BODY_MAX);
    size_t address_len = 2 + exchange.len + routing_key.len;
    size_t header_len = header_payload.len + AMQP_FRAME_OVERHEAD;
    size_t inline_len = body.len > 0 ? body.len + AMQP_FRAME_OVERHEAD : 0;
    size_t size = MESSAGE_HEAD_SIZE + address_len + 1 + header_len + inline_len + hidden_keys.len;
    struct message *message = take_memory(memory, size);
    if (message == NULL)
        return NULL;

    struct amqp_content_header header;
    amqp_content_header_decode(header_payload, &header);
    assert(body.len == 0 || body.len == header.body_size); /* inline bodies are whole */
    *message = (struct message){
        .memory = memory,
        .body_size = header.body_size,
        .references = 1,
        .allocated = (uint32_t)size,
        .header_len = (uint32_t)header_len,
        .inline_len = (uint32_t)inline_len,
        .address_len = (uint16_t)address_len,
        .exchange_len = (uint8_t)exchange.len,
        .property_flags = header.flags,
        .persistent = amqp_properties_delivery_mode(header.flags, header.properties) ==
                      AMQP_DELIVERY_MODE_PERSISTENT,
    };
    uint8_t *at = put_shortstr(message->bytes, exchange);
    at = put_shortstr(at, routing_key);
    *at++ = AMQP_FRAME_END;
    at += put_frame(at, AMQP_FRAME_HEADER, header_payload);
    if (body.len > 0)
        at += put_frame(at, AMQP_FRAME_BODY, body);
    if (hidden_keys.len > 0)
        memcpy(at, hidden_keys.data, hidden_keys.len);
    return message;
}

struct message *message_create(struct message_memory *memory, struct slice exchange,
                               struct slice routing_key, struct slice header_payload,
                               struct slice body) {
    return message_create_hiding(memory, exchange, routing_key, header_payload, body,
                                 (struct slice){0});
}

struct slice message_hidden_keys(const struct message *message) {
    struct slice tail = message_tail(message);
    size_t len = message->allocated - MESSAGE_HEAD_SIZE - tail.len;
    if (len == 0 || message->copied_keys_are_spent)
        return (struct slice){0};
    return slice_of(tail.data + tail.len, len);
}

static size_t piece_size(size_t capacity) {
    return sizeof(struct body_piece) + capacity;
}

/*
 * A new last piece with room for `len` octets at least. It may be as large as all that was received
 * before it, so that a body trickled in octet by octet costs no more than twice its size.
 */
static struct body_piece *add_piece(struct message *message, size_t len) {
    struct body_chain *chain = message->chain;
    uint64_t missing = message->body_size - chain->present;
    uint64_t capacity = chain->present < BODY_PIECE_MAX ? chain->present : BODY_PIECE_MAX;
    if (capacity < BODY_PIECE_MIN)
        capacity = BODY_PIECE_MIN;
    if (capacity < len)
        capacity = len;
    if (capacity > missing)
        capacity = missing;
    struct body_piece *piece = take_memory(message->memory, piece_size((size_t)capacity));
    if (piece == NULL)
        return NULL;
    *piece = (struct body_piece){.capacity = (uint32_t)capacity};
    if (chain->last != NULL)
        chain->last->next = piece;
    else
        chain->first = piece;
    chain->last = piece;
    return piece;
}

static bool begin_chain(struct message *message) {
    message->chain = take_memory(message->memory, sizeof *message->chain);
    if (message->chain == NULL)
        return false;
    *message->chain = (struct body_chain){0};
    return true;
}

bool message_append_body(struct message *message, struct slice bytes) {
    assert(message->inline_len == 0);
    assert(bytes.len <= message->body_size - message_body_present(message));
    if (message->chain == NULL && bytes.len > 0 && !begin_chain(message))
        return false;
    while (bytes.len > 0) {
        struct body_piece *piece = message->chain->last;
        if ((piece == NULL || piece->len == piece->capacity) &&
            (piece = add_piece(message, bytes.len)) == NULL)
            return false;
        size_t len = piece->capacity - piece->len;
        if (len > bytes.len)
            len = bytes.len;
        memcpy(piece->bytes + piece->len, bytes.data, len);
        piece->len += (uint32_t)len;
        message->chain->present += len;
        bytes = slice_of(bytes.data + len, bytes.len - len);
    }
    return true;
}

static void destroy_chain(struct message_memory *memory, struct body_chain *chain) {
    for (struct body_piece *piece = chain->first; piece != NULL;) {
        struct body_piece *next = piece->next;
        give_memory(memory, piece, piece_size(piece->capacity));
        piece = next;
    }
    give_memory(memory, chain, sizeof *chain);
}

static void message_destroy(struct message *message) {
    struct message_memory *memory = message->memory;
    if (message->chain != NULL)
        destroy_chain(memory, message->chain);
    give_memory(memory, message, message->allocated);
}

void message_unref(struct message *message) {
    if (message == NULL)
        return;
    assert(message->references > 0);
    if (--message->references == 0)
        message_destroy(message);
}

void message_release(void *owner) {
    message_unref(owner);
}

void message_properties(const struct message *message, struct amqp_properties *ret_properties) {
    struct amqp_content_header header;
    amqp_content_header_decode(message_header_payload(message), &header);
    amqp_properties_read(header.flags, header.properties, ret_properties);
}

uint8_t message_priority(const struct message *message) {
    struct amqp_properties properties;
    if (!(message->property_flags & AMQP_PRIORITY))
        return 0;
    message_properties(message, &properties);
    return properties.priority;
}

static struct slice inline_body_at(const struct message *message, uint64_t offset) {
    struct slice frame = message_inline_frame(message);
    size_t body_len = frame.len - AMQP_FRAME_OVERHEAD;
    if (offset >= body_len)
        return (struct slice){0};
    return slice_of(frame.data + AMQP_FRAME_HEAD_SIZE + offset, body_len - (size_t)offset);
}

struct slice message_body_at(const struct message *message, uint64_t offset,
                             struct body_hint *hint) {
    if (message->inline_len > 0)
        return inline_body_at(message, offset);
    if (message->chain == NULL)
        return (struct slice){0};
    if (hint->piece == NULL || offset < hint->piece_offset)
        *hint = (struct body_hint){.piece = message->chain->first};
    while (hint->piece != NULL && offset - hint->piece_offset >= hint->piece->len) {
        hint->piece_offset += hint->piece->len;
        hint->piece = hint->piece->next;
    }
    if (hint->piece == NULL)
        return (struct slice){0};
    size_t inside = (size_t)(offset - hint->piece_offset);
    return slice_of(hint->piece->bytes + inside, hint->piece->len - inside);
}

/* A content header payload for `properties` and the body size of `message`. */
static void encode_header(const struct message *message, const struct amqp_properties *properties,
                          struct writer *w) {
    writer_u16(w, AMQP_CLASS_BASIC);
    writer_u16(w, 0);
    writer_u64(w, message->body_size);
    amqp_properties_encode(w, properties);
}

static bool copy_body(struct message *copy, const struct message *message) {
    struct body_hint hint = {0};
    while (message_body_present(copy) < message_body_present(message)) {
        struct slice range = message_body_at(message, message_body_present(copy), &hint);
        if (!message_append_body(copy, range))
            return false;
    }
    return true;
}

static struct message *copy_with(const struct message *message, struct slice exchange,
                                 struct slice routing_key, const struct amqp_properties *properties,
                                 struct slice hidden_keys) {
    struct writer size = writer_over(NULL, 0);
    encode_header(message, properties, &size);
    size_t header_size = writer_length(&size);
    uint8_t *header = take_memory(message->memory, header_size);
    if (header == NULL)
        return NULL;
    struct writer w = writer_over(header, header_size);
    encode_header(message, properties, &w);

    struct slice body = {0};
    if (message->inline_len > 0)
        body = inline_body_at(message, 0);
    struct message *copy = message_create_hiding(message->memory, exchange, routing_key,
                                                 slice_of(header, header_size), body, hidden_keys);
    give_memory(message->memory, header, header_size);
    if (copy == NULL)
        return NULL;
    copy->dead_lettered = message->dead_lettered;
    copy->copied_keys_are_spent = message->copied_keys_are_spent;
    if (copy_body(copy, message))
        return copy;
    message_unref(copy);
    return NULL;
}

struct message *message_copy(const struct message *message) {
    struct amqp_properties properties;
    message_properties(message, &properties);
    return message_copy_with(message, message_exchange(message), message_routing_key(message),
                             &properties);
}

struct message *message_copy_with(const struct message *message, struct slice exchange,
                                  struct slice routing_key,
                                  const struct amqp_properties *properties) {
    return copy_with(message, exchange, routing_key, properties, message_hidden_keys(message));
}

/* Under the same address: BCC goes undercover. */
static struct message *copy_hiding(const struct message *message,
                                   const struct amqp_properties *properties,
                                   struct slice hidden_keys) {
    return copy_with(message, message_exchange(message), message_routing_key(message), properties,
                     hidden_keys);
}

struct message *message_with_body_of(const struct message *message, struct slice exchange,
                                     struct slice routing_key,
                                     const struct amqp_properties *properties) {
    struct message *other = copy_with(message, exchange, routing_key, properties, SLICE(""));
    if (other == NULL)
        return NULL;
    other->dead_lettered = false;
    other->copied_keys_are_spent = false;
    return other;
}

struct message *message_without_bcc(const struct message *message, struct slice bcc) {
    struct amqp_properties properties;
    message_properties(message, &properties);
    struct amqp_table_builder builder;
    amqp_table_builder_init(&builder);
    struct amqp_table_iterator entries = amqp_table_begin(properties.headers);
    struct slice name;
    struct amqp_value value;
    while (amqp_table_next(&entries, &name, &value))
        if (!slice_equal(name, SLICE("BCC")))
            amqp_table_put_value(&builder, name, &value);
    properties.headers = amqp_table_builder_finish(&builder);
    struct message *copy = copy_hiding(message, &properties, bcc);
    amqp_table_builder_clear(&builder);
    return copy;
}
