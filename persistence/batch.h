/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is appended between two hand-overs. The loop thread fills the open batch while the writer
 * thread owns the one under way; there are two of them, taking turns.
 *
 * Message octets stay with their owner and are borrowed until the batch is written; lists of
 * targets and body parts are copied into the batch's arena.
 */
#ifndef LEVERET_PERSISTENCE_BATCH_H
#define LEVERET_PERSISTENCE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persistence/journal.h"
#include "persistence/octets.h"
#include "persistence/record.h"

struct pending_message {
    struct journal_content content;
    struct journal_target *targets;
    uint32_t target_count;
    struct stored_message *message; /* NULL: settled before the hand-over, nothing is written */
    void (*release)(void *owner);
    void *owner;
    uint64_t ret_offset; /* of the record in the segment, by the writer */
    uint32_t ret_length;
};

/* The copy of a message that compaction moves; the writer reads it from its old place. */
struct pending_relocation {
    struct stored_message *message;
    uint64_t segment; /* number */
    uint64_t offset;
    uint32_t length;
    uint64_t ret_offset;
    bool ret_failed; /* could not be read whole: stays where it is */
};

/* What the writer says about a batch that it finished. */
struct batch_result {
    int error; /* negative errno: nothing of the batch counts */
    uint64_t index;
    uint64_t segment;
    uint64_t segment_size;
    uint64_t offset;
    uint64_t end;
    bool sealed; /* the segment before was sealed for it, by a batch as below */
    uint64_t sealed_index;
    uint64_t sealed_offset;
    uint64_t sealed_end;
};

struct arena {
    struct arena_chunk *chunks;
};

struct batch {
    uint32_t id; /* 0 or 1 */
    uint64_t lsn;
    int64_t wall_ms;
    uint32_t flags;            /* BATCH_CLEAN */
    bool touched;              /* somebody was told its LSN */
    bool is_forced;            /* written though empty: a checkpoint needs a batch to stand on */
    bool seal_first;           /* begins a new segment */
    struct octets definitions; /* records without batch number and checksum */
    struct octets queue_deletes;
    struct settled *settled;
    size_t settled_count, settled_capacity;
    struct pending_message *messages;
    size_t message_count, message_capacity;
    size_t live_message_count;
    uint64_t content_bytes; /* of messages appended */
    struct pending_relocation *relocations;
    size_t relocation_count, relocation_capacity;
    struct arena arena;
    struct batch_result result;
};

bool batch_is_empty(const struct batch *batch);
/* Empties it, keeping a moderate amount of memory. */
void batch_reset(struct batch *batch);
void batch_clear(struct batch *batch);

void batch_add_meta(struct batch *batch, uint8_t type, uint8_t kind, struct slice key,
                    struct slice payload);
void batch_add_queue_delete(struct batch *batch, uint64_t queue_id);
void batch_add_settled(struct batch *batch, struct journal_target target);
/* The message at the end of `messages`; its number is its `place`. */
struct pending_message *batch_add_message(struct batch *batch,
                                          const struct journal_content *content,
                                          const struct journal_target *targets,
                                          size_t target_count);
struct pending_relocation *batch_add_relocation(struct batch *batch);

/* Takes the target off the message; nothing happens when it is not there. */
void pending_message_remove_target(struct pending_message *message, struct journal_target target);

#endif
