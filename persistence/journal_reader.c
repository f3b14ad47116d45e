/* SPDX-License-Identifier: Apache-2.0 */
/* A few open segments, and the check of what is read from them. */
#include "persistence/journal_reader.h"

#include <errno.h>
#include <stdlib.h>

#include "persistence/journal_private.h"

/* Queues are read in order, so few segments are wanted at a time. */
enum { OPEN_AT_MOST = 4 };

struct open_segment {
    uint64_t number; /* 0: none */
    int handle;
};

struct journal_reader {
    struct io *io;
    uint32_t seed;
    struct open_segment open[OPEN_AT_MOST]; /* the one used last first */
};

int journal_locate(const struct journal *journal, const struct stored_message *message,
                   struct journal_place *ret_place) {
    if (stored_message_is_pending(message))
        return -EINPROGRESS;
    *ret_place = (struct journal_place){.segment = journal->segments[message->segment].number,
                                        .offset = (uint64_t)message->place * RECORD_ALIGNMENT,
                                        .length = message->length};
    return 0;
}

struct journal_reader *journal_reader_create(const struct journal *journal) {
    struct journal_reader *reader = journal_allocate(1, sizeof *reader);

    reader->io = journal->options.io;
    reader->seed = record_journal_seed(journal->uuid);
    return reader;
}

static void close_segment(struct journal_reader *reader, struct open_segment *open) {
    if (open->number != 0)
        reader->io->ops->close(reader->io, open->handle);
    open->number = 0;
}

void journal_reader_rest(struct journal_reader *reader) {
    for (int i = 0; i < OPEN_AT_MOST; i++)
        close_segment(reader, &reader->open[i]);
}

void journal_reader_destroy(struct journal_reader *reader) {
    if (reader == NULL)
        return;
    journal_reader_rest(reader);
    free(reader);
}

static void move_to_front(struct journal_reader *reader, int at) {
    struct open_segment moved = reader->open[at];

    for (; at > 0; at--)
        reader->open[at] = reader->open[at - 1];
    reader->open[0] = moved;
}

/* The handle of the segment, opened in the place of the one not used for longest. */
static int handle_of(struct journal_reader *reader, uint64_t number) {
    char name[SEGMENT_NAME_SIZE];
    int at = 0, handle;

    while (at < OPEN_AT_MOST - 1 && reader->open[at].number != number)
        at++;
    if (reader->open[at].number != number) {
        segment_name(name, number);
        handle = reader->io->ops->open_read(reader->io, name);
        if (handle < 0)
            return handle;
        close_segment(reader, &reader->open[at]);
        reader->open[at] = (struct open_segment){number, handle};
    }
    move_to_front(reader, at);
    return reader->open[0].handle;
}

static int parse(struct slice octets, uint32_t seed, struct journal_content *ret_content,
                 struct slice *ret_body) {
    struct cursor c = cursor_over(octets);
    struct message_record message;
    struct record record;

    if (record_next(&c, seed, &record) < 0 || record.type != RECORD_MESSAGE || !cursor_at_end(&c) ||
        record_read_message(record.body, &message) < 0)
        return -EBADMSG;
    *ret_body = message.body;
    *ret_content = (struct journal_content){
        .address = message.address, .header = message.header, .body = ret_body, .body_parts = 1};
    return 0;
}

int journal_reader_read(struct journal_reader *reader, const struct journal_place *place,
                        uint8_t **buffer, size_t *capacity, struct journal_content *ret_content,
                        struct slice *ret_body) {
    size_t padded = record_padded_length(place->length - RECORD_HEAD);
    int handle = handle_of(reader, place->segment);
    ssize_t got;

    if (handle < 0)
        return handle;
    if (*capacity < padded) {
        *buffer = journal_reallocate(*buffer, padded, 1);
        *capacity = padded;
    }
    got = io_read_all(reader->io, handle, *buffer, padded, place->offset);
    if (got < 0)
        return (int)got;
    return parse(slice_of(*buffer, (size_t)got),
                 record_seed(reader->seed, place->segment, place->offset), ret_content, ret_body);
}
