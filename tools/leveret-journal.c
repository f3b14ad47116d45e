/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leveret-journal: looks into a journal directory while no broker runs on it. dump, verify and
 * stats only read; salvage is what the broker does with --salvage, without starting one.
 *
 * The directory is locked against a broker for as long as this runs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/cursor.h"
#include "persistence/checkpoint.h"
#include "persistence/journal.h"
#include "persistence/record.h"
#include "persistence/segment.h"

enum { EXIT_DAMAGED = 65, EXIT_USAGE = 64, EXIT_IO = 74 };

static const char help_text[] =
    "usage: leveret-journal dump|verify|stats|salvage DIR\n"
    "\n"
    "  dump     every file, batch and record, one line each; bodies by their length\n"
    "  verify   checksums of every file, then a recovery that writes nothing: what a start would "
    "find\n"
    "  stats    what the files and batches hold, and how much of it is alive\n"
    "  salvage  keep what is valid of a damaged journal and rename damaged segments to "
    "quarantine-*;\n"
    "           copy the directory first if you can\n"
    "\n"
    "Exit codes: 0 all is well, 65 damage was found, 64 wrong usage, 74 the directory cannot be "
    "read.\n";

/* ---- an io that reads the directory and writes nowhere ---- */

struct dry_io {
    struct io io;
    struct io *real;
};

enum { NOWHERE = 1 << 30 }; /* handle of a file that is only pretended */

static struct io *real_of(struct io *io) {
    return ((struct dry_io *)io)->real;
}

static int dry_open_new(struct io *io, const char *name) {
    (void)io;
    (void)name;
    return NOWHERE;
}

static int dry_open_read(struct io *io, const char *name) {
    return real_of(io)->ops->open_read(real_of(io), name);
}

static void dry_close(struct io *io, int handle) {
    if (handle != NOWHERE)
        real_of(io)->ops->close(real_of(io), handle);
}

static ssize_t dry_write(struct io *io, int handle, const struct iovec *iov, int count,
                         uint64_t offset) {
    ssize_t len = 0;

    (void)io;
    (void)handle;
    (void)offset;
    for (int i = 0; i < count; i++)
        len += (ssize_t)iov[i].iov_len;
    return len;
}

static ssize_t dry_read(struct io *io, int handle, void *buffer, size_t len, uint64_t offset) {
    return handle == NOWHERE ? 0 : real_of(io)->ops->read(real_of(io), handle, buffer, len, offset);
}

static int dry_allocate(struct io *io, int handle, uint64_t size) {
    (void)io;
    (void)handle;
    (void)size;
    return 0;
}

static int dry_sync(struct io *io, int handle) {
    (void)io;
    (void)handle;
    return 0;
}

static int dry_sync_directory(struct io *io) {
    (void)io;
    return 0;
}

static int dry_rename(struct io *io, const char *from, const char *to) {
    (void)io;
    (void)from;
    (void)to;
    return 0;
}

static int dry_unlink(struct io *io, const char *name) {
    (void)io;
    (void)name;
    return 0;
}

static int dry_list(struct io *io, void (*visit)(void *context, const char *name), void *context) {
    return real_of(io)->ops->list(real_of(io), visit, context);
}

static int64_t dry_size(struct io *io, int handle) {
    return handle == NOWHERE ? 0 : real_of(io)->ops->size(real_of(io), handle);
}

static int64_t dry_free_space(struct io *io) {
    return real_of(io)->ops->free_space(real_of(io));
}

static const struct io_ops dry_ops = {
    .open_new = dry_open_new,
    .open_read = dry_open_read,
    .open_write = dry_open_read,
    .close = dry_close,
    .write = dry_write,
    .read = dry_read,
    .allocate = dry_allocate,
    .sync = dry_sync,
    .sync_directory = dry_sync_directory,
    .rename = dry_rename,
    .unlink = dry_unlink,
    .list = dry_list,
    .size = dry_size,
    .free_space = dry_free_space,
};

/* ---- names ---- */

struct names {
    char (*names)[SEGMENT_NAME_SIZE];
    size_t count;
};

static void collect_name(void *context, const char *name) {
    struct names *names = context;
    uint64_t number;

    if (!segment_parse_name(name, ".lvj", &number) && !segment_parse_name(name, ".lvc", &number))
        return;
    names->names = journal_reallocate(names->names, names->count + 1, sizeof *names->names);
    snprintf(names->names[names->count++], SEGMENT_NAME_SIZE, "%s", name);
}

