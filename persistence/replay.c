/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery: from whatever a crash left in the directory to a journal that can be appended to.
 *
 *   survey    sync the directory, open everything, versions, newest valid checkpoint, statements of
 *   supersession scan      apply the batches behind the checkpoint to the live set and the
 *   definitions; find the end emit      walk all listed segments again and hand out what is alive
 *   succeed   a new segment with a copy of the last valid batch and a statement that ends the old
 *   ones
 *
 * The invariants, each of which a random model of kills, power cuts and failing syncs
 * (journal-model) and the crash enumeration in tests/journal need:
 *
 *   1. The directory is synced first: what is seen may not be durable yet, and decisions are
 *      built on it.
 *   2. Nothing is ever appended to a segment that was found, and nothing is cut off: a batch
 *      that is visible may be only in the page cache, because its sync failed. Appending behind it
 *      would make a hole after a power cut.
 *   3. The last valid batch is written again, sealed or not, because it alone may not be
 *      durable: only one batch is under way at any time, so every batch before it was synced.
 *   4. The statement covers every segment from that batch on, empty and torn ones too.
 *   5. Before an end given by a checkpoint or a statement everything must be valid: an invalid
 *      batch there is damage. Behind, it is a torn tail, unless a later header is valid, which
 *      proves that the batch had been synced.
 *   6. A copy of the last batch loses its flags: SEAL would end the new segment, CLEAN would
 *      outlive its truth.
 *
 * Every step can be repeated: a crash inside recovery leaves a state that is recovered the same
 * way.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/cursor.h"
#include "persistence/crc32c.h"
#include "persistence/journal_private.h"

enum { NAME_ROOM = 32 };

struct found_segment {
    uint64_t number;
    int handle;
    uint64_t size;
    struct segment_header header;
    bool header_valid;
    bool is_void;    /* superseded from 0 on */
    bool is_garbage; /* older than the checkpoint and not listed by it */
    const struct checkpoint_segment *listed;
    uint64_t limit; /* end of what counts, by statement or size */
    uint32_t slot;  /* in the journal's table */
    /* By the walk. */
    uint64_t first_index;
    uint64_t last_index;
    uint64_t end;
    uint64_t previous_index; /* of the batch before its first one */
    bool any_gap;            /* at its begin, in salvage */
    bool sealed;
    bool damaged;
    bool ends_torn; /* something other than zeros stands at its end */
};

struct replay {
    struct journal *journal;
    struct io *io;
    const struct replay_sink *sink;
    bool salvage;
    struct journal_report *report;
    struct journal_error *error;
    struct found_segment *found; /* ascending by number */
    size_t found_count;
    uint64_t *checkpoints; /* indexes of all files, descending */
    size_t checkpoint_count;
    char (*temporaries)[NAME_ROOM];
    size_t temporary_count;
    uint64_t highest_number;
    bool has_uuid;
    bool has_checkpoint;
    struct checkpoint checkpoint;
    struct checkpoint older;
    bool has_older;
    struct octets buffer;
    uint64_t previous_index; /* of the last batch applied */
    bool any_gap;            /* in salvage: the next index may be any greater one */
    bool emitting;           /* second walk: damage was reported by the first */
    /* The last valid batch behind the checkpoint. */
    struct found_segment *last;
    uint64_t last_offset;
    uint64_t last_length;
    uint32_t last_flags;
    /* The new segment. */
    uint64_t recovery_number;
    uint32_t recovery_slot;
    struct live_set unclaimed;
    uint64_t done_bytes, total_bytes;
};

/* Called with the record's place and that of its batch. */
typedef int (*record_visitor)(struct replay *replay, struct found_segment *segment,
                              uint64_t batch_offset, uint64_t offset, const struct record *record);

__attribute__((format(printf, 3, 4))) static int refuse(struct replay *replay, int code,
                                                        const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(replay->error->text, sizeof replay->error->text, format, arguments);
    va_end(arguments);
    replay->error->code = code;
    return code;
}

/* Something that was durable is not there any more: 0 in salvage, which goes on behind it. */
static int damage(struct replay *replay, struct found_segment *segment, const char *file,
                  uint64_t offset, const char *what) {
    char text[sizeof replay->report->first_damage];

    if (segment != NULL)
        segment->damaged = true;
    snprintf(text, sizeof text, "%s: offset %" PRIu64 ": %s", file, offset, what);
    if (!replay->salvage)
        return refuse(
            replay, -EBADMSG,
            "%s; restore the file, or let salvage keep what is valid and put the rest into "
            "quarantine",
            text);
    if (replay->emitting && segment != NULL && segment->listed == NULL)
        return 0; /* the scan came by here and counted it */
    if (replay->report->damages++ == 0)
        memcpy(replay->report->first_damage, text, sizeof text);
    return 0;
}

static int damage_in(struct replay *replay, struct found_segment *segment, uint64_t offset,
                     const char *what) {
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, segment->number);
    return damage(replay, segment, name, offset, what);
}

static int io_error(struct replay *replay, int code, const char *what) {
    return refuse(replay, code, "%s: %s", what, strerror(-code));
}

/* ---- survey ---- */

static void note_number(struct replay *replay, uint64_t number) {
    if (replay->highest_number < number)
        replay->highest_number = number;
}

