/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The third part of recovery: hands out what is alive.
 */
#include <errno.h>

#include "amqp/cursor.h"
#include "persistence/replay_private.h"

/* Of the last batch, which moves to the new segment, and with it the places of its messages. */
static bool moves(const struct replay *replay, const struct found_segment *segment,
                  uint64_t offset) {
    return segment == replay->last && offset >= replay->last_offset &&
           offset - replay->last_offset < replay->last_length;
}

static void emit_message(struct replay *replay, const struct found_segment *segment,
                         const struct segment_index_entry *entry) {
    struct journal *journal = replay->journal;
    struct stored_message *message = message_pool_take(&journal->pool);
    bool moved = moves(replay, segment, entry->offset);

    message->targets = entry->target_count & STORED_TARGETS_AT_MOST;
    journal_place_message(
        journal, message, moved ? replay->recovery_slot : segment->slot,
        moved ? entry->offset - replay->last_offset + SEGMENT_BLOCK : entry->offset, entry->length);
    replay->report->messages++;
    if (replay->sink->on_message != NULL)
        replay->sink->on_message(replay->sink->context, message, &entry->summary, entry->targets,
                                 entry->target_count);
}

/*
 * Hands out the targets that are alive; who comes first has them: original and copy are the same
 * message. `targets` are the entry's, to be written over.
 */
static void claim(struct replay *replay, const struct found_segment *segment,
                  struct segment_index_entry *entry, struct journal_target *targets) {
    uint32_t count = 0;

    for (uint32_t i = 0; i < entry->target_count; i++)
        if (live_set_remove(&replay->unclaimed, targets[i].queue_id, targets[i].sequence))
            targets[count++] = targets[i];
    entry->target_count = count;
    entry->targets = targets;
    if (count > 0)
        emit_message(replay, segment, entry);
}

static int emit_record(struct replay *replay, struct found_segment *segment, uint64_t batch_offset,
                       uint64_t offset, const struct record *record) {
    struct segment_index_entry entry = {.offset = offset,
                                        .length = (uint32_t)(RECORD_HEAD + record->body.len)};
    struct message_record message;
    struct journal_target *targets;

    (void)batch_offset;
    if (record->type != RECORD_MESSAGE || !record_is_known(record) ||
        record_read_message(record->body, &message) < 0)
        return 0;
    targets = journal_allocate(message.target_count, sizeof *targets);
    for (uint32_t i = 0; i < message.target_count; i++)
        message_record_target(&message, i, &targets[i].queue_id, &targets[i].sequence);
    entry.target_count = message.target_count;
    journal_summarize(message.address, message.body.len, &entry.summary);
    claim(replay, segment, &entry, targets);
    free(targets);
    return 0;
}

static void copy_live_set(struct live_set *into, struct live_set *from) {
    const struct live_page *page;

    live_set_begin_walk(from);
    while ((page = live_set_next_page(from)) != NULL)
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
    live_set_begin_walk(&replay->journal->live);
    while ((queue = live_set_next_queue(&replay->journal->live)) != NULL)
        replay->sink->on_queue(replay->sink->context, queue->id, queue->highest_sequence);
}

/* The body of the INDEX record of a sealing batch that was read; false when there is none. */
static bool find_index(const struct replay *replay, const struct batch_header *header,
                       struct slice *ret_body) {
    struct cursor all = cursor_over(octets_slice(&replay->buffer));
    struct record record;
    struct cursor c;

    cursor_bytes(&all, BATCH_HEADER);
    c = cursor_sub(&all, (size_t)header->length - BATCH_HEADER);
    while (!cursor_at_end(&c)) {
        record_next_again(&c, &record); /* segment_read_batch() has been through all of them */
        if (record.type == RECORD_INDEX && record_is_known(&record)) {
            *ret_body = record.body;
            return true;
        }
    }
    return false;
}

/* An index that is too good to be true is none: what it says is inside the segment. */
static bool is_plausible(const struct segment_index_entry *entry, uint64_t end) {
    return entry->offset >= SEGMENT_BLOCK + BATCH_HEADER && entry->offset < end &&
           entry->length <= end - entry->offset;
}

