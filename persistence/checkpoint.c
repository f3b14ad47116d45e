/* SPDX-License-Identifier: Apache-2.0 */
/* Building, publishing and loading checkpoints. */
#include "persistence/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "amqp/cursor.h"
#include "amqp/writer.h"
#include "persistence/crc32c.h"
#include "persistence/journal_writer.h"
#include "persistence/segment.h"

static const uint8_t checkpoint_magic[8] = {'L', 'V', 'J', 'C', 'K', 'P', '\r', '\n'};

enum {
    CRC_AT = 12,
    HEAD_LENGTH = 104,
    SEGMENT_ENTRY = 40,
};

void checkpoint_name(char ret[CHECKPOINT_NAME_SIZE], uint64_t index) {
    snprintf(ret, CHECKPOINT_NAME_SIZE, "%016" PRIx64 ".lvc", index);
}

static void temporary_name(char ret[CHECKPOINT_NAME_SIZE], uint64_t index) {
    snprintf(ret, CHECKPOINT_NAME_SIZE, "%016" PRIx64 ".lvc.tmp", index);
}

static void put_u64s(struct octets *into, const uint64_t *values, size_t count) {
    struct writer w = writer_over(octets_extend(into, count * 8), count * 8);

    for (size_t i = 0; i < count; i++)
        writer_u64(&w, values[i]);
}

static void put_u32(struct octets *into, uint32_t value) {
    uint8_t octets[4];
    struct writer w = writer_over(octets, sizeof octets);

    writer_u32(&w, value);
    octets_append(into, slice_of(octets, sizeof octets));
}

static void put_definition(struct octets *into, uint8_t kind, struct slice key,
                           struct slice payload) {
    *octets_extend(into, 1) = kind;
    put_u32(into, (uint32_t)key.len);
    octets_append(into, key);
    put_u32(into, (uint32_t)payload.len);
    octets_append(into, payload);
}

static bool capture_queue(struct checkpoint_state *state, struct live_set *live) {
    const struct live_queue *queue = live_set_next_queue(live);

    if (queue == NULL)
        return false;
    put_u64s(&state->queues, (uint64_t[]){queue->id, queue->highest_sequence}, 2);
    state->queue_count++;
    return true;
}

static bool capture_page(struct checkpoint_state *state, struct live_set *live) {
    const struct live_page *page = live_set_next_page(live);

    if (page == NULL)
        return false;
    put_u64s(&state->pages, (uint64_t[]){page->queue_id, page->number}, 2);
    octets_append(&state->pages, slice_of(page->bits, sizeof page->bits));
    state->page_count++;
    return true;
}

static bool capture_definition(struct checkpoint_state *state, struct definitions *definitions) {
    struct slice key, payload;
    uint8_t kind;

    if (!definitions_next(definitions, &kind, &key, &payload))
        return false;
    put_definition(&state->definitions, kind, key, payload);
    state->definition_count++;
    return true;
}

void checkpoint_capture_begin(struct checkpoint_state *state, struct live_set *live,
                              struct definitions *definitions) {
    *state = (struct checkpoint_state){0};
    live_set_begin_walk(live);
    definitions_begin_walk(definitions);
}

bool checkpoint_capture_step(struct checkpoint_state *state, struct live_set *live,
                             struct definitions *definitions, unsigned count) {
    while (count-- > 0)
        if (!capture_definition(state, definitions) && !capture_queue(state, live) &&
            !capture_page(state, live))
            return true;
    return false;
}

void checkpoint_state_clear(struct checkpoint_state *state) {
    octets_clear(&state->queues);
    octets_clear(&state->pages);
    octets_clear(&state->definitions);
    *state = (struct checkpoint_state){0};
}

/* The file's checksum, its own field taken as zero. */
static uint32_t checksum(struct slice file, const uint8_t uuid[16], uint64_t index) {
    uint8_t seed[24], zero[4] = {0};
    struct writer w = writer_over(seed, sizeof seed);
    uint32_t crc;

    writer_bytes(&w, slice_of(uuid, 16));
    writer_u64(&w, index);
    crc = crc32c(0, seed, sizeof seed);
    crc = crc32c(crc, file.data, CRC_AT);
    crc = crc32c(crc, zero, sizeof zero);
    return crc32c(crc, file.data + CRC_AT + 4, file.len - CRC_AT - 4);
}