static void note_temporary(struct replay *replay, const char *name, size_t len) {
    replay->temporaries = journal_reallocate(replay->temporaries, replay->temporary_count + 1,
                                             sizeof *replay->temporaries);
    memcpy(replay->temporaries[replay->temporary_count++], name, len + 1);
}

static void note_name(void *context, const char *name) {
    struct replay *replay = context;
    size_t len = strlen(name);
    uint64_t number;

    if (segment_parse_name(name, ".lvj", &number)) {
        replay->found =
            journal_reallocate(replay->found, replay->found_count + 1, sizeof *replay->found);
        replay->found[replay->found_count++] =
            (struct found_segment){.number = number, .handle = -1};
        note_number(replay, number);
    } else if (segment_parse_name(name, ".lvc", &number)) {
        replay->checkpoints = journal_reallocate(replay->checkpoints, replay->checkpoint_count + 1,
                                                 sizeof *replay->checkpoints);
        replay->checkpoints[replay->checkpoint_count++] = number;
    } else if (len > 4 && len < NAME_ROOM && strcmp(name + len - 4, ".tmp") == 0) {
        note_temporary(replay, name, len);
        if (segment_parse_name(name, ".tmp", &number))
            note_number(replay, number);
    }
}

static int compare_found(const void *left, const void *right) {
    const struct found_segment *a = left, *b = right;

    return a->number < b->number ? -1 : a->number > b->number;
}

static int compare_descending(const void *left, const void *right) {
    const uint64_t *a = left, *b = right;

    return *a > *b ? -1 : *a < *b;
}

static int list_directory(struct replay *replay) {
    int error = replay->io->ops->sync_directory(replay->io);

    if (error == 0)
        error = replay->io->ops->list(replay->io, note_name, replay);
    if (error < 0)
        return io_error(replay, error, "journal directory");
    if (replay->found_count > 1)
        qsort(replay->found, replay->found_count, sizeof *replay->found, compare_found);
    if (replay->checkpoint_count > 1)
        qsort(replay->checkpoints, replay->checkpoint_count, sizeof *replay->checkpoints,
              compare_descending);
    return 0;
}

static void close_segment(struct replay *replay, struct found_segment *segment) {
    if (segment->handle >= 0)
        replay->io->ops->close(replay->io, segment->handle);
    segment->handle = -1;
}

/* Segments are open only while they are walked through: there may be too many of them. */
static int reopen_segment(struct replay *replay, struct found_segment *segment) {
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, segment->number);
    segment->handle = replay->io->ops->open_read(replay->io, name);
    return segment->handle < 0 ? io_error(replay, segment->handle, name) : 0;
}

static int survey_segment(struct replay *replay, struct found_segment *segment) {
    uint8_t block[SEGMENT_BLOCK];
    char name[SEGMENT_NAME_SIZE];
    int64_t size;
    ssize_t got;
    int error = reopen_segment(replay, segment);

    if (error < 0)
        return error;
    segment_name(name, segment->number);
    size = replay->io->ops->size(replay->io, segment->handle);
    if (size < 0)
        return io_error(replay, (int)size, name);
    segment->size = segment->limit = (uint64_t)size / SEGMENT_BLOCK * SEGMENT_BLOCK;
    got = io_read_all(replay->io, segment->handle, block, sizeof block, 0);
    if (got < 0)
        return io_error(replay, (int)got, name);
    error = got < SEGMENT_BLOCK ? -EBADMSG : segment_header_decode(block, &segment->header);
    if (error == -EPROTONOSUPPORT)
        return refuse(replay, error, "%s was written by a newer version of the broker", name);
    segment->header_valid = error == 0 && segment->header.number == segment->number;
    close_segment(replay, segment);
    return 0;
}

static int survey_segments(struct replay *replay) {
    int error = 0;

    for (size_t i = 0; i < replay->found_count && error == 0; i++)
        error = survey_segment(replay, &replay->found[i]);
    return error;
}

/* The newest one that is valid, and the one before it for what it still holds on to. */
static int load_checkpoints(struct replay *replay) {
    uint8_t uuid[16];

    for (size_t i = 0; i < replay->checkpoint_count && !replay->has_older; i++) {
        struct checkpoint *into = replay->has_checkpoint ? &replay->older : &replay->checkpoint;
        int error = checkpoint_load(replay->io, replay->checkpoints[i], into, uuid);
        char name[CHECKPOINT_NAME_SIZE];

        checkpoint_name(name, replay->checkpoints[i]);
        if (error == -EPROTONOSUPPORT)
            return refuse(replay, error, "%s was written by a newer version of the broker", name);
        if (error < 0 && error != -EBADMSG)
            return io_error(replay, error, name);
        if (error == 0 && replay->has_checkpoint) {
            replay->has_older = true;
        } else if (error == 0) {
            replay->has_checkpoint = replay->has_uuid = true;
            memcpy(replay->journal->uuid, uuid, sizeof uuid);
        } else {
            checkpoint_clear(into);
            replay->report->checkpoint_damaged = true;
        }
    }
    if (replay->has_checkpoint || replay->checkpoint_count == 0)
        return 0;
    return damage(replay, NULL, "checkpoints", 0, "none of them is valid");
}