static int emit_entries(struct replay *replay, const struct found_segment *segment,
                        struct slice body) {
    struct segment_index_reader reader;
    struct segment_index_entry entry;
    int more;

    segment_index_reader_init(&reader, body);
    while ((more = segment_index_next(&reader, &entry)) == 1) {
        if (!is_plausible(&entry, segment->seal_offset)) {
            more = -EBADMSG;
            break;
        }
        claim(replay, segment, &entry, reader.targets);
    }
    segment_index_reader_clear(&reader);
    return more;
}

/* By the index of the segment; -EBADMSG when it must be walked through instead. */
static int emit_by_index(struct replay *replay, struct found_segment *segment) {
    struct segment_place place = replay_place(replay, segment, segment->seal_offset);
    struct batch_header header;
    struct slice body;
    int error = segment_read_batch(replay->io, segment->handle, &place, segment->limit,
                                   &replay->buffer, &header, NULL);

    if (error == 0 && (header.index != segment->last_index || !find_index(replay, &header, &body)))
        error = -EBADMSG;
    if (error == 0)
        error = emit_entries(replay, segment, body);
    if (error < 0) {
        replay->report->damaged_indexes++;
        return error;
    }
    segment->sealed = true;
    segment->end = segment->seal_offset + segment_round_up(header.length);
    replay->done_bytes += segment->size;
    replay->report->bytes_read += header.length;
    return 0;
}

/* What the checkpoint says of a segment, or of the part that the scan did not come by. */
static void take_over_listed(struct replay *replay, struct found_segment *segment) {
    if (segment->listed != NULL && segment->listed->first_index > 0)
        segment->first_index = segment->listed->first_index;
    if (!replay_is_covered(replay, segment))
        return;
    segment->last_index = segment->listed->last_index;
    segment->seal_offset = segment->listed->seal_offset;
}

/*
 * From its first batch on, to where the checkpoint or the scan says that it ends. Salvage and
 * verification want to see everything.
 */
static int emit_segment(struct replay *replay, struct found_segment *segment) {
    uint64_t end = replay_is_covered(replay, segment) ? segment->listed->end : segment->end;
    uint64_t last_index, seal_offset;
    int error;

    take_over_listed(replay, segment);
    last_index = segment->last_index;
    seal_offset = segment->seal_offset;
    if (seal_offset > 0 && !replay->salvage && !replay->journal->options.verify &&
        emit_by_index(replay, segment) == 0)
        return 0;
    if (segment->listed != NULL && segment->listed->first_index > 0)
        replay->previous_index = segment->listed->first_index - 1;
    else if (segment->listed != NULL)
        replay->previous_index = replay->checkpoint.index;
    else
        replay->previous_index = segment->previous_index;
    replay->any_gap = segment->any_gap;
    segment->first_index = 0;
    error = replay_walk(replay, segment, SEGMENT_BLOCK, end, true, emit_record);
    if (error < 0)
        return error;
    if (segment->end != end || segment->last_index != last_index)
        return replay_damage_in(replay, segment, segment->end, "the segment ends too early");
    return 0;
}

static void add_to_table(struct replay *replay) {
    for (size_t i = 0; i < replay->found_count; i++) {
        struct found_segment *segment = &replay->found[i];

        if (!replay_counts(segment))
            continue;
        segment->slot = journal_add_segment(replay->journal, segment->number, segment->size);
    }
    replay->recovery_slot = journal_add_segment(replay->journal, replay->recovery_number, 0);
}

int replay_emit(struct replay *replay) {
    uint64_t last_index = replay->previous_index;
    int error = 0;

    replay->emitting = true;
    add_to_table(replay);
    copy_live_set(&replay->unclaimed, &replay->journal->live);
    emit_state(replay);
    for (size_t i = 0; i < replay->found_count && error == 0; i++) {
        struct found_segment *segment = &replay->found[i];

        if (!replay_counts(segment))
            continue;
        error = replay_open_segment(replay, segment);
        if (error == 0)
            error = emit_segment(replay, segment);
        replay_close_segment(replay, segment);
    }
    if (error == 0)
        error = salvage_account(replay);
    replay->previous_index = last_index;
    return error;
}