static int compare_names(const void *left, const void *right) {
    return strcmp(left, right);
}

static int list_names(struct io *io, struct names *ret) {
    int error;

    *ret = (struct names){0};
    error = io->ops->list(io, collect_name, ret);
    if (ret->count > 1)
        qsort(ret->names, ret->count, sizeof *ret->names, compare_names);
    return error;
}

/* ---- dump ---- */

static void print_text(struct slice text) {
    for (size_t i = 0; i < text.len && i < 64; i++)
        putchar(text.data[i] >= 0x20 && text.data[i] < 0x7f ? text.data[i] : '.');
}

static void dump_message(const struct message_record *message, uint16_t flags) {
    printf("MESSAGE %s%" PRIu64 ".%" PRIu32 " address %zu header %zu body %zu to",
           (flags & RECORD_RELOCATED) != 0 ? "copy of " : "", message->index, message->slot,
           message->address.len, message->header.len, message->body.len);
    for (uint32_t i = 0; i < message->target_count; i++) {
        uint64_t queue_id, sequence;

        message_record_target(message, i, &queue_id, &sequence);
        printf(" %" PRIu64 ":%" PRIu64, queue_id, sequence);
    }
}

static void dump_settle(struct slice body) {
    struct settle_reader reader;
    uint64_t first, count;

    if (settle_reader_begin(&reader, body) < 0)
        return;
    printf("SETTLE queue %" PRIu64, reader.queue_id);
    while (settle_reader_next(&reader, &first, &count) == 1)
        printf(" %" PRIu64 "-%" PRIu64, first, first + count - 1);
}

static void dump_meta(const struct record *record) {
    struct meta_record meta;

    if (record_read_meta(record->body, &meta) < 0)
        return;
    printf("%s kind %u key '", record->type == RECORD_META_PUT ? "META_PUT" : "META_DELETE",
           meta.kind);
    print_text(meta.key);
    printf("' payload %zu", meta.payload.len);
}

static void dump_record(const struct record *record) {
    struct message_record message;
    uint64_t queue_id;

    printf("    ");
    if (record->type == RECORD_MESSAGE && record_read_message(record->body, &message) == 0)
        dump_message(&message, record->flags);
    else if (record->type == RECORD_SETTLE)
        dump_settle(record->body);
    else if (record->type == RECORD_META_PUT || record->type == RECORD_META_DELETE)
        dump_meta(record);
    else if (record->type == RECORD_QUEUE_DELETE &&
             record_read_queue_delete(record->body, &queue_id) == 0)
        printf("QUEUE_DELETE %" PRIu64, queue_id);
    else if (record->type == RECORD_INDEX)
        printf("INDEX length %zu", record->body.len);
    else
        printf("type %u version %u length %zu", record->type, record->version, record->body.len);
    putchar('\n');
}

static void dump_batch(const struct segment_place *place, const struct batch_header *header,
                       const struct octets *octets) {
    struct cursor all = cursor_over(octets_slice(octets));
    uint32_t seed = record_journal_seed(place->uuid);
    struct record record;
    struct cursor c;

    printf("  %" PRIu64 ": batch %" PRIu64 " length %" PRIu64 " records %" PRIu32 " time %" PRId64
           "%s%s\n",
           place->offset, header->index, header->length, header->record_count, header->time_ms,
           (header->flags & BATCH_SEAL) != 0 ? " SEAL" : "",
           (header->flags & BATCH_CLEAN) != 0 ? " CLEAN" : "");
    cursor_bytes(&all, BATCH_HEADER);
    c = cursor_sub(&all, (size_t)header->length - BATCH_HEADER);
    while (!cursor_at_end(&c)) {
        uint64_t at = place->offset + header->length - cursor_remaining(&c);

        if (record_next(&c, record_seed(seed, place->number, at), &record) < 0)
            return;
        dump_record(&record);
    }
}

static void print_uuid(const uint8_t uuid[16]) {
    for (int i = 0; i < 16; i++)
        printf("%02x", uuid[i]);
}

struct tally {
    uint64_t segments, batches, records, file_bytes, batch_bytes, checkpoints;
    bool damaged;
};

