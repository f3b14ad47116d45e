/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/forged_segment.h"

#include <stdlib.h>
#include <string.h>

#include "amqp/writer.h"
#include "persistence/crc32c.h"

static struct forged forge_with(const struct segment_header *header) {
    struct forged forged = {.number = header->number, .end = SEGMENT_BLOCK};

    memcpy(forged.uuid, header->uuid, sizeof forged.uuid);
    segment_header_encode(header, forged.octets);
    return forged;
}

struct forged forge(const uint8_t uuid[16], uint64_t number) {
    struct segment_header header = {.number = number, .size = FORGED_SIZE};

    memcpy(header.uuid, uuid, sizeof header.uuid);
    return forge_with(&header);
}

struct forged forge_successor(const uint8_t uuid[16], uint64_t number, uint64_t superseded,
                              uint64_t superseded_end) {
    struct segment_header header = {.number = number,
                                    .size = FORGED_SIZE,
                                    .supersedes = true,
                                    .superseded = superseded,
                                    .superseded_end = superseded_end};

    memcpy(header.uuid, uuid, sizeof header.uuid);
    return forge_with(&header);
}

static void put_record(uint8_t *head, uint32_t seed, const struct forged_record *record,
                       uint64_t index) {
    record_head_begin(head, 0, record->type, record->flags, record->body.len,
                      record->batch == 0 ? (uint32_t)index : record->batch);
    head[5] = record->version;
    if (record->body.len > 0)
        memcpy(head + RECORD_HEAD, record->body.data, record->body.len);
    record_seal(head, seed, record->body);
}

uint64_t forge_records(struct forged *forged, uint64_t index, uint32_t flags,
                       const struct forged_record *records, size_t count) {
    struct segment_place place = {forged->uuid, forged->number, forged->end};
    uint32_t seed = record_journal_seed(forged->uuid);
    struct batch_header header = {.length = BATCH_HEADER,
                                  .index = index,
                                  .flags = flags,
                                  .record_count = (uint32_t)count,
                                  .payload_crc = segment_seed(&place)};

    for (size_t i = 0; i < count; i++) {
        uint8_t *head = forged->octets + place.offset + header.length;

        put_record(head, record_seed(seed, place.number, place.offset + header.length), &records[i],
                   index);
        header.payload_crc = crc32c(header.payload_crc, head, RECORD_HEAD);
        header.length += record_padded_length(records[i].body.len);
    }
    batch_header_encode(&header, &place, forged->octets + place.offset);
    forged->end += segment_round_up(header.length);
    return place.offset + BATCH_HEADER;
}

void forge_batch(struct forged *forged, uint64_t index, uint8_t type, uint8_t version,
                 uint16_t flags, struct slice body) {
    struct forged_record record = {type, version, flags, 0, body};

    forge_records(forged, index, 0, &record, 1);
}

void forge_file(struct io *io, const struct forged *forged) {
    char name[SEGMENT_NAME_SIZE];
    int handle;

    segment_name(name, forged->number);
    handle = io->ops->open_new(io, name);
    if (handle < 0 || io_write_octets(io, handle, forged->octets, FORGED_SIZE, 0) < 0)
        abort();
    io->ops->close(io, handle);
}

struct slice forge_message(uint8_t *into, uint64_t queue_id, uint64_t sequence) {
    struct writer w = writer_over(into + RECORD_MESSAGE_FIXED, RECORD_TARGET);

    record_put_message(
        into, &(struct message_record){
                  .index = 1, .target_count = 1, .address = SLICE("a"), .header = SLICE("h")});
    writer_u64(&w, queue_id);
    writer_u64(&w, sequence);
    memcpy(into + RECORD_MESSAGE_FIXED + RECORD_TARGET, "ahb", 3);
    return slice_of(into, RECORD_MESSAGE_FIXED + RECORD_TARGET + 3);
}