void checkpoint_encode(struct octets *ret, const uint8_t uuid[16],
                       const struct checkpoint *checkpoint, const struct checkpoint_state *state) {
    uint64_t length = HEAD_LENGTH + (uint64_t)checkpoint->segment_count * SEGMENT_ENTRY +
                      state->queues.len + state->pages.len + state->definitions.len;
    struct octets file = {0};
    struct writer crc;

    octets_append(&file, slice_of(checkpoint_magic, sizeof checkpoint_magic));
    put_u32(&file, (uint32_t)FORMAT_MAJOR << 16 | FORMAT_MINOR);
    put_u32(&file, 0);
    octets_append(&file, slice_of(uuid, 16));
    put_u64s(&file,
             (uint64_t[]){length, checkpoint->index, checkpoint->term,
                          (uint64_t)checkpoint->time_ms, checkpoint->next_segment,
                          checkpoint->end_index},
             6);
    put_u32(&file, checkpoint->segment_count);
    put_u32(&file, state->queue_count);
    put_u64s(&file, (uint64_t[]){state->page_count, state->definition_count}, 2);
    for (uint32_t i = 0; i < checkpoint->segment_count; i++) {
        const struct checkpoint_segment *segment = &checkpoint->segments[i];

        put_u64s(&file,
                 (uint64_t[]){segment->number, segment->first_index, segment->last_index,
                              segment->end, segment->seal_offset},
                 5);
    }
    octets_append(&file, octets_slice(&state->queues));
    octets_append(&file, octets_slice(&state->pages));
    octets_append(&file, octets_slice(&state->definitions));
    crc = writer_over(file.data + CRC_AT, 4);
    writer_u32(&crc, checksum(octets_slice(&file), uuid, checkpoint->index));
    *ret = file;
}

static int read_file(struct io *io, uint64_t index, struct octets *ret) {
    char name[CHECKPOINT_NAME_SIZE];
    int64_t size;
    int handle;

    checkpoint_name(name, index);
    handle = io->ops->open_read(io, name);
    if (handle < 0)
        return handle;
    size = io->ops->size(io, handle);
    if (size > 0) {
        octets_extend(ret, (size_t)size);
        size = io_read_all(io, handle, ret->data, ret->len, 0);
    }
    io->ops->close(io, handle);
    return size < 0 ? (int)size : 0;
}

static int read_segments(struct cursor *c, struct checkpoint *checkpoint) {
    if (checkpoint->segment_count > cursor_remaining(c) / SEGMENT_ENTRY)
        return -EBADMSG;
    checkpoint->segments =
        journal_allocate(checkpoint->segment_count, sizeof *checkpoint->segments);
    for (uint32_t i = 0; i < checkpoint->segment_count; i++) {
        struct checkpoint_segment *segment = &checkpoint->segments[i];

        segment->number = cursor_u64(c);
        segment->first_index = cursor_u64(c);
        segment->last_index = cursor_u64(c);
        segment->end = cursor_u64(c);
        segment->seal_offset = cursor_u64(c);
    }
    return 0;
}

/* The head of a file already read into checkpoint->file. */
static int decode(struct checkpoint *checkpoint, uint64_t index, uint8_t ret_uuid[16]) {
    struct cursor c = cursor_over(octets_slice(&checkpoint->file));
    struct slice magic = cursor_bytes(&c, sizeof checkpoint_magic);
    uint16_t major = cursor_u16(&c);
    struct slice uuid;
    uint32_t crc;
    uint64_t length;
    int error;

    cursor_u16(&c);
    crc = cursor_u32(&c);
    uuid = cursor_bytes(&c, 16);
    length = cursor_u64(&c);
    checkpoint->index = cursor_u64(&c);
    checkpoint->term = cursor_u64(&c);
    checkpoint->time_ms = (int64_t)cursor_u64(&c);
    checkpoint->next_segment = cursor_u64(&c);
    checkpoint->end_index = cursor_u64(&c);
    checkpoint->segment_count = cursor_u32(&c);
    checkpoint->queue_count = cursor_u32(&c);
    checkpoint->page_count = cursor_u64(&c);
    checkpoint->definition_count = cursor_u64(&c);
    if (cursor_failed(&c) || length != checkpoint->file.len || checkpoint->index != index ||
        !slice_equal(magic, slice_of(checkpoint_magic, sizeof checkpoint_magic)) ||
        crc != checksum(octets_slice(&checkpoint->file), uuid.data, index))
        return -EBADMSG;
    if (major > FORMAT_MAJOR)
        return -EPROTONOSUPPORT;
    error = read_segments(&c, checkpoint);
    checkpoint->state = cursor_rest(&c);
    memcpy(ret_uuid, uuid.data, uuid.len);
    return error;
}

