/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of records in a batch: definitions, settles, messages, copies of compaction, deletions
 * of queues. The last come last because a message published to a queue and the queue's deletion may
 * be in one batch.
 */
#include "persistence/encoder.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/cursor.h"
#include "amqp/writer.h"
#include "persistence/crc32c.h"

enum {
    /* Octets of a content that are copied. Pointing at them would save that, but then a batch is no
     * single aligned piece, and those are written much faster (io.h). */
    COPIED_AT_MOST = 4096,
    SETTLE_BOUND = 64, /* octets that one settled target can take: a record of its own */
};

static uint64_t content_length(const struct journal_content *content) {
    uint64_t len = content->address.len + content->header.len;

    for (size_t i = 0; i < content->body_parts; i++)
        len += content->body[i].len;
    return len;
}

static uint64_t message_body_length(const struct pending_message *pending) {
    return RECORD_MESSAGE_FIXED + (uint64_t)pending->target_count * RECORD_TARGET +
           content_length(&pending->content);
}

uint64_t encoder_bound(const struct batch *batch) {
    uint64_t bound = BATCH_HEADER + batch->definitions.len + batch->queue_deletes.len +
                     batch->settled_count * SETTLE_BOUND;

    for (size_t i = 0; i < batch->message_count; i++)
        if (batch->messages[i].message != NULL)
            bound += record_padded_length((size_t)message_body_length(&batch->messages[i]));
    for (size_t i = 0; i < batch->relocation_count; i++)
        bound += record_padded_length(batch->relocations[i].length);
    return segment_round_up(bound);
}

uint64_t encoder_seal_bound(const struct encoder *encoder, const struct batch *batch) {
    uint64_t bound = BATCH_HEADER + record_padded_length(encoder->index.octets.len);

    for (size_t i = 0; i < batch->message_count; i++)
        bound += SEGMENT_INDEX_ENTRY_AT_MOST +
                 (uint64_t)batch->messages[i].target_count * SEGMENT_INDEX_TARGET_AT_MOST;
    for (size_t i = 0; i < batch->relocation_count; i++)
        bound += SEGMENT_INDEX_ENTRY_AT_MOST + (uint64_t)batch->relocations[i].length /
                                                   RECORD_TARGET * SEGMENT_INDEX_TARGET_AT_MOST;
    return segment_round_up(bound);
}

static uint64_t copied_length(struct slice octets) {
    return octets.len <= COPIED_AT_MOST ? octets.len : 0;
}

/* Of a record, without its targets. */
static uint64_t message_buffer_bound(const struct journal_content *content) {
    uint64_t bound = RECORD_HEAD + RECORD_MESSAGE_FIXED + RECORD_ALIGNMENT +
                     copied_length(content->address) + copied_length(content->header);

    for (size_t i = 0; i < content->body_parts; i++)
        bound += copied_length(content->body[i]);
    return bound;
}

/*
 * Octets of the buffer that every encoding stays below: it must not move while pieces point into
 * it. Padding to a block, and one block of zeros behind it.
 */
static uint64_t buffer_bound(const struct batch *batch) {
    uint64_t bound = BATCH_HEADER + batch->definitions.len + batch->queue_deletes.len +
                     batch->settled_count * SETTLE_BOUND + RECORD_HEAD + RECORD_ALIGNMENT +
                     COPIED_AT_MOST + 2 * SEGMENT_BLOCK;

    for (size_t i = 0; i < batch->message_count; i++) {
        const struct pending_message *pending = &batch->messages[i];

        bound += message_buffer_bound(&pending->content) +
                 (uint64_t)pending->target_count * RECORD_TARGET;
    }
    for (size_t i = 0; i < batch->relocation_count; i++)
        bound += record_padded_length(batch->relocations[i].length);
    return bound;
}

static void add_piece(struct encoder *encoder, void *octets, size_t len) {
    struct iovec *last =
        encoder->piece_count == 0 ? NULL : &encoder->pieces[encoder->piece_count - 1];

    if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == octets) {
        last->iov_len += len;
        return;
    }
    if (encoder->piece_count == encoder->piece_capacity) {
        encoder->piece_capacity = encoder->piece_capacity == 0 ? 64 : encoder->piece_capacity * 2;
        encoder->pieces = journal_reallocate(encoder->pieces, (size_t)encoder->piece_capacity,
                                             sizeof *encoder->pieces);
    }
    encoder->pieces[encoder->piece_count++] = (struct iovec){octets, len};
}

/* Octets of the buffer, to be filled. */
static uint8_t *add_room(struct encoder *encoder, size_t len) {
    uint8_t *at;

    assert(encoder->buffer.capacity - encoder->buffer.len >= len);
    at = octets_extend(&encoder->buffer, len);
    add_piece(encoder, at, len);
    return at;
}

/* The same, of the batch. */
static uint8_t *emit(struct encoder *encoder, size_t len) {
    encoder->length += len;
    return add_room(encoder, len);
}

static void emit_zeros(struct encoder *encoder, size_t len) {
    if (len > 0)
        memset(emit(encoder, len), 0, len);
}