/* The checkpoint says whose journal this is; without one the first segment does. */
static void learn_identity(struct replay *replay) {
    struct journal *journal = replay->journal;

    for (size_t i = 0; i < replay->found_count; i++) {
        const struct found_segment *segment = &replay->found[i];

        if (!segment->header_valid)
            continue;
        if (!replay->has_uuid)
            memcpy(journal->uuid, segment->header.uuid, sizeof journal->uuid);
        replay->has_uuid = true;
        if (journal->epoch <= segment->header.epoch)
            journal->epoch = segment->header.epoch + 1;
    }
}

/* What the statement of `from` says about the segments before it. */
static void apply_statement(struct replay *replay, const struct found_segment *from) {
    const struct segment_header *header = &from->header;

    for (struct found_segment *segment = replay->found; segment < from; segment++) {
        if (segment->number > header->superseded)
            segment->is_void = true;
        else if (segment->number == header->superseded && segment->limit > header->superseded_end)
            segment->limit = header->superseded_end;
    }
}

static uint64_t last_listed(const struct replay *replay) {
    const struct checkpoint *checkpoint = &replay->checkpoint;

    return checkpoint->segment_count == 0
               ? 0
               : checkpoint->segments[checkpoint->segment_count - 1].number;
}

static bool is_ours(const struct replay *replay, const struct found_segment *segment) {
    return segment->header_valid &&
           memcmp(segment->header.uuid, replay->journal->uuid, sizeof replay->journal->uuid) == 0;
}

static void classify(struct replay *replay) {
    for (size_t i = 0; i < replay->found_count; i++) {
        struct found_segment *segment = &replay->found[i];

        if (is_ours(replay, segment) && segment->header.supersedes)
            apply_statement(replay, segment);
        if (!replay->has_checkpoint)
            continue;
        segment->listed = checkpoint_find_segment(&replay->checkpoint, segment->number);
        segment->is_garbage = segment->listed == NULL && segment->number < last_listed(replay);
    }
}

static bool counts(const struct found_segment *segment) {
    return !segment->is_void && !segment->is_garbage;
}

static struct found_segment *find_found(struct replay *replay, uint64_t number) {
    for (size_t i = 0; i < replay->found_count; i++)
        if (replay->found[i].number == number)
            return &replay->found[i];
    return NULL;
}

static int check_presence(struct replay *replay) {
    int error = 0;

    for (uint32_t i = 0; i < replay->checkpoint.segment_count && error == 0; i++) {
        uint64_t number = replay->checkpoint.segments[i].number;
        char name[SEGMENT_NAME_SIZE];

        segment_name(name, number);
        if (find_found(replay, number) == NULL)
            error = damage(replay, NULL, name, 0, "the file is missing");
    }
    for (size_t i = 0; i < replay->found_count && error == 0; i++) {
        struct found_segment *segment = &replay->found[i];

        if (counts(segment) && !is_ours(replay, segment))
            error = damage_in(replay, segment, 0,
                              segment->header_valid ? "segment of another journal"
                                                    : "invalid segment header");
        if (counts(segment))
            replay->total_bytes += segment->size;
    }
    return error;
}

static int sweep_temporaries(struct replay *replay) {
    int error = 0;

    for (size_t i = 0; i < replay->temporary_count && error == 0; i++)
        error = replay->io->ops->unlink(replay->io, replay->temporaries[i]);
    return error < 0 ? io_error(replay, error, "temporary file") : 0;
}

static int survey(struct replay *replay) {
    int error = list_directory(replay);

    if (error == 0)
        error = survey_segments(replay);
    if (error == 0)
        error = load_checkpoints(replay);
    if (error < 0)
        return error;
    learn_identity(replay);
    classify(replay);
    error = check_presence(replay);
    return error == 0 ? sweep_temporaries(replay) : error;
}

/* ---- walking through a segment ---- */

static struct segment_place place_in(const struct replay *replay,
                                     const struct found_segment *segment, uint64_t offset) {
    return (struct segment_place){replay->journal->uuid, segment->number, offset};
}

static bool index_follows(const struct replay *replay, uint64_t index) {
    return index == replay->previous_index + 1 ||
           (replay->any_gap && index > replay->previous_index);
}

static int visit_batch(struct replay *replay, struct found_segment *segment, uint64_t offset,
                       const struct batch_header *header, record_visitor visit) {
    struct cursor all = cursor_over(octets_slice(&replay->buffer));
    uint32_t seed = record_seed(replay->journal->uuid);
    struct record record;
    struct cursor c;
    int error = 0;

    cursor_bytes(&all, BATCH_HEADER);
    c = cursor_sub(&all, (size_t)header->length - BATCH_HEADER);
    while (error == 0 && !cursor_at_end(&c)) {
        uint64_t at = offset + header->length - cursor_remaining(&c);

        error = record_next(&c, seed, &record);
        assert(error == 0); /* segment_read_batch() has been through all of them */
        error = visit(replay, segment, offset, at, &record);
    }
    return error;
}

