/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second part of recovery: the checkpoint's state, and the batches behind it applied to the live
 * set and the definitions, up to the end of what was written.
 */
#include <errno.h>
#include <inttypes.h>

#include "persistence/replay_private.h"

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
    case RECORD_QUEUE_DELETE:
        return apply_queue_delete(replay, record);
    default:
        return 0; /* an index says nothing new */
    }
}

static int refuse_unknown(struct replay *replay, const struct found_segment *segment,
                          uint64_t offset, const struct record *record) {
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, segment->number);
    return replay_refuse(replay, -EPROTONOSUPPORT,
                         "%s: offset %" PRIu64 ": a record of type %u, version %u was written by a "
                         "newer version of the broker",
                         name, offset, record->type, record->version);
}

static int apply_record(struct replay *replay, struct found_segment *segment, uint64_t batch_offset,
                        uint64_t offset, const struct record *record) {
    (void)batch_offset;
    if (!record_is_known(record))
        return (record->flags & RECORD_SKIPPABLE) != 0
                   ? 0
                   : refuse_unknown(replay, segment, offset, record);
    if (apply_known(replay, record) == 0)
        return 0;
    return replay_damage_in(replay, segment, offset, "malformed record");
}

/* True when the checkpoint covers all of the segment. */
bool replay_is_covered(const struct replay *replay, const struct found_segment *segment) {
    return segment->listed != NULL && segment->number < replay_last_listed(replay);
}

static uint64_t scan_start(const struct found_segment *segment) {
    return segment->listed != NULL ? segment->listed->end : SEGMENT_BLOCK;
}

/*
 * The journal seemed to end in segment `ended`. A batch here proves that the one that should stand
 * before it was synced: 1 then, in salvage; 0 when there is none.
 */
static int look_behind_end(struct replay *replay, struct found_segment *segment, uint64_t start,
                           struct found_segment *ended) {
    uint64_t elsewhere;
    int found =
        segment_find_batch(replay->io, segment->handle, replay_place(replay, segment, start),
                           segment->limit, replay->previous_index + 1, &elsewhere);
    int error;

    if (found < 0)
        return replay_io_error(replay, found, "journal segment");
    if (found == 0)
        return 0;
    error = replay_damage_in(replay, ended, ended->end,
                             "invalid batch, but a later segment goes on behind it");
    if (error == 0)
        error = salvage_take_remains(replay, ended, apply_record);
    return error < 0 ? error : 1;
}

static int scan_segment(struct replay *replay, struct found_segment *segment,
                        struct found_segment **ended) {
    bool is_cut = segment->limit < segment->size;
    uint64_t start = scan_start(segment);
    int error;

    segment->end = start;
    segment->previous_index = replay->previous_index;
    segment->any_gap = replay->any_gap;
    if (segment->listed != NULL) {
        segment->last_index = segment->listed->last_index;
        segment->seal_offset = segment->listed->seal_offset;
    }
    if (*ended != NULL) {
        int found = look_behind_end(replay, segment, start, *ended);

        if (found <= 0)
            return found;
        replay->any_gap = segment->any_gap = true;
        *ended = NULL;
    }
    error = replay_walk(replay, segment, start, segment->limit, is_cut, apply_record);
    if (error < 0)
        return error;
    /*
     * An empty one ends nothing: a spare, or one that came to be although its directory could not
     * be synced.
     */
    if (!segment->sealed && !is_cut && (segment->end > SEGMENT_BLOCK || segment->ends_torn))
        *ended = segment;
    if (*ended != NULL && segment->ends_torn) {
        replay->report->torn_tail = true;
        replay->report->torn_segment = segment->number;
        replay->report->torn_offset = segment->end;
    }
    return 0;
}

/* The checkpoint's state may have effects of these batches, and its statement that they are there. */
static int check_end(struct replay *replay) {
    char name[CHECKPOINT_NAME_SIZE];

    if (!replay->has_checkpoint || replay->previous_index >= replay->checkpoint.end_index)
        return 0;
    checkpoint_name(name, replay->checkpoint.index);
    return replay_damage(replay, NULL, name, 0, "batches that it stands on are missing");
}

int replay_scan(struct replay *replay) {
    struct found_segment *ended = NULL;
    int error = 0;

    replay->previous_index = replay->has_checkpoint ? replay->checkpoint.index : 0;
    replay->any_gap = replay->salvage && replay->report->damages > 0 && !replay->has_checkpoint;
    if (replay->has_checkpoint) {
        replay->journal->last_time_ms = replay->checkpoint.time_ms;
        if (checkpoint_restore(&replay->checkpoint, &replay->journal->live,
                               &replay->journal->definitions) < 0)
            return replay_refuse(replay, -EBADMSG, "checkpoint %" PRIu64 " is malformed",
                                 replay->checkpoint.index);
    }
    for (size_t i = 0; i < replay->found_count && error == 0; i++) {
        struct found_segment *segment = &replay->found[i];

        if (!replay_counts(segment) || replay_is_covered(replay, segment))
            continue;
        error = replay_open_segment(replay, segment);
        if (error == 0)
            error = scan_segment(replay, segment, &ended);
        replay_close_segment(replay, segment);
    }
    if (error == 0)
        error = check_end(replay);
    replay->report->torn_tail = replay->report->torn_tail && ended != NULL;
    replay->report->last_index = replay->previous_index;
    replay->report->clean = replay->last != NULL && (replay->last_flags & BATCH_CLEAN) != 0 &&
                            !replay->report->torn_tail && replay->report->damages == 0;
    return error;
}
