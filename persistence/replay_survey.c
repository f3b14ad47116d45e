/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first part of recovery: what is in the directory, whose it is, which checkpoint to begin with,
 * and what the statements of later segments say about earlier ones. Nothing is changed before all of
 * it is known to be readable.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "persistence/replay_private.h"

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
        return replay_io_error(replay, error, "journal directory");
    if (replay->found_count > 1)
        qsort(replay->found, replay->found_count, sizeof *replay->found, compare_found);
    if (replay->checkpoint_count > 1)
        qsort(replay->checkpoints, replay->checkpoint_count, sizeof *replay->checkpoints,
              compare_descending);
    return 0;
}

void replay_close_segment(struct replay *replay, struct found_segment *segment) {
    if (segment->handle >= 0)
        replay->io->ops->close(replay->io, segment->handle);
    segment->handle = -1;
}

/* Segments are open only while they are walked through: there may be too many of them. */
int replay_open_segment(struct replay *replay, struct found_segment *segment) {
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, segment->number);
    segment->handle = replay->io->ops->open_read(replay->io, name);
    return segment->handle < 0 ? replay_io_error(replay, segment->handle, name) : 0;
}

static int survey_segment(struct replay *replay, struct found_segment *segment) {
    uint8_t block[SEGMENT_BLOCK];
    char name[SEGMENT_NAME_SIZE];
    int64_t size;
    ssize_t got;
    int error = replay_open_segment(replay, segment);

    if (error < 0)
        return error;
    segment_name(name, segment->number);
    size = replay->io->ops->size(replay->io, segment->handle);
    if (size < 0)
        return replay_io_error(replay, (int)size, name);
    segment->size = segment->limit = (uint64_t)size / SEGMENT_BLOCK * SEGMENT_BLOCK;
    got = io_read_all(replay->io, segment->handle, block, sizeof block, 0);
    if (got < 0)
        return replay_io_error(replay, (int)got, name);
    error = got < SEGMENT_BLOCK ? -EBADMSG : segment_header_decode(block, &segment->header);
    if (error == -EPROTONOSUPPORT)
        return replay_refuse(replay, error, "%s was written by a newer version of the broker",
                             name);
    segment->header_valid = error == 0 && segment->header.number == segment->number;
    replay_close_segment(replay, segment);
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
            return replay_refuse(replay, error, "%s was written by a newer version of the broker",
                                 name);
        if (error < 0 && error != -EBADMSG)
            return replay_io_error(replay, error, name);
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
    return replay_damage(replay, NULL, "checkpoints", 0, "none of them is valid");
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

uint64_t replay_last_listed(const struct replay *replay) {
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
        segment->is_garbage =
            segment->listed == NULL && segment->number < replay_last_listed(replay);
    }
}

bool replay_counts(const struct found_segment *segment) {
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
            error = replay_damage(replay, NULL, name, 0, "the file is missing");
    }
    for (size_t i = 0; i < replay->found_count && error == 0; i++) {
        struct found_segment *segment = &replay->found[i];

        if (replay_counts(segment) && !is_ours(replay, segment))
            error = replay_damage_in(replay, segment, 0,
                                     segment->header_valid ? "segment of another journal"
                                                           : "invalid segment header");
        if (replay_counts(segment))
            replay->total_bytes += segment->size;
    }
    return error;
}

static int sweep_temporaries(struct replay *replay) {
    int error = 0;

    for (size_t i = 0; i < replay->temporary_count && error == 0; i++)
        error = replay->io->ops->unlink(replay->io, replay->temporaries[i]);
    return error < 0 ? replay_io_error(replay, error, "temporary file") : 0;
}

int replay_survey(struct replay *replay) {
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