/* Salvage: any record between `offset` and `end` that is whole and of a batch that can be there. */
static int visit_remains(struct replay *replay, struct found_segment *segment, uint64_t offset,
                         uint64_t end, uint64_t next_index, record_visitor visit) {
    uint32_t seed = record_seed(replay->journal->uuid);
    uint32_t batches = next_index == 0 ? 1 : (uint32_t)(next_index - replay->previous_index - 1);
    struct octets octets = {0};
    uint64_t at = offset;
    int error = 0;
    ssize_t got = io_read_all(replay->io, segment->handle, octets_extend(&octets, end - offset),
                              (size_t)(end - offset), offset);

    while (got > 0 && error == 0 && at < offset + (uint64_t)got) {
        struct cursor c = cursor_over(octets_slice(&octets));
        struct record record;

        cursor_bytes(&c, (size_t)(at - offset));
        if (record_next(&c, seed, &record) < 0 ||
            record.batch - (uint32_t)replay->previous_index - 1 >= batches) {
            at += RECORD_ALIGNMENT;
            continue;
        }
        error = visit(replay, segment, offset, at, &record);
        at += record_padded_length(record.body.len);
    }
    octets_clear(&octets);
    return error;
}

static bool is_all_zero(struct replay *replay, struct found_segment *segment, uint64_t offset) {
    uint8_t block[SEGMENT_BLOCK] = {0};

    io_read_all(replay->io, segment->handle, block, sizeof block, offset);
    for (size_t i = 0; i < sizeof block; i++)
        if (block[i] != 0)
            return false;
    return true;
}

static void note_batch(struct replay *replay, struct found_segment *segment, uint64_t offset,
                       const struct batch_header *header) {
    uint64_t padded = segment_round_up(header->length);

    replay->previous_index = header->index;
    replay->any_gap = false;
    replay->done_bytes += padded;
    if (segment->first_index == 0)
        segment->first_index = header->index;
    segment->last_index = header->index;
    segment->end = offset + padded;
    segment->sealed = (header->flags & BATCH_SEAL) != 0;
    if (header->time_ms > replay->journal->last_time_ms)
        replay->journal->last_time_ms = header->time_ms;
    if (!replay->emitting) {
        replay->last = segment;
        replay->last_offset = offset;
        replay->last_length = padded;
        replay->last_flags = header->flags;
        replay->report->batches++;
    }
    if (replay->sink->on_progress != NULL)
        replay->sink->on_progress(replay->sink->context, replay->done_bytes,
                                  2 * replay->total_bytes);
}

/*
 * What to do about an invalid batch. 1: this is the end of what was written here; 0: damage that
 * salvage passed over, and `offset` is behind it; or the error.
 */
static int judge(struct replay *replay, struct found_segment *segment, uint64_t *offset,
                 uint64_t limit, bool must_reach, bool wrong_index, record_visitor visit) {
    struct segment_place behind = place_in(replay, segment, *offset + SEGMENT_BLOCK);
    struct batch_header next = {0};
    uint64_t next_offset = limit;
    int found = wrong_index ? 0
                            : segment_find_batch(replay->io, segment->handle, behind, limit,
                                                 replay->previous_index + 1, &next_offset);
    int error;

    if (found < 0)
        return io_error(replay, found, "journal segment");
    if (found == 0 && !must_reach && !wrong_index) {
        segment->ends_torn = !is_all_zero(replay, segment, *offset);
        return 1;
    }
    error = damage_in(replay, segment, *offset,
                      wrong_index ? "batch out of order: batches before it are missing"
                                  : "invalid batch");
    if (error < 0)
        return error;
    if (wrong_index) {
        *offset +=
            replay->any_gap ? SEGMENT_BLOCK : 0; /* an older batch: nothing to take from it */
        replay->any_gap = true;
        return 0;
    }
    if (found == 1) {
        struct segment_place place = place_in(replay, segment, next_offset);
        uint8_t head[BATCH_HEADER];

        io_read_all(replay->io, segment->handle, head, sizeof head, next_offset);
        batch_header_decode(slice_of(head, sizeof head), &place, &next);
    }
    error = visit_remains(replay, segment, *offset, next_offset, next.index, visit);
    replay->any_gap = true;
    *offset = next_offset;
    return error;
}

/*
 * Visits the records of all batches from `offset` to `limit`, or to a SEAL, or to the end of what
 * was written, which is not allowed with `must_reach`. segment->end is where it stopped.
 */
static int walk(struct replay *replay, struct found_segment *segment, uint64_t offset,
                uint64_t limit, bool must_reach, record_visitor visit) {
    segment->sealed = false;
    segment->end = offset;
    while (offset < limit && limit - offset >= SEGMENT_BLOCK) {
        struct segment_place place = place_in(replay, segment, offset);
        struct batch_header header;
        bool header_valid, wrong_index;
        int error = segment_read_batch(replay->io, segment->handle, &place, limit, &replay->buffer,
                                       &header, &header_valid);

        if (error < 0 && error != -EBADMSG && !replay->salvage)
            return io_error(replay, error, "journal segment");
        wrong_index = error == 0 && !index_follows(replay, header.index);
        if (error == 0 && !wrong_index) {
            error = visit_batch(replay, segment, offset, &header, visit);
            if (error < 0)
                return error;
            note_batch(replay, segment, offset, &header);
            offset = segment->end;
            if (segment->sealed)
                return 0;
            continue;
        }
        error = judge(replay, segment, &offset, limit, must_reach, wrong_index, visit);
        if (error < 0)
            return error;
        segment->end = offset;
        if (error == 1)
            return 0;
    }
    return 0;
}

