/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segment files: names, headers, reading of batches, making of new files.
 *
 * Everything that is read here is untrusted: a length is compared with the limit before it is used,
 * and a batch counts only as a whole.
 */
#include "persistence/segment.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "amqp/cursor.h"
#include "amqp/writer.h"
#include "persistence/crc32c.h"

static const uint8_t segment_magic[8] = {'L', 'V', 'J', 'S', 'E', 'G', '\r', '\n'};

enum {
    BATCH_MAGIC = 0x4c564a42, /* LVJB */
    SEGMENT_CRC_AT = 12,
    BATCH_CRC_AT = 4,
    FILL_SLICE = 1024 * 1024,
    SYNC_SLICE = FILL_SLICE, /* a sync of more would hold up the batch behind it */
};

void segment_name(char ret[SEGMENT_NAME_SIZE], uint64_t number) {
    snprintf(ret, SEGMENT_NAME_SIZE, "%016" PRIx64 ".lvj", number);
}

void segment_temporary_name(char ret[SEGMENT_NAME_SIZE], uint64_t number) {
    snprintf(ret, SEGMENT_NAME_SIZE, "%016" PRIx64 ".tmp", number);
}

static int hexadecimal(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool segment_parse_name(const char *name, const char *suffix, uint64_t *ret_number) {
    uint64_t number = 0;

    if (strlen(name) != 16 + strlen(suffix) || strcmp(name + 16, suffix) != 0)
        return false;
    for (int i = 0; i < 16; i++) {
        int digit = hexadecimal(name[i]);

        if (digit < 0)
            return false;
        number = number << 4 | (uint64_t)digit;
    }
    *ret_number = number;
    return true;
}

/* The checksum of a block that holds its own checksum at `crc_at`: as if that were zero. */
static uint32_t checksum_around(uint32_t seed, const uint8_t *block, size_t len, size_t crc_at) {
    static const uint8_t zero[4];
    uint32_t crc = crc32c(seed, block, crc_at);

    crc = crc32c(crc, zero, sizeof zero);
    return crc32c(crc, block + crc_at + sizeof zero, len - crc_at - sizeof zero);
}

static void put_checksum(uint32_t seed, uint8_t *block, size_t len, size_t crc_at) {
    struct writer w = writer_over(block + crc_at, 4);

    writer_u32(&w, checksum_around(seed, block, len, crc_at));
}

void segment_header_encode(const struct segment_header *header, uint8_t block[SEGMENT_BLOCK]) {
    struct writer w = writer_over(block, SEGMENT_BLOCK);

    memset(block, 0, SEGMENT_BLOCK);
    writer_bytes(&w, slice_of(segment_magic, sizeof segment_magic));
    writer_u16(&w, FORMAT_MAJOR);
    writer_u16(&w, FORMAT_MINOR);
    writer_u32(&w, 0);
    writer_bytes(&w, slice_of(header->uuid, sizeof header->uuid));
    writer_u64(&w, header->number);
    writer_u64(&w, header->size);
    writer_u64(&w, header->epoch);
    writer_u64(&w, header->supersedes ? 1 : 0);
    writer_u64(&w, header->superseded);
    writer_u64(&w, header->superseded_end);
    put_checksum(0, block, SEGMENT_BLOCK, SEGMENT_CRC_AT);
}

int segment_header_decode(const uint8_t block[SEGMENT_BLOCK], struct segment_header *ret) {
    struct cursor c = cursor_over(slice_of(block, SEGMENT_BLOCK));
    struct slice magic = cursor_bytes(&c, sizeof segment_magic);
    uint16_t major = cursor_u16(&c);
    struct segment_header header;
    uint32_t crc;

    cursor_u16(&c);
    crc = cursor_u32(&c);
    if (!slice_equal(magic, slice_of(segment_magic, sizeof segment_magic)) ||
        crc != checksum_around(0, block, SEGMENT_BLOCK, SEGMENT_CRC_AT))
        return -EBADMSG;
    if (major > FORMAT_MAJOR)
        return -EPROTONOSUPPORT;
    memcpy(header.uuid, cursor_bytes(&c, sizeof header.uuid).data, sizeof header.uuid);
    header.number = cursor_u64(&c);
    header.size = cursor_u64(&c);
    header.epoch = cursor_u64(&c);
    header.supersedes = cursor_u64(&c) != 0;
    header.superseded = cursor_u64(&c);
    header.superseded_end = cursor_u64(&c);
    *ret = header;
    return 0;
}

uint32_t segment_seed(const struct segment_place *place) {
    uint8_t octets[32];
    struct writer w = writer_over(octets, sizeof octets);

    writer_bytes(&w, slice_of(place->uuid, 16));
    writer_u64(&w, place->number);
    writer_u64(&w, place->offset);
    return crc32c(0, octets, sizeof octets);
}

void batch_header_encode(const struct batch_header *header, const struct segment_place *place,
                         uint8_t into[BATCH_HEADER]) {
    struct writer w = writer_over(into, BATCH_HEADER);

    memset(into, 0, BATCH_HEADER);
    writer_u32(&w, BATCH_MAGIC);
    writer_u32(&w, 0);
    writer_u64(&w, header->length);
    writer_u64(&w, header->term);
    writer_u64(&w, header->index);
    writer_u64(&w, (uint64_t)header->time_ms);
    writer_u32(&w, header->record_count);
    writer_u32(&w, header->flags);
    writer_u32(&w, header->payload_crc);
    put_checksum(segment_seed(place), into, BATCH_HEADER, BATCH_CRC_AT);
}

int batch_header_decode(struct slice octets, const struct segment_place *place,
                        struct batch_header *ret) {
    struct cursor c = cursor_over(octets);
    struct batch_header header;
    uint32_t magic = cursor_u32(&c);
    uint32_t crc = cursor_u32(&c);

    if (octets.len < BATCH_HEADER || magic != BATCH_MAGIC ||
        crc != checksum_around(segment_seed(place), octets.data, BATCH_HEADER, BATCH_CRC_AT))
        return -EBADMSG;
    header.length = cursor_u64(&c);
    header.term = cursor_u64(&c);
    header.index = cursor_u64(&c);
    header.time_ms = (int64_t)cursor_u64(&c);
    header.record_count = cursor_u32(&c);
    header.flags = cursor_u32(&c);
    header.payload_crc = cursor_u32(&c);
    if (header.length < BATCH_HEADER)
        return -EBADMSG;
    *ret = header;
    return 0;
}

/* The records and the zeros behind them, against their header. */
static int check_payload(struct slice padded, const struct segment_place *place,
                         const struct batch_header *header) {
    struct cursor all = cursor_over(padded);
    struct cursor c;
    uint32_t crc = segment_seed(place);
    uint32_t seed = record_journal_seed(place->uuid);
    uint32_t count = 0;
    struct record record;

    cursor_bytes(&all, BATCH_HEADER);
    c = cursor_sub(&all, (size_t)header->length - BATCH_HEADER);
    for (; !cursor_at_end(&c); count++) {
        uint64_t at = place->offset + header->length - cursor_remaining(&c);

        if (record_next(&c, record_seed(seed, place->number, at), &record) < 0 ||
            record.batch != (uint32_t)header->index)
            return -EBADMSG;
        crc = crc32c(crc, record.head.data, record.head.len);
    }
    while (!cursor_at_end(&all))
        if (cursor_u8(&all) != 0)
            return -EBADMSG;
    return count == header->record_count && crc == header->payload_crc ? 0 : -EBADMSG;
}

int segment_read_batch(struct io *io, int handle, const struct segment_place *place, uint64_t limit,
                       struct octets *buffer, struct batch_header *ret, bool *ret_header_valid) {
    struct batch_header header;
    uint64_t padded;
    ssize_t got;
    int error;

    if (ret_header_valid != NULL)
        *ret_header_valid = false;
    if (place->offset > limit || limit - place->offset < SEGMENT_BLOCK)
        return -EBADMSG;
    buffer->len = 0;
    got =
        io_read_all(io, handle, octets_extend(buffer, SEGMENT_BLOCK), SEGMENT_BLOCK, place->offset);
    if (got < 0)
        return (int)got;
    if (got < SEGMENT_BLOCK)
        return -EBADMSG;
    error = batch_header_decode(octets_slice(buffer), place, &header);
    if (error < 0)
        return error;
    if (ret_header_valid != NULL)
        *ret_header_valid = true;
    if (header.length > limit - place->offset)
        return -EBADMSG;
    padded = segment_round_up(header.length);
    got = io_read_all(io, handle, octets_extend(buffer, (size_t)padded - SEGMENT_BLOCK),
                      (size_t)padded - SEGMENT_BLOCK, place->offset + SEGMENT_BLOCK);
    if (got < 0)
        return (int)got;
    if ((uint64_t)got < padded - SEGMENT_BLOCK)
        return -EBADMSG;
    error = check_payload(octets_slice(buffer), place, &header);
    if (error == 0)
        *ret = header;
    return error;
}

/* Looks through what was read at `place`; true and the offset of the first header found. */
static bool find_in(struct slice octets, struct segment_place place, uint64_t least,
                    uint64_t *ret_offset) {
    struct cursor c = cursor_over(octets);
    struct batch_header header;

    for (; cursor_remaining(&c) >= SEGMENT_BLOCK; place.offset += SEGMENT_BLOCK) {
        struct slice block = cursor_bytes(&c, SEGMENT_BLOCK);

        if (batch_header_decode(block, &place, &header) == 0 && header.index >= least) {
            *ret_offset = place.offset;
            return true;
        }
    }
    return false;
}

/* Octets to read at once from `offset` on. */
static uint64_t next_slice(uint64_t offset, uint64_t limit) {
    uint64_t left = limit > offset ? limit - offset : 0;

    return left < FILL_SLICE ? left : FILL_SLICE;
}

int segment_find_batch(struct io *io, int handle, struct segment_place place, uint64_t limit,
                       uint64_t least, uint64_t *ret_offset) {
    struct octets buffer = {0};
    int found = 0;

    octets_extend(&buffer, (size_t)next_slice(place.offset, limit)); /* later ones are no longer */
    while (found == 0 && place.offset < limit) {
        uint64_t want = next_slice(place.offset, limit);
        ssize_t got = io_read_all(io, handle, buffer.data, (size_t)want, place.offset);

        if (got < 0)
            found = (int)got;
        else if (find_in(slice_of(buffer.data, (size_t)got), place, least, ret_offset))
            found = 1;
        else if (got < (ssize_t)want)
            break;
        place.offset += want;
    }
    octets_clear(&buffer);
    return found;
}

const uint8_t segment_zeros[SEGMENT_ZEROS];

static int maker_create(struct segment_maker *maker, struct io *io) {
    char name[SEGMENT_NAME_SIZE];
    int handle;

    segment_temporary_name(name, maker->header.number);
    handle = io->ops->open_new(io, name);
    if (handle < 0)
        return handle;
    maker->handle = handle;
    maker->filled = maker->written = maker->synced = 0;
    maker->tried_allocation = false;
    return 0;
}

/* At once, if the file system can: writing zeros would double what a flood of messages writes. */
static int maker_allocate(struct segment_maker *maker, struct io *io) {
    int error = io->ops->allocate(io, maker->handle, maker->header.size);

    maker->tried_allocation = true;
    if (error == -EOPNOTSUPP)
        return 0;
    if (error == 0)
        maker->filled = maker->header.size;
    return error;
}

static int maker_fill(struct segment_maker *maker, struct io *io) {
    struct iovec iov[FILL_SLICE / SEGMENT_ZEROS];
    uint64_t left = maker->header.size - maker->filled;
    uint64_t slice = left < FILL_SLICE ? left : FILL_SLICE;
    int count = 0, error;

    for (uint64_t done = 0; done < slice; done += iov[count++].iov_len) {
        iov[count].iov_base = (void *)(uintptr_t)segment_zeros;
        iov[count].iov_len = slice - done < SEGMENT_ZEROS ? (size_t)(slice - done) : SEGMENT_ZEROS;
    }
    error = io_write_all(io, maker->handle, iov, count, maker->filled);
    if (error < 0)
        return error;
    maker->filled = maker->written = maker->filled + slice;
    if (maker->filled - maker->synced < SYNC_SLICE)
        return 0;
    maker->synced = maker->filled;
    return io->ops->sync(io, maker->handle);
}

static int give_name(struct io *io, int handle, const char *temporary, uint64_t number) {
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, number);
    return io_give_name(io, handle, temporary, name);
}