/* Octets of a content: copied when small; returns the checksum continued over them. */
static uint32_t emit_content(struct encoder *encoder, struct slice octets, uint32_t crc) {
    if (octets.len == 0)
        return crc;
    if (octets.len <= COPIED_AT_MOST) {
        memcpy(emit(encoder, octets.len), octets.data, octets.len);
    } else {
        add_piece(encoder, (void *)(uintptr_t)octets.data, octets.len);
        encoder->length += octets.len;
    }
    return crc32c(crc, octets.data, octets.len);
}

/* A record is complete: its head, and its place among the heads. */
static void end_record(struct encoder *encoder, uint8_t *head, uint32_t crc, size_t body_len) {
    emit_zeros(encoder, record_padded_length(body_len) - RECORD_HEAD - body_len);
    record_head_end(head, crc);
    encoder->payload_crc = crc32c(encoder->payload_crc, head, RECORD_HEAD);
    encoder->record_count++;
}

/* Of a record that begins here. */
static uint32_t seed_here(const struct encoder *encoder) {
    return record_seed(encoder->seed, encoder->place.number,
                       encoder->place.offset + encoder->length);
}

static void emit_record(struct encoder *encoder, uint8_t type, uint16_t flags, struct slice body) {
    uint32_t seed = seed_here(encoder);
    uint8_t *head = emit(encoder, RECORD_HEAD);
    uint32_t crc = record_head_begin(head, seed, type, flags, body.len, encoder->batch_number);

    memcpy(emit(encoder, body.len), body.data, body.len);
    end_record(encoder, head, crc32c(crc, body.data, body.len), body.len);
}

/* Records that were collected in `records` without batch number and checksum. */
static void emit_records(struct encoder *encoder, const struct octets *records) {
    struct cursor c = cursor_over(octets_slice(records));

    while (!cursor_at_end(&c)) {
        uint32_t len = cursor_u32(&c);
        uint8_t type = cursor_u8(&c);
        struct slice body;

        cursor_bytes(&c, RECORD_HEAD - 5);
        body = cursor_bytes(&c, len - RECORD_HEAD);
        cursor_bytes(&c, record_padded_length(body.len) - len);
        assert(!cursor_failed(&c));
        emit_record(encoder, type, 0, body);
    }
}