/* ---- scan: the batches behind the checkpoint ---- */

static int apply_meta(struct replay *replay, const struct record *record) {
    struct definitions *definitions = &replay->journal->definitions;
    struct meta_record meta;

    if (record_read_meta(record->body, &meta) < 0)
        return -EBADMSG;
    if (record->type == RECORD_META_PUT)
        definitions_put(definitions, meta.kind, meta.key, meta.payload);
    else
        definitions_delete(definitions, meta.kind, meta.key);
    return 0;
}

static int apply_message(struct replay *replay, const struct record *record) {
    /* Without a checkpoint, in salvage, a copy may be all that is left of a message. */
    bool revives = replay->salvage && !replay->has_checkpoint;
    struct message_record message;

    if (record_read_message(record->body, &message) < 0)
        return -EBADMSG;
    if ((record->flags & RECORD_RELOCATED) != 0 && !revives)
        return 0;
    for (uint32_t i = 0; i < message.target_count; i++) {
        uint64_t queue_id, sequence;

        message_record_target(&message, i, &queue_id, &sequence);
        live_set_add(&replay->journal->live, queue_id, sequence);
    }
    return 0;
}

static int apply_settle(struct replay *replay, const struct record *record) {
    struct settle_reader reader;
    uint64_t first, count;
    int more;

    if (settle_reader_begin(&reader, record->body) < 0)
        return -EBADMSG;
    while ((more = settle_reader_next(&reader, &first, &count)) == 1)
        live_set_remove_range(&replay->journal->live, reader.queue_id, first, count);
    return more;
}

static int apply_queue_delete(struct replay *replay, const struct record *record) {
    uint64_t queue_id;

    if (record_read_queue_delete(record->body, &queue_id) < 0)
        return -EBADMSG;
    live_set_remove_queue(&replay->journal->live, queue_id);
    return 0;
}

static int apply_known(struct replay *replay, const struct record *record) {
    switch (record->type) {
    case RECORD_META_PUT:
    case RECORD_META_DELETE:
        return apply_meta(replay, record);
    case RECORD_MESSAGE:
        return apply_message(replay, record);
    case RECORD_SETTLE:
        return apply_settle(replay, record);
    default:
        return apply_queue_delete(replay, record);
    }
}

static int apply_record(struct replay *replay, struct found_segment *segment, uint64_t batch_offset,
                        uint64_t offset, const struct record *record) {
    char name[SEGMENT_NAME_SIZE];

    (void)batch_offset;
    segment_name(name, segment->number);
    if (!record_is_known(record)) {
        if ((record->flags & RECORD_SKIPPABLE) != 0)
            return 0;
        return refuse(replay, -EPROTONOSUPPORT,
                      "%s: offset %" PRIu64 ": a record of type %u, version %u was written by a "
                      "newer version of the broker",
                      name, offset, record->type, record->version);
    }
    if (apply_known(replay, record) == 0)
        return 0;
    return damage_in(replay, segment, offset, "malformed record");
}

/* True when the checkpoint covers all of the segment. */
static bool is_covered(const struct replay *replay, const struct found_segment *segment) {
    return segment->listed != NULL && segment->number < last_listed(replay);
}

static uint64_t scan_start(const struct found_segment *segment) {
    return segment->listed != NULL ? segment->listed->end : SEGMENT_BLOCK;
}

static int scan_segment(struct replay *replay, struct found_segment *segment, bool *ended) {
    bool is_cut = segment->limit < segment->size;
    uint64_t start = scan_start(segment);
    uint64_t elsewhere;
    int error;

    segment->end = start;
    segment->previous_index = replay->previous_index;
    segment->any_gap = replay->any_gap;
    if (segment->listed != NULL)
        segment->last_index = segment->listed->last_index;
    if (*ended) {
        /* A batch here proves that the one that should stand before it was synced. */
        int found =
            segment_find_batch(replay->io, segment->handle, place_in(replay, segment, start),
                               segment->limit, replay->previous_index + 1, &elsewhere);

        if (found < 0)
            return io_error(replay, found, "journal segment");
        if (found == 0)
            return 0;
        error = damage_in(replay, replay->last != NULL ? replay->last : segment,
                          replay->last != NULL ? replay->last->end : start,
                          "invalid batch, but a later segment goes on behind it");
        if (error < 0)
            return error;
        replay->any_gap = segment->any_gap = true;
        *ended = false;
    }
    error = walk(replay, segment, start, segment->limit, is_cut, apply_record);
    if (error < 0)
        return error;
    /*
     * An empty one ends nothing: a spare, or one that came to be although its directory could not
     * be synced.
     */
    *ended = !segment->sealed && !is_cut && (segment->end > SEGMENT_BLOCK || segment->ends_torn);
    if (*ended && segment->ends_torn) {
        replay->report->torn_tail = true;
        replay->report->torn_segment = segment->number;
        replay->report->torn_offset = segment->end;
    }
    return 0;
}

