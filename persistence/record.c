/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding and decoding of records; the byte tables are in FORMAT.md. */
#include "persistence/record.h"

#include <assert.h>
#include <errno.h>

#include "amqp/writer.h"
#include "persistence/crc32c.h"

enum { HEAD_CRC_AT = 12 };

size_t record_padded_length(size_t body_len) {
    size_t len = RECORD_HEAD + body_len;

    return (len + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
}

uint32_t record_journal_seed(const uint8_t uuid[16]) {
    return crc32c(0, uuid, 16);
}

uint32_t record_seed(uint32_t journal_seed, uint64_t segment, uint64_t offset) {
    uint8_t octets[16];
    struct writer w = writer_over(octets, sizeof octets);

    writer_u64(&w, segment);
    writer_u64(&w, offset);
    return crc32c(journal_seed, octets, sizeof octets);
}

uint32_t record_head_begin(uint8_t head[RECORD_HEAD], uint32_t seed, uint8_t type, uint16_t flags,
                           size_t body_len, uint32_t batch) {
    uint8_t fixed[RECORD_HEAD] = {0};
    struct writer w = writer_over(fixed, sizeof fixed);

    assert(body_len <= UINT32_MAX - RECORD_HEAD - RECORD_ALIGNMENT);
    writer_u32(&w, (uint32_t)(RECORD_HEAD + body_len));
    writer_u8(&w, type);
    writer_u8(&w, RECORD_VERSION);
    writer_u16(&w, flags);
    writer_u32(&w, batch);
    memcpy(head, fixed, sizeof fixed);
    return crc32c(seed, head, HEAD_CRC_AT);
}

void record_head_end(uint8_t head[RECORD_HEAD], uint32_t crc) {
    struct writer w = writer_over(head + HEAD_CRC_AT, sizeof crc);

    writer_u32(&w, crc);
}

void record_seal(uint8_t head[RECORD_HEAD], uint32_t seed, struct slice body) {
    record_head_end(head, crc32c(crc32c(seed, head, HEAD_CRC_AT), body.data, body.len));
}

static bool is_zero(struct slice octets) {
    for (size_t i = 0; i < octets.len; i++)
        if (octets.data[i] != 0)
            return false;
    return true;
}

/* Head and body of the record at `c`; false when the octets end before it does. */
static bool take_record(struct cursor *c, struct record *ret) {
    struct record record = {.head = cursor_bytes(c, RECORD_HEAD)};
    struct cursor head = cursor_over(record.head);
    uint32_t len = cursor_u32(&head);

    record.type = cursor_u8(&head);
    record.version = cursor_u8(&head);
    record.flags = cursor_u16(&head);
    record.batch = cursor_u32(&head);
    record.crc = cursor_u32(&head);
    if (cursor_failed(&head) || len < RECORD_HEAD)
        return false;
    record.body = cursor_bytes(c, len - RECORD_HEAD);
    *ret = record;
    return !cursor_failed(c);
}

static struct slice take_padding(struct cursor *c, const struct record *record) {
    return cursor_bytes(c, record_padded_length(record->body.len) - RECORD_HEAD - record->body.len);
}

int record_next(struct cursor *c, uint32_t seed, struct record *ret) {
    struct record record;
    uint32_t crc;

    if (!take_record(c, &record))
        return -EBADMSG;
    crc = crc32c(crc32c(seed, record.head.data, HEAD_CRC_AT), record.body.data, record.body.len);
    if (crc != record.crc)
        return -EBADMSG;
    if (!is_zero(take_padding(c, &record)) || cursor_failed(c))
        return -EBADMSG;
    *ret = record;
    return 0;
}

void record_next_again(struct cursor *c, struct record *ret) {
    bool is_whole = take_record(c, ret);

    assert(is_whole);
    (void)is_whole;
    take_padding(c, ret);
}

bool record_is_known(const struct record *record) {
    return record->version == RECORD_VERSION && record->type >= RECORD_META_PUT &&
           record->type <= RECORD_INDEX;
}

void record_put_meta(struct octets *body, uint8_t kind, struct slice key, struct slice payload) {
    uint8_t fixed[5];
    struct writer w = writer_over(fixed, sizeof fixed);

    writer_u8(&w, kind);
    writer_u32(&w, (uint32_t)key.len);
    octets_append(body, writer_written(&w));
    octets_append(body, key);
    octets_append(body, payload);
}

int record_read_meta(struct slice body, struct meta_record *ret) {
    struct cursor c = cursor_over(body);
    struct meta_record meta = {.kind = cursor_u8(&c)};

    meta.key = cursor_longstr(&c);
    meta.payload = cursor_rest(&c);
    if (cursor_failed(&c))
        return -EBADMSG;
    *ret = meta;
    return 0;
}

void record_put_message(uint8_t *into, const struct message_record *message) {
    uint8_t fixed[RECORD_MESSAGE_FIXED];
    struct writer w = writer_over(fixed, sizeof fixed);

    writer_u64(&w, message->index);
    writer_u32(&w, message->slot);
    writer_u32(&w, message->target_count);
    writer_u32(&w, (uint32_t)message->address.len);
    writer_u32(&w, (uint32_t)message->header.len);
    memcpy(into, fixed, sizeof fixed);
}

int record_read_message(struct slice body, struct message_record *ret) {
    struct cursor c = cursor_over(body);
    struct message_record message = {.index = cursor_u64(&c)};
    uint32_t address_len, header_len;

    message.slot = cursor_u32(&c);
    message.target_count = cursor_u32(&c);
    address_len = cursor_u32(&c);
    header_len = cursor_u32(&c);
    message.targets = cursor_bytes(&c, (size_t)message.target_count * RECORD_TARGET);
    message.address = cursor_bytes(&c, address_len);
    message.header = cursor_bytes(&c, header_len);
    message.body = cursor_rest(&c);
    if (cursor_failed(&c))
        return -EBADMSG;
    *ret = message;
    return 0;
}

void message_record_target(const struct message_record *message, uint32_t at, uint64_t *ret_queue,
                           uint64_t *ret_sequence) {
    struct cursor c = cursor_over(message->targets);

    assert(at < message->target_count);
    cursor_bytes(&c, (size_t)at * RECORD_TARGET);
    *ret_queue = cursor_u64(&c);
    *ret_sequence = cursor_u64(&c);
}

void record_put_varint(struct octets *into, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        *octets_extend(into, 1) = (uint8_t)(value | 0x80);
    *octets_extend(into, 1) = (uint8_t)value;
}

uint64_t record_read_varint(struct cursor *c) {
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t octet = cursor_u8(c);

        value |= (uint64_t)(octet & 0x7f) << shift;
        if ((octet & 0x80) == 0)
            return value;
    }
    c->failed = true;
    return 0;
}