static int compare_settled(const void *left, const void *right) {
    const struct settled *a = left, *b = right;

    if (a->queue_id != b->queue_id)
        return a->queue_id < b->queue_id ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static void emit_settled(struct encoder *encoder, struct batch *batch) {
    struct octets body = {0};
    size_t done = 0;

    if (batch->settled_count > 1)
        qsort(batch->settled, batch->settled_count, sizeof *batch->settled, compare_settled);
    while (done < batch->settled_count) {
        body.len = 0;
        done += record_put_settle(&body, batch->settled + done, batch->settled_count - done);
        emit_record(encoder, RECORD_SETTLE, 0, octets_slice(&body));
    }
    octets_clear(&body);
}

static void put_targets(uint8_t *at, const struct pending_message *pending) {
    struct writer w = writer_over(at, (size_t)pending->target_count * RECORD_TARGET);

    for (uint32_t i = 0; i < pending->target_count; i++) {
        writer_u64(&w, pending->targets[i].queue_id);
        writer_u64(&w, pending->targets[i].sequence);
    }
}

static void add_to_index(struct encoder *encoder, const struct pending_message *pending) {
    struct segment_index_entry entry = {.offset = pending->ret_offset,
                                        .length = pending->ret_length,
                                        .target_count = pending->target_count,
                                        .targets = pending->targets};
    uint64_t body_len = 0;

    for (size_t i = 0; i < pending->content.body_parts; i++)
        body_len += pending->content.body[i].len;
    journal_summarize(pending->content.address, body_len, &entry.summary);
    segment_index_add(&encoder->index, &entry);
}

/* Where everything in this segment is: for the last batch of a segment. */
static void emit_index(struct encoder *encoder) {
    struct slice body = octets_slice(&encoder->index.octets);
    uint32_t seed = seed_here(encoder);
    uint8_t *head = emit(encoder, RECORD_HEAD);
    uint32_t crc = record_head_begin(head, seed, RECORD_INDEX, 0, body.len, encoder->batch_number);

    end_record(encoder, head, emit_content(encoder, body, crc), body.len);
}

static void emit_message(struct encoder *encoder, struct pending_message *pending, uint64_t index,
                         uint32_t slot) {
    const struct journal_content *content = &pending->content;
    size_t targets_len = (size_t)pending->target_count * RECORD_TARGET;
    size_t body_len = (size_t)message_body_length(pending);
    uint64_t start = encoder->length;
    uint32_t seed = seed_here(encoder);
    uint8_t *head = emit(encoder, RECORD_HEAD);
    uint8_t *fixed = emit(encoder, RECORD_MESSAGE_FIXED + targets_len);
    uint32_t crc =
        record_head_begin(head, seed, RECORD_MESSAGE, 0, body_len, encoder->batch_number);

    record_put_message(fixed, &(struct message_record){.index = index,
                                                       .slot = slot,
                                                       .target_count = pending->target_count,
                                                       .address = content->address,
                                                       .header = content->header});
    put_targets(fixed + RECORD_MESSAGE_FIXED, pending);
    crc = crc32c(crc, fixed, RECORD_MESSAGE_FIXED + targets_len);
    crc = emit_content(encoder, content->address, crc);
    crc = emit_content(encoder, content->header, crc);
    for (size_t i = 0; i < content->body_parts; i++)
        crc = emit_content(encoder, content->body[i], crc);
    pending->ret_offset = encoder->place.offset + start;
    pending->ret_length = (uint32_t)(RECORD_HEAD + body_len);
    end_record(encoder, head, crc, body_len);
    add_to_index(encoder, pending);
}

static void emit_messages(struct encoder *encoder, struct batch *batch, uint64_t index) {
    uint32_t slot = 0;

    for (size_t i = 0; i < batch->message_count; i++)
        if (batch->messages[i].message != NULL)
            emit_message(encoder, &batch->messages[i], index, slot++);
}

/* Reads the record into `octets`; false when it is not whole. */
static bool read_relocated(struct encoder *encoder, struct io *io, int handle,
                           const struct pending_relocation *relocation, struct octets *octets,
                           struct record *ret) {
    size_t padded = record_padded_length(relocation->length - RECORD_HEAD);
    struct cursor c;
    ssize_t got;

    octets->len = 0;
    got = io_read_all(io, handle, octets_extend(octets, padded), padded, relocation->offset);
    c = cursor_over(octets_slice(octets));
    return got == (ssize_t)padded &&
           record_next(&c, record_seed(encoder->seed, relocation->segment, relocation->offset),
                       ret) == 0 &&
           ret->type == RECORD_MESSAGE && cursor_at_end(&c);
}

static void emit_relocations(struct encoder *encoder, struct io *io, struct batch *batch) {
    struct octets octets = {0};
    uint64_t open_segment = 0;
    int handle = -1;

    for (size_t i = 0; i < batch->relocation_count; i++) {
        struct pending_relocation *relocation = &batch->relocations[i];
        struct record record;

        if (handle < 0 || open_segment != relocation->segment) {
            char name[SEGMENT_NAME_SIZE];

            if (handle >= 0)
                io->ops->close(io, handle);
            segment_name(name, relocation->segment);
            handle = io->ops->open_read(io, name);
            open_segment = relocation->segment;
        }
        relocation->ret_failed =
            handle < 0 || !read_relocated(encoder, io, handle, relocation, &octets, &record);
        if (relocation->ret_failed)
            continue;
        relocation->ret_offset = encoder->place.offset + encoder->length;
        emit_record(encoder, RECORD_MESSAGE, RECORD_RELOCATED, record.body);
        segment_index_add_record(&encoder->index, relocation->ret_offset, &record);
    }
    if (handle >= 0)
        io->ops->close(io, handle);
    octets_clear(&octets);
}

static void begin(struct encoder *encoder, const struct batch *batch,
                  const struct segment_place *place, uint64_t index) {
    octets_begin_aligned(&encoder->buffer, IO_DIRECT_ALIGNMENT, (size_t)buffer_bound(batch));
    encoder->piece_count = 0;
    encoder->length = 0;
    encoder->record_count = 0;
    encoder->place = *place;
    encoder->seed = record_journal_seed(place->uuid);
    encoder->payload_crc = segment_seed(place);
    encoder->batch_number = (uint32_t)index;
}

void encoder_encode(struct encoder *encoder, struct io *io, struct batch *batch,
                    const struct segment_place *place, struct batch_header *header) {
    uint8_t *head;

    begin(encoder, batch, place, header->index);
    head = emit(encoder, BATCH_HEADER);
    emit_records(encoder, &batch->definitions);
    emit_settled(encoder, batch);
    emit_messages(encoder, batch, header->index);
    emit_relocations(encoder, io, batch);
    emit_records(encoder, &batch->queue_deletes);
    if ((header->flags & BATCH_SEAL) != 0 && !encoder->index_dropped)
        emit_index(encoder);
    header->length = encoder->length;
    header->record_count = encoder->record_count;
    header->payload_crc = encoder->payload_crc;
    batch_header_encode(header, place, head);
    emit_zeros(encoder, (size_t)(segment_round_up(encoder->length) - encoder->length));
}

void encoder_add_zeros(struct encoder *encoder, size_t len) {
    assert(len <= SEGMENT_ZEROS);
    if (len <= SEGMENT_BLOCK)
        memset(add_room(encoder, len), 0, len);
    else
        add_piece(encoder, (void *)(uintptr_t)segment_zeros, len);
}

void encoder_clear(struct encoder *encoder) {
    octets_clear(&encoder->buffer);
    free(encoder->pieces);
    segment_index_clear(&encoder->index);
    *encoder = (struct encoder){0};
}