static int scan(struct replay *replay) {
    bool ended = false;
    int error = 0;

    replay->previous_index = replay->has_checkpoint ? replay->checkpoint.index : 0;
    replay->any_gap = replay->salvage && replay->report->damages > 0 && !replay->has_checkpoint;
    if (replay->has_checkpoint) {
        replay->journal->last_time_ms = replay->checkpoint.time_ms;
        if (checkpoint_restore(&replay->checkpoint, &replay->journal->live,
                               &replay->journal->definitions) < 0)
            return refuse(replay, -EBADMSG, "checkpoint %" PRIu64 " is malformed",
                          replay->checkpoint.index);
    }
    for (size_t i = 0; i < replay->found_count && error == 0; i++) {
        struct found_segment *segment = &replay->found[i];

        if (!counts(segment) || is_covered(replay, segment))
            continue;
        error = reopen_segment(replay, segment);
        if (error == 0)
            error = scan_segment(replay, segment, &ended);
        close_segment(replay, segment);
    }
    replay->report->torn_tail = replay->report->torn_tail && ended;
    replay->report->last_index = replay->previous_index;
    replay->report->clean = replay->last != NULL && (replay->last_flags & BATCH_CLEAN) != 0 &&
                            !replay->report->torn_tail && replay->report->damages == 0;
    return error;
}

/* ---- emit: hand out what is alive ---- */

/* The last batch moves to the new segment, and with it the places of its messages. */
static bool moves(const struct replay *replay, const struct found_segment *segment,
                  uint64_t batch_offset) {
    return segment == replay->last && batch_offset == replay->last_offset;
}

static void emit_message(struct replay *replay, struct found_segment *segment,
                         uint64_t batch_offset, uint64_t offset,
                         const struct message_record *record, uint32_t length,
                         const struct journal_target *targets, uint32_t count) {
    struct journal *journal = replay->journal;
    struct stored_message *message = message_pool_take(&journal->pool);
    struct journal_content content = {.address = record->address,
                                      .header = record->header,
                                      .body = &record->body,
                                      .body_parts = 1};
    bool moved = moves(replay, segment, batch_offset);

    message->targets = count & INT32_MAX;
    journal_place_message(journal, message, moved ? replay->recovery_slot : segment->slot,
                          moved ? offset - batch_offset + SEGMENT_BLOCK : offset, length);
    replay->report->messages++;
    if (replay->sink->on_message != NULL)
        replay->sink->on_message(replay->sink->context, message, &content, targets, count);
}

static int emit_record(struct replay *replay, struct found_segment *segment, uint64_t batch_offset,
                       uint64_t offset, const struct record *record) {
    struct message_record message;
    struct journal_target *targets;
    uint32_t count = 0;

    if (record->type != RECORD_MESSAGE || !record_is_known(record) ||
        record_read_message(record->body, &message) < 0)
        return 0;
    targets = journal_allocate(message.target_count, sizeof *targets);
    for (uint32_t i = 0; i < message.target_count; i++) {
        struct journal_target target;

        message_record_target(&message, i, &target.queue_id, &target.sequence);
        /* Who comes first has it: original and copy are the same message. */
        if (live_set_remove(&replay->unclaimed, target.queue_id, target.sequence))
            targets[count++] = target;
    }
    if (count > 0)
        emit_message(replay, segment, batch_offset, offset, &message,
                     (uint32_t)(RECORD_HEAD + record->body.len), targets, count);
    free(targets);
    return 0;
}

static void copy_live_set(struct live_set *into, const struct live_set *from) {
    const struct live_page *page;

    for (size_t at = 0; (page = live_set_next_page(from, &at)) != NULL;)
        live_set_add_page(into, page->queue_id, page->number, page->bits);
}

static void emit_definition(void *context, uint8_t kind, struct slice key, struct slice payload) {
    struct replay *replay = context;

    replay->sink->on_meta(replay->sink->context, kind, key, payload);
}

static void emit_state(struct replay *replay) {
    const struct live_queue *queue;

    if (replay->sink->on_meta != NULL)
        definitions_each(&replay->journal->definitions, emit_definition, replay);
    if (replay->sink->on_queue == NULL)
        return;
    for (size_t at = 0; (queue = live_set_next_queue(&replay->journal->live, &at)) != NULL;)
        replay->sink->on_queue(replay->sink->context, queue->id, queue->highest_sequence);
}

/* From its first batch on, to where the checkpoint or the scan says that it ends. */
static int emit_segment(struct replay *replay, struct found_segment *segment) {
    uint64_t end = is_covered(replay, segment) ? segment->listed->end : segment->end;
    uint64_t last_index = segment->last_index;
    int error;

    if (segment->listed != NULL && segment->listed->first_index > 0)
        replay->previous_index = segment->listed->first_index - 1;
    else if (segment->listed != NULL)
        replay->previous_index = replay->checkpoint.index;
    else
        replay->previous_index = segment->previous_index;
    replay->any_gap = segment->any_gap;
    segment->first_index = 0;
    error = walk(replay, segment, SEGMENT_BLOCK, end, true, emit_record);
    if (error < 0)
        return error;
    if (is_covered(replay, segment))
        last_index = segment->listed->last_index;
    if (segment->end != end || (segment->last_index != last_index && segment->first_index != 0))
        return damage_in(replay, segment, segment->end, "the segment ends too early");
    return 0;
}

