/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The third part of recovery: hands out what is alive.
 */
#include "persistence/replay_private.h"

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
    uint64_t end = replay_is_covered(replay, segment) ? segment->listed->end : segment->end;
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
    error = replay_walk(replay, segment, SEGMENT_BLOCK, end, true, emit_record);
    if (error < 0)
        return error;
    if (replay_is_covered(replay, segment))
        last_index = segment->listed->last_index;
    if (segment->end != end || (segment->last_index != last_index && segment->first_index != 0))
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