/* Everything of a segment up to its first invalid batch. */
static void walk_batches(struct io *io, int handle, const struct segment_header *header,
                         uint64_t size, bool print, struct tally *tally) {
    struct segment_place place = {header->uuid, header->number, SEGMENT_BLOCK};
    struct octets octets = {0};
    struct batch_header batch;
    bool header_valid = false;
    uint64_t next;

    while (segment_read_batch(io, handle, &place, size, &octets, &batch, &header_valid) == 0) {
        if (print)
            dump_batch(&place, &batch, &octets);
        tally->batches++;
        tally->records += batch.record_count;
        tally->batch_bytes += segment_round_up(batch.length);
        place.offset += segment_round_up(batch.length);
        header_valid = false;
        if ((batch.flags & BATCH_SEAL) != 0)
            break;
    }
    if (print && header_valid)
        printf("  %" PRIu64 ": an invalid batch\n", place.offset);
    place.offset += SEGMENT_BLOCK;
    if (print && place.offset < size && segment_find_batch(io, handle, place, size, 1, &next) == 1)
        printf("  %" PRIu64 ": a batch header behind what is invalid\n", next);
    octets_clear(&octets);
}

static int walk_segment(struct io *io, const char *name, bool print, struct tally *tally) {
    uint8_t block[SEGMENT_BLOCK] = {0};
    struct segment_header header;
    int handle = io->ops->open_read(io, name);
    int64_t size;

    if (handle < 0)
        return handle;
    size = io->ops->size(io, handle);
    io_read_all(io, handle, block, sizeof block, 0);
    tally->segments++;
    tally->file_bytes += size > 0 ? (uint64_t)size : 0;
    if (segment_header_decode(block, &header) < 0) {
        printf("%s: invalid segment header\n", name);
        tally->damaged = true;
    } else {
        if (print) {
            printf("%s: segment %" PRIu64 " size %" PRIi64 " epoch %" PRIu64 " uuid ", name,
                   header.number, size, header.epoch);
            print_uuid(header.uuid);
            if (header.supersedes)
                printf(" supersedes %" PRIu64 " from %" PRIu64, header.superseded,
                       header.superseded_end);
            putchar('\n');
        }
        walk_batches(io, handle, &header, size > 0 ? (uint64_t)size : 0, print, tally);
    }
    io->ops->close(io, handle);
    return 0;
}

static void walk_checkpoint(struct io *io, const char *name, uint64_t index, bool print,
                            struct tally *tally) {
    struct checkpoint checkpoint;
    uint8_t uuid[16];

    tally->checkpoints++;
    if (checkpoint_load(io, index, &checkpoint, uuid) < 0) {
        printf("%s: invalid checkpoint\n", name);
        tally->damaged = true;
    } else if (print) {
        printf("%s: checkpoint at batch %" PRIu64 ", %" PRIu32 " queues, %" PRIu64
               " pages, %" PRIu64 " definitions\n",
               name, index, checkpoint.queue_count, checkpoint.page_count,
               checkpoint.definition_count);
        for (uint32_t i = 0; i < checkpoint.segment_count; i++)
            printf("  segment %" PRIu64 " batches %" PRIu64 "-%" PRIu64 " end %" PRIu64
                   " sealed at %" PRIu64 "\n",
                   checkpoint.segments[i].number, checkpoint.segments[i].first_index,
                   checkpoint.segments[i].last_index, checkpoint.segments[i].end,
                   checkpoint.segments[i].seal_offset);
    }
    checkpoint_clear(&checkpoint);
}

static int walk_all(struct io *io, bool print, struct tally *ret) {
    struct names names;
    int error = list_names(io, &names);

    *ret = (struct tally){0};
    for (size_t i = 0; i < names.count && error == 0; i++) {
        uint64_t number;

        if (segment_parse_name(names.names[i], ".lvc", &number))
            walk_checkpoint(io, names.names[i], number, print, ret);
        else
            error = walk_segment(io, names.names[i], print, ret);
    }
    free(names.names);
    return error;
}

/* ---- commands ---- */

static int complain(int code) {
    fprintf(stderr, "leveret-journal: %s\n", strerror(-code));
    return EXIT_IO;
}

static int command_dump(struct io *io) {
    struct tally tally;
    int error = walk_all(io, true, &tally);

    if (error < 0)
        return complain(error);
    return tally.damaged ? EXIT_DAMAGED : 0;
}

struct census {
    uint64_t definitions, queues, messages, targets, bytes;
};

