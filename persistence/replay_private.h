/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery while it runs, shared by replay.c and its parts: replay_survey.c, replay_scan.c,
 * replay_emit.c, replay_successor.c, with replay_walk.c and salvage.c below them.
 */
#ifndef LEVERET_PERSISTENCE_REPLAY_PRIVATE_H
#define LEVERET_PERSISTENCE_REPLAY_PRIVATE_H

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
    uint64_t seal_offset;    /* of the batch that sealed it, 0 without one */
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
    struct segment_index index; /* of the new segment */
    /* The new segment. */
    uint64_t recovery_number;
    uint32_t recovery_slot;
    struct live_set unclaimed;
    uint64_t done_bytes, total_bytes;
};

/* Called with the record's place and that of its batch. */
typedef int (*record_visitor)(struct replay *replay, struct found_segment *segment,
                              uint64_t batch_offset, uint64_t offset, const struct record *record);

/* Why the journal cannot be opened; returns `code`. */
__attribute__((format(printf, 3, 4))) int replay_refuse(struct replay *replay, int code,
                                                        const char *format, ...);
/*
 * Something that was durable is not there any more: refused, or 0 in salvage, which goes on behind
 * it. `segment` may be NULL.
 */
int replay_damage(struct replay *replay, struct found_segment *segment, const char *file,
                  uint64_t offset, const char *what);
int replay_damage_in(struct replay *replay, struct found_segment *segment, uint64_t offset,
                     const char *what);
int replay_io_error(struct replay *replay, int code, const char *what);

/* Segments are open only while they are walked through: there may be too many of them. */
int replay_open_segment(struct replay *replay, struct found_segment *segment);
void replay_close_segment(struct replay *replay, struct found_segment *segment);

/* The greatest number the checkpoint lists, 0 for none. */
uint64_t replay_last_listed(const struct replay *replay);
/* False for what is void or garbage. */
bool replay_counts(const struct found_segment *segment);
/* True when the checkpoint covers all of the segment. */
bool replay_is_covered(const struct replay *replay, const struct found_segment *segment);
struct segment_place replay_place(const struct replay *replay, const struct found_segment *segment,
                                  uint64_t offset);

/*
 * Visits the records of all batches from `offset` to `limit`, or to a SEAL, or to the end of what
 * was written, which is not allowed with `must_reach`. segment->end is where it stopped.
 */
int replay_walk(struct replay *replay, struct found_segment *segment, uint64_t offset,
                uint64_t limit, bool must_reach, record_visitor visit);

/* The parts, in their order. */
int replay_survey(struct replay *replay);
int replay_scan(struct replay *replay);
int replay_emit(struct replay *replay);
int replay_succeed(struct replay *replay);
/* The writer that appends; behind what replay_succeed() wrote, if anything. */
void replay_create_writer(struct replay *replay);

/*
 * What to do about an invalid batch. 1: this is the end of what was written here; 0: damage that
 * salvage passed over, and `offset` is behind it; or the error.
 */
int salvage_judge(struct replay *replay, struct found_segment *segment, uint64_t *offset,
                  uint64_t limit, bool must_reach, bool wrong_index, record_visitor visit);
/* What is whole between the end that `segment` seemed to have and its limit; it ends there then. */
int salvage_take_remains(struct replay *replay, struct found_segment *segment,
                         record_visitor visit);
/* Salvage: what is alive by the books and nowhere in the files is lost. */
int salvage_account(struct replay *replay);

#endif
