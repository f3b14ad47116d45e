/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots (one for each message), buffers (octets on their way to a file) and files.
 *
 *   1. A slot keeps its place for as long as it has references, so what is being read stays there.
 *   2. Places in a file are given when a message is put, before anything is written; a place is in
 *      the file exactly when no buffer covers it.
 *   3. Buffers go to the worker in order. One that failed stays at the head of the list and `stuck`
 *      is set: nothing is put until it was written.
 */
#include "persistence/overflow.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "persistence/crc32c.h"
#include "persistence/octets.h"
#include "persistence/record.h"
#include "persistence/segment.h"

enum { BUFFER_SIZE = 256 * 1024, RECYCLE_MIN = 1024 * 1024 };

/* A message. With references == 0 it is free and `place` is the number of the next free one. */
struct slot {
    uint32_t references;
    uint32_t serial;
    uint32_t file;  /* index in `files` */
    uint32_t place; /* offset / 8 */
    uint32_t length;
};

struct overflow_file {
    uint64_t number; /* 0: the entry is free */
    uint64_t end;
    uint32_t live;
    uint32_t buffers; /* on their way to it */
    int handle;       /* of the worker; -1 before the first write */
};

/* Octets of one file that are not written yet. */
struct buffer {
    struct disk_work work;
    struct overflow *overflow;
    struct buffer *next;
    uint32_t file;
    uint64_t offset;
    struct octets octets;
    bool submitted;
    /* For the worker. */
    uint64_t number;
    int handle;
    int error;
};

struct removal {
    struct disk_work work;
    struct io *io;
    uint64_t number;
    int handle;
};

struct overflow {
    struct io *io;
    struct disk_worker *worker;
    uint64_t file_size;
    struct slot *slots; /* by number - 1 */
    uint32_t slot_count;
    uint32_t slot_capacity;
    uint32_t free_slot; /* number of the first, 0 for none */
    uint32_t serial;
    struct overflow_file *files;
    uint32_t file_count;
    uint32_t current; /* index of the file that is appended to, NO_FILE before there is one */
    uint64_t last_number;
    struct buffer *buffers; /* oldest first; the last one may be open */
    struct buffer *last_buffer;
    uint64_t buffered;
    bool stuck;
};

#define NO_FILE UINT32_MAX

void overflow_name(char ret[OVERFLOW_NAME_SIZE], uint64_t number) {
    snprintf(ret, OVERFLOW_NAME_SIZE, "%016" PRIx64 ".lvo", number);
}

/* ---- what an earlier life left ---- */

struct leftovers {
    uint64_t *numbers;
    size_t count;
};

static void note_leftover(void *context, const char *name) {
    struct leftovers *leftovers = context;
    uint64_t number;

    if (!segment_parse_name(name, ".lvo", &number))
        return;
    leftovers->numbers =
        journal_reallocate(leftovers->numbers, leftovers->count + 1, sizeof *leftovers->numbers);
    leftovers->numbers[leftovers->count++] = number;
}

static int delete_leftovers(struct io *io) {
    struct leftovers leftovers = {0};
    int error = io->ops->list(io, note_leftover, &leftovers);

    for (size_t i = 0; i < leftovers.count && error == 0; i++) {
        char name[OVERFLOW_NAME_SIZE];

        overflow_name(name, leftovers.numbers[i]);
        error = io->ops->unlink(io, name);
    }
    free(leftovers.numbers);
    return error;
}

int overflow_create(struct io *io, struct disk_worker *worker, uint64_t file_size,
                    struct overflow **ret) {
    int error = delete_leftovers(io);
    struct overflow *overflow;

    if (error < 0)
        return error;
    overflow = journal_allocate(1, sizeof *overflow);
    overflow->io = io;
    overflow->worker = worker;
    overflow->file_size = file_size;
    overflow->current = NO_FILE;
    *ret = overflow;
    return 0;
}

static void remove_file(struct io *io, uint64_t number, int handle) {
    char name[OVERFLOW_NAME_SIZE];

    if (handle < 0)
        return;
    io->ops->close(io, handle);
    overflow_name(name, number);
    io->ops->unlink(io, name);
}

void overflow_destroy(struct overflow *overflow) {
    if (overflow == NULL)
        return;
    for (struct buffer *buffer = overflow->buffers, *next; buffer != NULL; buffer = next) {
        next = buffer->next;
        octets_clear(&buffer->octets);
        free(buffer);
    }
    for (uint32_t i = 0; i < overflow->file_count; i++)
        if (overflow->files[i].number != 0)
            remove_file(overflow->io, overflow->files[i].number, overflow->files[i].handle);
    free(overflow->files);
    free(overflow->slots);
    free(overflow);
}

/* ---- files ---- */