static void add_to_table(struct replay *replay) {
    for (size_t i = 0; i < replay->found_count; i++) {
        struct found_segment *segment = &replay->found[i];

        if (!counts(segment))
            continue;
        segment->slot = journal_add_segment(replay->journal, segment->number, segment->size);
    }
    replay->recovery_slot = journal_add_segment(replay->journal, replay->recovery_number, 0);
}

/* Salvage: what is alive by the books and nowhere in the files is lost. */
static int account_for_unclaimed(struct replay *replay) {
    struct live_page *page;
    uint64_t lost = 0;
    char text[64];

    for (size_t at = 0; (page = (struct live_page *)(uintptr_t)live_set_next_page(
                             &replay->unclaimed, &at)) != NULL;) {
        for (uint64_t i = 0; i < LIVE_PAGE_SEQUENCES; i++)
            if ((page->bits[i / 8] & 1u << (i % 8)) != 0)
                live_set_remove(&replay->journal->live, page->queue_id,
                                page->number * LIVE_PAGE_SEQUENCES + i);
        lost += page->population;
    }
    if (lost == 0)
        return 0;
    snprintf(text, sizeof text, "%" PRIu64 " messages are missing", lost);
    return damage(replay, NULL, "journal", 0, text);
}

static int emit(struct replay *replay) {
    uint64_t last_index = replay->previous_index;
    int error = 0;

    replay->emitting = true;
    add_to_table(replay);
    copy_live_set(&replay->unclaimed, &replay->journal->live);
    emit_state(replay);
    for (size_t i = 0; i < replay->found_count && error == 0; i++) {
        struct found_segment *segment = &replay->found[i];

        if (!counts(segment))
            continue;
        error = reopen_segment(replay, segment);
        if (error == 0)
            error = emit_segment(replay, segment);
        close_segment(replay, segment);
    }
    if (error == 0)
        error = account_for_unclaimed(replay);
    replay->previous_index = last_index;
    return error;
}

/* ---- succeed: the new segment ---- */

/* The last batch as it will stand at the beginning of the new segment. */
static int copy_last_batch(struct replay *replay, struct octets *into) {
    struct segment_place from = place_in(replay, replay->last, replay->last_offset);
    struct segment_place to = {replay->journal->uuid, replay->recovery_number, SEGMENT_BLOCK};
    struct batch_header header;
    struct record record;
    struct cursor c;
    int error = reopen_segment(replay, replay->last);

    if (error < 0)
        return error;
    error = segment_read_batch(replay->io, replay->last->handle, &from,
                               replay->last_offset + replay->last_length, into, &header, NULL);
    close_segment(replay, replay->last);
    if (error < 0)
        return io_error(replay, error, "journal segment");
    c = cursor_over(slice_of(into->data, (size_t)header.length));
    cursor_bytes(&c, BATCH_HEADER);
    header.flags = 0;
    header.payload_crc = segment_seed(&to);
    while (!cursor_at_end(&c) && record_next(&c, record_seed(to.uuid), &record) == 0)
        header.payload_crc = crc32c(header.payload_crc, record.head.data, record.head.len);
    batch_header_encode(&header, &to, into->data);
    return 0;
}

/* Where the old segments end: before the last batch, or where the checkpoint's state stands. */
static void state_supersession(struct replay *replay, struct segment_header *header) {
    header->supersedes = true;
    if (replay->last != NULL) {
        header->superseded = replay->last->number;
        header->superseded_end = replay->last_offset;
    } else if (replay->has_checkpoint) {
        const struct checkpoint *checkpoint = &replay->checkpoint;

        header->superseded = last_listed(replay);
        header->superseded_end = checkpoint->segments[checkpoint->segment_count - 1].end;
    }
}

static int make_successor(struct replay *replay, const struct octets *copy, int *ret_handle,
                          uint64_t *ret_size) {
    struct journal *journal = replay->journal;
    uint64_t needed = SEGMENT_BLOCK + copy->len + SEGMENT_BLOCK;
    struct segment_content content = {octets_slice(copy), SEGMENT_BLOCK};
    struct segment_maker maker = {.handle = -1};
    int done = 0;

    memcpy(maker.header.uuid, journal->uuid, sizeof maker.header.uuid);
    maker.header.number = replay->recovery_number;
    maker.header.size =
        needed > journal->options.first_segment_size ? needed : journal->options.first_segment_size;
    maker.header.epoch = journal->epoch;
    state_supersession(replay, &maker.header);
    while (done == 0)
        done = segment_maker_step(&maker, replay->io, &content);
    if (done < 0)
        return io_error(replay, done, "new journal segment");
    *ret_handle = maker.handle;
    *ret_size = maker.header.size;
    return 0;
}

static void create_writer(struct replay *replay) {
    struct journal *journal = replay->journal;
    struct writer_options options = {
        .io = replay->io,
        .segment_size = journal->options.segment_size,
        .first_segment_size = journal->options.first_segment_size,
        .epoch = journal->epoch,
        .term = journal->term,
        .last_index = replay->previous_index,
        .last_time_ms = journal->last_time_ms,
        .next_segment = replay->recovery_number,
        .spares = journal->options.spare_segments,
        .notify = journal->options.notify,
        .notify_context = journal->options.notify_context,
    };

    memcpy(options.uuid, journal->uuid, sizeof options.uuid);
    if (replay->recovery_slot != NO_SEGMENT)
        options.next_segment++;
    journal->writer = journal_writer_create(&options);
    journal->last_index = replay->previous_index;
    journal->safe_lsn = replay->previous_index;
    journal->batches[0].lsn = replay->previous_index + 1;
}

