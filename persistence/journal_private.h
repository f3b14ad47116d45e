/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a journal, shared by journal.c, replay.c and compact.c. All of it belongs to the
 * loop thread.
 */
#ifndef LEVERET_PERSISTENCE_JOURNAL_PRIVATE_H
#define LEVERET_PERSISTENCE_JOURNAL_PRIVATE_H

#include "persistence/batch.h"
#include "persistence/checkpoint.h"
#include "persistence/definitions.h"
#include "persistence/journal.h"
#include "persistence/journal_writer.h"
#include "persistence/live_set.h"
#include "persistence/segment.h"
#include "persistence/stored_message.h"

/* A segment file as the loop knows it: at a slot of journal->segments for as long as it exists. */
struct journal_segment {
    bool used;
    uint64_t number;
    uint64_t size;
    uint64_t first_index; /* 0 while it has no batch */
    uint64_t last_index;
    uint64_t end;
    uint64_t live_bytes;
    uint32_t live_count;
    uint64_t damaged_bytes; /* of them, of messages that could not be copied */
    uint64_t seal_offset;   /* of the batch with the index, 0 without one */
    bool sealed;
    bool victim;       /* of compaction: what lives in it is being moved away */
    bool salvaged;     /* damaged, and to be put into quarantine once nothing in it lives */
    bool in_snapshot;  /* to be listed by the checkpoint being made */
    bool left_out;     /* not listed by it */
    bool unlinking;    /* goes when it is durable */
    unsigned unlisted; /* how many of the last checkpoints left it out */
};

struct journal {
    struct journal_options options;
    uint8_t uuid[16];
    uint64_t epoch;
    uint64_t term;
    enum journal_state state;
    int failure;
    struct journal_writer *writer;
    struct batch batches[2];
    struct batch *open;
    uint64_t safe_lsn;
    unsigned atomic_depth;
    struct live_set live;
    struct definitions definitions;
    struct message_pool pool;
    struct journal_segment *segments;
    uint32_t segment_slots;
    struct journal_reader *reader;
    uint32_t current_segment; /* slot, NO_SEGMENT before the first */
    uint64_t last_index;
    int64_t last_time_ms;
    /* Checkpoints. */
    bool checkpoint_wanted;
    unsigned checkpoint_pause; /* submits until the next attempt, after one failed */
    bool capturing;            /* between the batches S and E of checkpoint.h */
    bool captured;             /* E was handed over */
    struct checkpoint_state capture;
    struct checkpoint_job *described; /* since S is durable */
    struct checkpoint_job *job;       /* of the writer */
    bool has_checkpoint, has_older_checkpoint;
    uint64_t checkpoint_index, older_checkpoint_index;
    uint64_t bytes_since_checkpoint;
    /* Compaction. */
    unsigned victim_count;
    uint32_t scanned_chunk;  /* of the pool, in the search for the victims' messages */
    uint32_t scanned_handle; /* in that chunk */
    uint32_t chunks_left;    /* to look at in this round */
    uint64_t credit;         /* octets that may be copied while others publish */
    int64_t credit_ms;       /* when some was given last */
    uint64_t damaged_messages;
    uint64_t damaged_segment, damaged_offset; /* of the last one */
    uint64_t relocated_bytes, checkpoint_count, unlinked_count;
};

#define NO_SEGMENT UINT32_MAX

enum {
    DEFAULT_SEGMENT_SIZE = 64 * 1024 * 1024,
    DEFAULT_FIRST_SEGMENT_SIZE = 1024 * 1024,
    DEFAULT_CHECKPOINT_BYTES = 256 * 1024 * 1024,
    DEFAULT_DEAD_KEPT_MS = 20 * 1000,
};

/* A new entry of the segment table. */
uint32_t journal_add_segment(struct journal *journal, uint64_t number, uint64_t size);
/* Frees the slot; nothing in it is alive. */
void journal_remove_segment(struct journal *journal, uint32_t slot);

/* The message lives at this place from now on. */
void journal_place_message(struct journal *journal, struct stored_message *message, uint32_t slot,
                           uint64_t offset, uint32_t length);
/* The message is nowhere from now on. */
void journal_unplace_message(struct journal *journal, struct stored_message *message);

/* checkpoints of a running journal, in journal_checkpoint.c */
/* Before a hand-over, when one is due. */
void journal_capture_slice(struct journal *journal);
/* A batch is durable. */
void journal_go_on_with_checkpoint(struct journal *journal);
void checkpoint_job_destroy(struct checkpoint_job *job);
void journal_collect_checkpoint(struct journal *journal);
bool journal_checkpoint_is_due(const struct journal *journal);

/* compact.c */
/* Fills the open batch with copies; `wall_ms` as of journal_submit(). */
void journal_compact(struct journal *journal, int64_t wall_ms);
/* What lives in this segment is to be moved away. */
void journal_make_victim(struct journal *journal, uint32_t slot);
void journal_collect_relocations(struct journal *journal, const struct batch *batch);
/* Frees handles whose message died while its copy was in the open batch. */
void journal_drop_dead_relocations(struct journal *journal);

/* replay.c: fills journal and report from the directory; the writer is created there. */
int journal_replay(struct journal *journal, const struct replay_sink *sink, bool salvage,
                   struct journal_report *report, struct journal_error *error);

/*
 * Salvage, after replay: moves what lives in damaged segments, writes a checkpoint without them and
 * renames them to quarantine files. quarantine.c
 */
int journal_quarantine(struct journal *journal, struct journal_report *report,
                       struct journal_error *error);

#endif