static uint32_t add_file(struct overflow *overflow) {
    uint32_t at = 0;

    while (at < overflow->file_count && overflow->files[at].number != 0)
        at++;
    if (at == overflow->file_count) {
        overflow->files = journal_reallocate(overflow->files, at + 1u, sizeof *overflow->files);
        overflow->file_count++;
    }
    overflow->files[at] = (struct overflow_file){.number = ++overflow->last_number, .handle = -1};
    return at;
}

static void run_removal(struct disk_work *work) {
    struct removal *removal = (struct removal *)work;

    remove_file(removal->io, removal->number, removal->handle);
}

static void removal_done(struct disk_work *work) {
    free(work);
}

/* Nothing in it is wanted: it goes, unless more will be put into it or is on its way. */
static void remove_when_unused(struct overflow *overflow, uint32_t at) {
    struct overflow_file *file = &overflow->files[at];
    struct removal *removal;

    if (file->live > 0 || file->buffers > 0)
        return;
    if (at == overflow->current && file->end >= RECYCLE_MIN)
        overflow->current = NO_FILE;
    if (at == overflow->current)
        return;
    removal = journal_allocate(1, sizeof *removal);
    *removal = (struct removal){.work = {.run = run_removal, .done = removal_done},
                                .io = overflow->io,
                                .number = file->number,
                                .handle = file->handle};
    file->number = 0;
    disk_worker_submit(overflow->worker, &removal->work);
}

/* ---- buffers ---- */

/* On the worker. */
static void run_buffer(struct disk_work *work) {
    struct buffer *buffer = (struct buffer *)work;
    struct io *io = buffer->overflow->io;
    char name[OVERFLOW_NAME_SIZE];

    overflow_name(name, buffer->number);
    if (buffer->handle < 0)
        buffer->handle = io->ops->open_new(io, name);
    buffer->error = buffer->handle < 0 ? buffer->handle
                                       : io_write_octets(io, buffer->handle, buffer->octets.data,
                                                         buffer->octets.len, buffer->offset);
}

static void unlink_buffer(struct overflow *overflow, struct buffer *buffer) {
    struct buffer **link = &overflow->buffers, *previous = NULL;

    for (; *link != buffer; link = &(*link)->next)
        previous = *link;
    *link = buffer->next;
    if (overflow->last_buffer == buffer)
        overflow->last_buffer = previous;
}

static void submit(struct overflow *overflow, struct buffer *buffer);

static void buffer_done(struct disk_work *work) {
    struct buffer *buffer = (struct buffer *)work;
    struct overflow *overflow = buffer->overflow;
    struct overflow_file *file = &overflow->files[buffer->file];

    file->handle = buffer->handle < 0 ? -1 : buffer->handle;
    buffer->submitted = false;
    overflow->stuck = buffer->error < 0;
    if (overflow->stuck)
        return;
    file->buffers--;
    overflow->buffered -= buffer->octets.len;
    unlink_buffer(overflow, buffer);
    octets_clear(&buffer->octets);
    free(buffer);
    remove_when_unused(overflow, (uint32_t)(file - overflow->files));
    if (overflow->buffers != NULL && !overflow->buffers->submitted &&
        overflow->buffers->next != NULL)
        submit(overflow, overflow->buffers);
}

/* One at a time, so that a file is opened once and errors are seen in order. */
static void submit(struct overflow *overflow, struct buffer *buffer) {
    buffer->submitted = true;
    buffer->number = overflow->files[buffer->file].number;
    buffer->handle = overflow->files[buffer->file].handle;
    disk_worker_submit(overflow->worker, &buffer->work);
}

static void submit_first(struct overflow *overflow) {
    if (overflow->buffers != NULL && !overflow->buffers->submitted)
        submit(overflow, overflow->buffers);
}

/* The buffer that takes `len` more octets at the end of the current file. */
static struct buffer *open_buffer(struct overflow *overflow, size_t len) {
    struct buffer *buffer = overflow->last_buffer;

    if (overflow->current == NO_FILE ||
        overflow->files[overflow->current].end + len > overflow->file_size) {
        uint32_t before = overflow->current;

        overflow->current = add_file(overflow);
        if (before != NO_FILE)
            remove_when_unused(overflow, before);
    }
    if (buffer != NULL && !buffer->submitted && buffer->file == overflow->current &&
        buffer->octets.len + len <= BUFFER_SIZE)
        return buffer;
    submit_first(overflow);
    buffer = journal_allocate(1, sizeof *buffer);
    *buffer = (struct buffer){.work = {.run = run_buffer, .done = buffer_done},
                              .overflow = overflow,
                              .file = overflow->current,
                              .offset = overflow->files[overflow->current].end};
    overflow->files[overflow->current].buffers++;
    if (overflow->last_buffer != NULL)
        overflow->last_buffer->next = buffer;
    else
        overflow->buffers = buffer;
    overflow->last_buffer = buffer;
    return buffer;
}

void overflow_flush(struct overflow *overflow) {
    if (!overflow->stuck)
        submit_first(overflow);
}

