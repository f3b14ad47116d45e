/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine: what is damaged is put aside for people, under names that recovery passes over. A
 * single message is copied, and its queue lets go of it.
 *
 * A segment is the end of salvage: nothing may refer to a damaged segment any more before it is put aside, or
 * the next start would miss it. So its live messages are copied, as compaction copies, a checkpoint
 * is made that does not list it, and only then it is renamed. A crash before that finds the damage
 * again, and salvage starts over.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "persistence/journal_private.h"
#include "persistence/journal_reader.h"

static int write_out(struct journal *journal) {
    do {
        journal_submit(journal, journal->last_time_ms);
        journal_writer_run(journal->writer);
        journal_collect(journal);
        if (journal->state == JOURNAL_FAILED)
            return journal->failure;
    } while (journal->job != NULL);
    return journal_writer_is_idle(journal->writer) ? 0 : -ENOSPC;
}

/* What cannot be copied was read a moment ago: the disk is at fault, not the file. */
static int move_messages(struct journal *journal, uint32_t slot) {
    int error = 0;

    while (error == 0 && journal->segments[slot].live_count > 0) {
        if (journal->segments[slot].damaged_bytes > 0)
            return -EIO;
        journal_make_victim(journal, slot);
        error = write_out(journal);
    }
    return error;
}

static int put_aside(struct journal *journal, uint32_t slot) {
    char from[SEGMENT_NAME_SIZE], to[sizeof "quarantine-" + SEGMENT_NAME_SIZE];

    segment_name(from, journal->segments[slot].number);
    snprintf(to, sizeof to, "quarantine-%s", from);
    return journal->options.io->ops->rename(journal->options.io, from, to);
}

static bool is_damaged(const struct journal *journal, uint32_t slot) {
    return journal->segments[slot].used && journal->segments[slot].salvaged;
}

static int quarantine_all(struct journal *journal, struct journal_report *report) {
    uint32_t slots = journal->segment_slots;
    int error = 0;

    for (uint32_t slot = 0; slot < slots && error == 0; slot++)
        if (is_damaged(journal, slot))
            error = move_messages(journal, slot);
    journal_request_checkpoint(journal);
    if (error == 0)
        error = write_out(journal);
    for (uint32_t slot = 0; slot < slots && error == 0; slot++) {
        if (!is_damaged(journal, slot))
            continue;
        error = put_aside(journal, slot);
        journal_remove_segment(journal, slot);
        report->damaged_segments++;
    }
    return error == 0 ? journal->options.io->ops->sync_directory(journal->options.io) : error;
}

/* The record as it stands there; what cannot be read is not there. */
static void keep_octets(struct journal *journal, const struct journal_place *place) {
    struct io *io = journal->options.io;
    size_t padded = record_padded_length(place->length - RECORD_HEAD);
    struct octets octets = {0};
    char name[64];
    ssize_t got;
    int handle;

    segment_name(name, place->segment);
    handle = io->ops->open_read(io, name);
    if (handle < 0)
        return;
    got = io_read_all(io, handle, octets_extend(&octets, padded), padded, place->offset);
    io->ops->close(io, handle);
    snprintf(name, sizeof name, "quarantine-%016" PRIx64 "-%" PRIx64 ".lvr", place->segment,
             place->offset);
    handle = got <= 0 ? -1 : io->ops->open_new(io, name);
    if (handle >= 0) {
        io_write_octets(io, handle, octets.data, (size_t)got, 0); /* the best that can be done */
        io->ops->close(io, handle);
    }
    octets_clear(&octets);
}

void journal_quarantine_message(struct journal *journal, struct stored_message *message) {
    struct journal_place place;

    if (message->damaged || journal_locate(journal, message, &place) < 0)
        return;
    message->damaged = 1;
    journal->segments[message->segment].damaged_bytes += message->length;
    journal->damaged_messages++;
    journal->damaged_segment = place.segment;
    journal->damaged_offset = place.offset;
    keep_octets(journal, &place);
}

int journal_quarantine(struct journal *journal, struct journal_report *report,
                       struct journal_error *error) {
    int code = quarantine_all(journal, report);

    if (code < 0)
        snprintf(error->text, sizeof error->text, "salvage could not finish: %s", strerror(-code));
    return code;
}