int checkpoint_load(struct io *io, uint64_t index, struct checkpoint *ret, uint8_t ret_uuid[16]) {
    int error;

    *ret = (struct checkpoint){0};
    error = read_file(io, index, &ret->file);
    return error < 0 ? error : decode(ret, index, ret_uuid);
}

void checkpoint_clear(struct checkpoint *checkpoint) {
    free(checkpoint->segments);
    octets_clear(&checkpoint->file);
    *checkpoint = (struct checkpoint){0};
}

int checkpoint_restore(const struct checkpoint *checkpoint, struct live_set *live,
                       struct definitions *definitions) {
    struct cursor c = cursor_over(checkpoint->state);

    for (uint32_t i = 0; i < checkpoint->queue_count && !cursor_failed(&c); i++) {
        uint64_t id = cursor_u64(&c);

        live_set_raise(live, id, cursor_u64(&c));
    }
    for (uint64_t i = 0; i < checkpoint->page_count && !cursor_failed(&c); i++) {
        uint64_t id = cursor_u64(&c);
        uint64_t number = cursor_u64(&c);
        const uint8_t *bits = cursor_bytes(&c, LIVE_PAGE_OCTETS).data;

        if (bits != NULL)
            live_set_add_page(live, id, number, bits);
    }
    for (uint64_t i = 0; i < checkpoint->definition_count && !cursor_failed(&c); i++) {
        uint8_t kind = cursor_u8(&c);
        struct slice key = cursor_longstr(&c);

        definitions_put(definitions, kind, key, cursor_longstr(&c));
    }
    return cursor_failed(&c) || !cursor_at_end(&c) ? -EBADMSG : 0;
}

const struct checkpoint_segment *checkpoint_find_segment(const struct checkpoint *checkpoint,
                                                         uint64_t number) {
    for (uint32_t i = 0; i < checkpoint->segment_count; i++)
        if (checkpoint->segments[i].number == number)
            return &checkpoint->segments[i];
    return NULL;
}

static int publish(struct checkpoint_job *job, struct io *io) {
    char temporary[CHECKPOINT_NAME_SIZE], name[CHECKPOINT_NAME_SIZE];

    temporary_name(temporary, job->checkpoint.index);
    checkpoint_name(name, job->checkpoint.index);
    return io_give_name(io, job->handle, temporary, name);
}

/* The file is put together here because that takes its time, and this is the writer's. */
static void put_together(struct checkpoint_job *job) {
    if (job->file.len > 0)
        return;
    checkpoint_encode(&job->file, job->uuid, &job->checkpoint, &job->state);
    checkpoint_state_clear(&job->state);
}

static int write_step(struct checkpoint_job *job, struct io *io, size_t slice) {
    char name[CHECKPOINT_NAME_SIZE];
    size_t left;
    int error;

    put_together(job);
    left = job->file.len - (size_t)job->written;

    if (job->handle < 0) {
        temporary_name(name, job->checkpoint.index);
        job->handle = io->ops->open_new(io, name);
        return job->handle < 0 ? job->handle : 0;
    }
    if (left == 0) {
        error = publish(job, io);
        return error < 0 ? error : 1;
    }
    slice = slice < left ? slice : left;
    error = io_write_octets(io, job->handle, job->file.data + job->written, slice, job->written);
    job->written += slice;
    return error;
}

int checkpoint_write_step(struct checkpoint_job *job, struct io *io, size_t slice) {
    char name[CHECKPOINT_NAME_SIZE];
    int done = write_step(job, io, slice);

    if (done == 0)
        return 0;
    if (job->handle >= 0)
        io->ops->close(io, job->handle);
    if (done < 0 && job->handle >= 0) {
        temporary_name(name, job->checkpoint.index);
        io->ops->unlink(io, name); /* what is left of it is swept away at the next start */
    }
    job->handle = -1;
    job->is_durable = done == 1;
    return done;
}