/* The last batch left the old segment for the new one. */
static void shorten_last(struct replay *replay) {
    struct found_segment *last = replay->last;

    last->end = replay->last_offset;
    if (last->last_index-- == last->first_index)
        last->first_index = last->last_index = 0;
}

static void fill_table(struct replay *replay) {
    struct journal *journal = replay->journal;

    for (size_t i = 0; i < replay->found_count; i++) {
        const struct found_segment *segment = &replay->found[i];
        struct journal_segment *entry = &journal->segments[segment->slot];

        if (!counts(segment))
            continue;
        entry->first_index = segment->first_index;
        entry->last_index = segment->last_index;
        entry->end = segment->end;
        entry->sealed = true;
        entry->salvaged = segment->damaged;
    }
}

static int succeed(struct replay *replay) {
    struct journal *journal = replay->journal;
    struct journal_segment *current;
    struct octets copy = {0};
    uint64_t size = 0;
    int handle = -1;
    int error = replay->last != NULL ? copy_last_batch(replay, &copy) : 0;

    if (error == 0)
        error = make_successor(replay, &copy, &handle, &size);
    if (error == 0) {
        current = &journal->segments[replay->recovery_slot];
        current->size = size;
        current->end = SEGMENT_BLOCK + copy.len;
        if (replay->last != NULL) {
            current->first_index = current->last_index = replay->previous_index;
            shorten_last(replay);
        }
        fill_table(replay);
        journal->current_segment = replay->recovery_slot;
        create_writer(replay);
        journal_writer_adopt(journal->writer, handle, replay->recovery_number, size, current->end);
    }
    octets_clear(&copy);
    return error;
}

/* ---- afterwards ---- */

static int remove_file(struct replay *replay, const char *name) {
    int error = replay->io->ops->unlink(replay->io, name);

    return error < 0 ? io_error(replay, error, name) : 0;
}

/* What the older checkpoint lists stays until another checkpoint was made. */
static int remove_segment(struct replay *replay, const struct found_segment *segment) {
    char name[SEGMENT_NAME_SIZE];

    if (counts(segment))
        return 0;
    if (!segment->is_void && replay->has_older &&
        checkpoint_find_segment(&replay->older, segment->number) != NULL) {
        uint32_t slot = journal_add_segment(replay->journal, segment->number, segment->size);

        replay->journal->segments[slot].sealed = true;
        replay->journal->segments[slot].unlisted = 1;
        return 0;
    }
    segment_name(name, segment->number);
    return remove_file(replay, name);
}

static bool keeps_checkpoint(const struct replay *replay, uint64_t index) {
    return (replay->has_checkpoint && index == replay->checkpoint.index) ||
           (replay->has_older && index == replay->older.index);
}

static int remove_garbage(struct replay *replay) {
    struct journal *journal = replay->journal;
    int error = 0;

    for (size_t i = 0; i < replay->found_count && error == 0; i++)
        error = remove_segment(replay, &replay->found[i]);
    for (size_t i = 0; i < replay->checkpoint_count && error == 0; i++) {
        char name[CHECKPOINT_NAME_SIZE];

        checkpoint_name(name, replay->checkpoints[i]);
        if (!keeps_checkpoint(replay, replay->checkpoints[i]))
            error = remove_file(replay, name);
    }
    journal->has_checkpoint = replay->has_checkpoint;
    journal->checkpoint_index = replay->checkpoint.index;
    journal->has_older_checkpoint = replay->has_older;
    journal->older_checkpoint_index = replay->older.index;
    return error;
}

static int recover(struct replay *replay) {
    int error = survey(replay);

    if (error < 0)
        return error;
    replay->recovery_number = replay->highest_number + 1;
    if (replay->recovery_number < replay->checkpoint.next_segment)
        replay->recovery_number = replay->checkpoint.next_segment;
    if (replay->found_count == 0 && replay->checkpoint_count == 0) {
        create_writer(replay);
        return 0;
    }
    error = scan(replay);
    if (error == 0)
        error = emit(replay);
    if (error == 0)
        error = succeed(replay);
    if (error == 0)
        error = remove_garbage(replay);
    return error;
}

static void replay_clear(struct replay *replay) {
    for (size_t i = 0; i < replay->found_count; i++)
        close_segment(replay, &replay->found[i]);
    free(replay->found);
    free(replay->checkpoints);
    free(replay->temporaries);
    checkpoint_clear(&replay->checkpoint);
    checkpoint_clear(&replay->older);
    octets_clear(&replay->buffer);
    live_set_clear(&replay->unclaimed);
}

int journal_replay(struct journal *journal, const struct replay_sink *sink, bool salvage,
                   struct journal_report *report, struct journal_error *error) {
    struct replay replay = {.journal = journal,
                            .io = journal->options.io,
                            .sink = sink,
                            .salvage = salvage,
                            .report = report,
                            .error = error,
                            .recovery_slot = NO_SEGMENT};
    int code = recover(&replay);

    if (code == 0 && report->damages > 0)
        code = journal_quarantine(journal, report, error);
    replay_clear(&replay);
    return code;
}