static void count_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    (void)kind;
    (void)key;
    (void)payload;
    ((struct census *)context)->definitions++;
}

static void count_queue(void *context, uint64_t queue_id, uint64_t highest_sequence) {
    (void)queue_id;
    (void)highest_sequence;
    ((struct census *)context)->queues++;
}

static void count_message(void *context, struct stored_message *message,
                          const struct journal_summary *summary,
                          const struct journal_target *targets, size_t target_count) {
    struct census *census = context;

    (void)message;
    (void)targets;
    census->messages++;
    census->targets += target_count;
    census->bytes += summary->body_length;
}

/* Recovers on `io`, tells what was found, and closes. */
static int recover(struct io *io, bool salvage, struct census *ret, struct journal_report *report) {
    struct journal_options options = {.io = io, .verify = true};
    struct replay_sink sink = {.context = ret,
                               .on_meta = count_meta,
                               .on_queue = count_queue,
                               .on_message = count_message};
    struct journal_error error;
    struct journal *journal;
    int code;

    *ret = (struct census){0};
    code = journal_open(&options, &sink, salvage, &journal, report, &error);
    if (code < 0) {
        fprintf(stderr, "leveret-journal: %s\n", error.text);
        return code == -EBADMSG ? EXIT_DAMAGED : EXIT_IO;
    }
    journal_close(journal, false);
    return 0;
}

static void print_report(const struct census *census, const struct journal_report *report) {
    char name[SEGMENT_NAME_SIZE];

    printf("%" PRIu64 " definitions, %" PRIu64 " queues, %" PRIu64 " messages at %" PRIu64
           " places, %" PRIu64 " octets of bodies; last batch %" PRIu64 "\n",
           census->definitions, census->queues, census->messages, census->targets, census->bytes,
           report->last_index);
    printf("the last stop was %s\n", report->clean ? "clean" : "not clean");
    segment_name(name, report->torn_segment);
    if (report->torn_tail)
        printf("torn tail: %s, offset %" PRIu64 ": the last batch was not written to its end\n",
               name, report->torn_offset);
    if (report->checkpoint_damaged)
        printf("a checkpoint is damaged, the older one stood in\n");
}

static int command_verify(struct io *real) {
    struct dry_io dry = {{&dry_ops}, real};
    struct journal_report report;
    struct census census;
    int code = recover(&dry.io, false, &census, &report);

    if (code != 0)
        return code;
    print_report(&census, &report);
    return report.checkpoint_damaged ? EXIT_DAMAGED : 0;
}

static int command_stats(struct io *real) {
    struct tally tally;
    int error = walk_all(real, false, &tally);

    if (error < 0)
        return complain(error);
    printf("%" PRIu64 " segments of %" PRIu64 " octets, %" PRIu64 " checkpoints\n"
           "%" PRIu64 " batches of %" PRIu64 " octets, %" PRIu64 " records\n",
           tally.segments, tally.file_bytes, tally.checkpoints, tally.batches, tally.batch_bytes,
           tally.records);
    return command_verify(real);
}

static int command_salvage(struct io *io) {
    struct journal_report report;
    struct census census;
    int code = recover(io, true, &census, &report);

    if (code != 0)
        return code;
    if (report.damages > 0)
        printf("%" PRIu32 " damaged places, the first: %s\n%" PRIu32 " segments put aside\n",
               report.damages, report.first_damage, report.damaged_segments);
    print_report(&census, &report);
    return 0;
}

static int run(const char *command, struct io *io) {
    if (strcmp(command, "dump") == 0)
        return command_dump(io);
    if (strcmp(command, "verify") == 0)
        return command_verify(io);
    if (strcmp(command, "stats") == 0)
        return command_stats(io);
    if (strcmp(command, "salvage") == 0)
        return command_salvage(io);
    fputs(help_text, stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    struct io *io;
    int code;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(help_text, stdout);
        return 0;
    }
    if (argc != 3) {
        fputs(help_text, stderr);
        return EXIT_USAGE;
    }
    code = io_posix_open_existing(argv[2], &io);
    if (code < 0) {
        fprintf(stderr, "leveret-journal: %s: %s\n", argv[2],
                code == -EWOULDBLOCK ? "a broker is running on it" : strerror(-code));
        return EXIT_IO;
    }
    code = run(argv[1], io);
    io_posix_close(io);
    return code;
}