void overflow_retry(struct overflow *overflow) {
    if (overflow->stuck)
        submit_first(overflow);
}

/* ---- messages ---- */

static uint32_t take_slot(struct overflow *overflow) {
    uint32_t number = overflow->free_slot;

    if (number != 0) {
        overflow->free_slot = overflow->slots[number - 1].place;
        return number;
    }
    if (overflow->slot_count == overflow->slot_capacity) {
        overflow->slot_capacity += overflow->slot_capacity / 4 + 1024;
        overflow->slots =
            journal_reallocate(overflow->slots, overflow->slot_capacity, sizeof *overflow->slots);
    }
    return ++overflow->slot_count;
}

static size_t body_length(const struct journal_content *content) {
    size_t len = RECORD_MESSAGE_FIXED + content->address.len + content->header.len;

    for (size_t i = 0; i < content->body_parts; i++)
        len += content->body[i].len;
    return len;
}

static uint8_t *put_octets(uint8_t *at, struct slice octets) {
    if (octets.len > 0)
        memcpy(at, octets.data, octets.len);
    return at + octets.len;
}

/* The record of a message without targets, as the journal would write it. */
static void encode(uint8_t *start, const struct journal_content *content, size_t len,
                   uint32_t serial) {
    uint8_t *at = start + RECORD_HEAD;
    uint32_t crc = record_head_begin(start, OVERFLOW_SEED, RECORD_MESSAGE, 0, len, 0);
    size_t padded = record_padded_length(len);

    record_put_message(at, &(struct message_record){.index = 0,
                                                    .slot = serial,
                                                    .target_count = 0,
                                                    .address = content->address,
                                                    .header = content->header});
    at = put_octets(at + RECORD_MESSAGE_FIXED, content->address);
    at = put_octets(at, content->header);
    for (size_t i = 0; i < content->body_parts; i++)
        at = put_octets(at, content->body[i]);
    memset(at, 0, padded - RECORD_HEAD - len);
    record_head_end(start, crc32c(crc, start + RECORD_HEAD, len));
}

uint32_t overflow_put(struct overflow *overflow, const struct journal_content *content,
                      uint32_t *ret_serial) {
    size_t len = body_length(content);
    size_t padded = record_padded_length(len);
    struct overflow_file *file;
    struct buffer *buffer;
    uint32_t number;

    if (overflow->stuck || overflow->buffered > 64 * BUFFER_SIZE)
        return 0;
    number = take_slot(overflow);
    buffer = open_buffer(overflow, padded);
    file = &overflow->files[overflow->current];
    *ret_serial = ++overflow->serial;
    overflow->slots[number - 1] = (struct slot){.references = 1,
                                                .serial = *ret_serial,
                                                .file = overflow->current,
                                                .place = (uint32_t)(file->end / RECORD_ALIGNMENT),
                                                .length = (uint32_t)padded};
    encode(octets_extend(&buffer->octets, padded), content, len, *ret_serial);
    file->end += padded;
    file->live++;
    overflow->buffered += padded;
    return number;
}

bool overflow_share(struct overflow *overflow, uint32_t number, uint32_t serial) {
    struct slot *slot;

    if (number == 0 || number > overflow->slot_count)
        return false;
    slot = &overflow->slots[number - 1];
    if (slot->references == 0 || slot->serial != serial)
        return false;
    slot->references++;
    return true;
}

void overflow_drop(struct overflow *overflow, uint32_t number) {
    struct slot *slot = &overflow->slots[number - 1];

    assert(slot->references > 0);
    if (--slot->references > 0)
        return;
    overflow->files[slot->file].live--;
    remove_when_unused(overflow, slot->file);
    slot->place = overflow->free_slot;
    overflow->free_slot = number;
}

void overflow_locate(const struct overflow *overflow, uint32_t number, uint64_t *ret_file,
                     uint64_t *ret_offset, uint32_t *ret_length, const uint8_t **ret_octets) {
    const struct slot *slot = &overflow->slots[number - 1];
    uint64_t offset = (uint64_t)slot->place * RECORD_ALIGNMENT;

    *ret_file = overflow->files[slot->file].number;
    *ret_offset = offset;
    *ret_length = slot->length;
    *ret_octets = NULL;
    for (const struct buffer *buffer = overflow->buffers; buffer != NULL; buffer = buffer->next)
        if (buffer->file == slot->file && offset >= buffer->offset &&
            offset < buffer->offset + buffer->octets.len)
            *ret_octets = buffer->octets.data + (offset - buffer->offset);
}

uint64_t overflow_memory(const struct overflow *overflow) {
    return overflow->buffered + overflow->slot_capacity * sizeof *overflow->slots;
}

uint64_t overflow_bytes(const struct overflow *overflow) {
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < overflow->file_count; i++)
        if (overflow->files[i].number != 0)
            bytes += overflow->files[i].end;
    return bytes;
}