size_t record_put_settle(struct octets *body, const struct settled *settled, size_t count) {
    struct writer w = writer_over(octets_extend(body, 8), 8);
    uint64_t behind = 0; /* first sequence behind the last range */
    size_t at = 0;

    writer_u64(&w, settled[0].queue_id);
    while (at < count && settled[at].queue_id == settled[0].queue_id) {
        uint64_t first = settled[at].sequence;
        uint64_t len = 0;

        for (; at < count && settled[at].queue_id == settled[0].queue_id; at++, len++)
            if (settled[at].sequence != first + len)
                break;
        record_put_varint(body, first - behind);
        record_put_varint(body, len);
        behind = first + len;
    }
    return at;
}

int settle_reader_begin(struct settle_reader *reader, struct slice body) {
    reader->cursor = cursor_over(body);
    reader->queue_id = cursor_u64(&reader->cursor);
    reader->next = 0;
    return cursor_failed(&reader->cursor) ? -EBADMSG : 0;
}

int settle_reader_next(struct settle_reader *reader, uint64_t *ret_first, uint64_t *ret_count) {
    uint64_t gap, count;

    if (cursor_at_end(&reader->cursor))
        return 0;
    gap = record_read_varint(&reader->cursor);
    count = record_read_varint(&reader->cursor);
    if (cursor_failed(&reader->cursor) || count == 0 || gap > UINT64_MAX - reader->next ||
        count > UINT64_MAX - reader->next - gap)
        return -EBADMSG;
    *ret_first = reader->next + gap;
    *ret_count = count;
    reader->next = *ret_first + count;
    return 1;
}

int record_read_queue_delete(struct slice body, uint64_t *ret_queue_id) {
    struct cursor c = cursor_over(body);
    uint64_t queue_id = cursor_u64(&c);

    if (cursor_failed(&c) || !cursor_at_end(&c))
        return -EBADMSG;
    *ret_queue_id = queue_id;
    return 0;
}