static int maker_finish(struct segment_maker *maker, struct io *io,
                        const struct segment_content *content) {
    char temporary[SEGMENT_NAME_SIZE];
    uint8_t block[SEGMENT_BLOCK];
    int error = 0;

    segment_temporary_name(temporary, maker->header.number);
    segment_header_encode(&maker->header, block);
    if (content->octets.len > 0)
        error = io_write_octets(io, maker->handle, content->octets.data, content->octets.len,
                                content->offset);
    if (error == 0)
        error = io_write_octets(io, maker->handle, block, sizeof block, 0);
    return error == 0 ? give_name(io, maker->handle, temporary, maker->header.number) : error;
}

static int write_beginning(struct io *io, int handle, const struct segment_header *header,
                           uint64_t cleared) {
    uint8_t block[SEGMENT_BLOCK];
    int error;

    segment_header_encode(header, block);
    error = io_write_octets(io, handle, block, sizeof block, 0);
    return error < 0
               ? error
               : io_write_octets(io, handle, segment_zeros, cleared - SEGMENT_BLOCK, SEGMENT_BLOCK);
}

int segment_recycle(struct io *io, uint64_t dead_number, const struct segment_header *header,
                    uint64_t cleared, int *ret_handle) {
    char dead[SEGMENT_NAME_SIZE], temporary[SEGMENT_NAME_SIZE];
    int handle, error;

    assert(cleared - SEGMENT_BLOCK <= SEGMENT_ZEROS);
    segment_name(dead, dead_number);
    segment_temporary_name(temporary, header->number);
    error = io->ops->rename(io, dead, temporary);
    if (error < 0) {
        io->ops->unlink(io, dead);
        return error;
    }
    handle = io->ops->open_write(io, temporary);
    error = handle < 0 ? handle : io->ops->sync_directory(io);
    if (error == 0)
        error = write_beginning(io, handle, header, cleared);
    if (error == 0)
        error = give_name(io, handle, temporary, header->number);
    if (error == 0) {
        *ret_handle = handle;
        return 0;
    }
    if (handle >= 0)
        io->ops->close(io, handle);
    io->ops->unlink(io, temporary); /* what is left of it is swept away at the next start */
    return error;
}

int segment_maker_step(struct segment_maker *maker, struct io *io,
                       const struct segment_content *content) {
    int error;

    if (maker->handle < 0)
        error = maker_create(maker, io);
    else if (!maker->tried_allocation)
        error = maker_allocate(maker, io);
    else if (maker->filled < maker->header.size)
        error = maker_fill(maker, io);
    else if ((error = maker_finish(maker, io, content)) == 0)
        return 1;
    if (error < 0)
        segment_maker_cancel(maker, io);
    return error;
}

void segment_maker_cancel(struct segment_maker *maker, struct io *io) {
    char name[SEGMENT_NAME_SIZE];

    if (maker->handle < 0)
        return;
    io->ops->close(io, maker->handle);
    maker->handle = -1;
    segment_temporary_name(name, maker->header.number);
    io->ops->unlink(io, name); /* what is left of it is swept away at the next start */
}
