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

#include "persistence/replay_private.h"

int replay_refuse(struct replay *replay, int code, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(replay->error->text, sizeof replay->error->text, format, arguments);
    va_end(arguments);
    replay->error->code = code;
    return code;
}

/* Something that was durable is not there any more: 0 in salvage, which goes on behind it. */
int replay_damage(struct replay *replay, struct found_segment *segment, const char *file,
                  uint64_t offset, const char *what) {
    char text[sizeof replay->report->first_damage];

    if (segment != NULL)
        segment->damaged = true;
    snprintf(text, sizeof text, "%s: offset %" PRIu64 ": %s", file, offset, what);
    if (!replay->salvage)
        return replay_refuse(
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

int replay_damage_in(struct replay *replay, struct found_segment *segment, uint64_t offset,
                     const char *what) {
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, segment->number);
    return replay_damage(replay, segment, name, offset, what);
}

int replay_io_error(struct replay *replay, int code, const char *what) {
    return replay_refuse(replay, code, "%s: %s", what, strerror(-code));
}

/* ---- afterwards ---- */

static int remove_file(struct replay *replay, const char *name) {
    int error = replay->io->ops->unlink(replay->io, name);

    return error < 0 ? replay_io_error(replay, error, name) : 0;
}

/* What the older checkpoint lists stays until another checkpoint was made. */
static void remove_segment(struct replay *replay, const struct found_segment *segment) {
    if (replay_counts(segment))
        return;
    if (!segment->is_void && replay->has_older &&
        checkpoint_find_segment(&replay->older, segment->number) != NULL) {
        uint32_t slot = journal_add_segment(replay->journal, segment->number, segment->size);

        replay->journal->segments[slot].sealed = true;
        replay->journal->segments[slot].unlisted = 1;
        return;
    }
    journal_writer_add_dead(replay->journal->writer, segment->number, segment->size);
}

static bool keeps_checkpoint(const struct replay *replay, uint64_t index) {
    return (replay->has_checkpoint && index == replay->checkpoint.index) ||
           (replay->has_older && index == replay->older.index);
}

static int remove_garbage(struct replay *replay) {
    struct journal *journal = replay->journal;
    int error = 0;

    for (size_t i = 0; i < replay->found_count; i++)
        remove_segment(replay, &replay->found[i]);
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
    int error = replay_survey(replay);

    if (error < 0)
        return error;
    replay->recovery_number = replay->highest_number + 1;
    if (replay->recovery_number < replay->checkpoint.next_segment)
        replay->recovery_number = replay->checkpoint.next_segment;
    if (replay->found_count == 0 && replay->checkpoint_count == 0) {
        replay_create_writer(replay);
        return 0;
    }
    error = replay_scan(replay);
    if (error == 0)
        error = replay_emit(replay);
    if (error == 0)
        error = replay_succeed(replay);
    if (error == 0)
        error = remove_garbage(replay);
    return error;
}

static void replay_clear(struct replay *replay) {
    for (size_t i = 0; i < replay->found_count; i++)
        replay_close_segment(replay, &replay->found[i]);
    free(replay->found);
    free(replay->checkpoints);
    free(replay->temporaries);
    checkpoint_clear(&replay->checkpoint);
    checkpoint_clear(&replay->older);
    octets_clear(&replay->buffer);
    live_set_clear(&replay->unclaimed);
    segment_index_clear(&replay->index);
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
