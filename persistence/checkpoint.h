/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: the state of the journal after one batch, so that replay begins there and what came
 * before may go. FORMAT.md has the bytes.
 *
 * The state (live targets, definitions) is captured in slices, so that the loop never stalls. The
 * capture begins when batch S is handed over, when memory holds exactly the effects of all batches up
 * to it, and is complete when batch E is, often the same. In between the state changes: some pieces
 * are older than others. That does no harm, since replay begins behind S and every record says what
 * is, not what changed: a definition in full, a target that lives, a target that is settled for good.
 * After batch E the state is exact again. Therefore the checkpoint is published only when E is
 * durable, and a journal that ends before E is damaged: a checkpoint that got ahead of the journal
 * would promise what a power cut can take away.
 */
#ifndef LEVERET_PERSISTENCE_CHECKPOINT_H
#define LEVERET_PERSISTENCE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persistence/definitions.h"
#include "persistence/io.h"
#include "persistence/live_set.h"
#include "persistence/octets.h"

struct checkpoint_segment {
    uint64_t number;
    uint64_t first_index; /* 0 when no batch is in it */
    uint64_t last_index;
    uint64_t end;         /* of the last batch */
    uint64_t seal_offset; /* of the batch that sealed it and has its index, 0 without one */
};

/* Queues, live pages and definitions, encoded. */
struct checkpoint_state {
    struct octets queues;
    struct octets pages;
    struct octets definitions;
    uint32_t queue_count;
    uint64_t page_count;
    uint64_t definition_count;
};

struct checkpoint {
    uint64_t index;     /* replay goes on behind this batch */
    uint64_t end_index; /* the state may have effects of batches up to this one */
    uint64_t term;
    int64_t time_ms;
    uint64_t next_segment;
    struct checkpoint_segment *segments; /* ascending; owned after checkpoint_load() */
    uint32_t segment_count;
    uint32_t queue_count;
    uint64_t page_count;
    uint64_t definition_count;
    struct slice state; /* queues, pages, definitions, in `file` */
    struct octets file; /* owned */
};

enum { CHECKPOINT_NAME_SIZE = 32 };
void checkpoint_name(char ret[CHECKPOINT_NAME_SIZE], uint64_t index);

/*
 * Captures the state piece by piece, while it changes: `count` pieces at a time, true when it is
 * complete. See above.
 */
void checkpoint_capture_begin(struct checkpoint_state *state, struct live_set *live,
                              struct definitions *definitions);
bool checkpoint_capture_step(struct checkpoint_state *state, struct live_set *live,
                             struct definitions *definitions, unsigned count);
void checkpoint_state_clear(struct checkpoint_state *state);

/* The whole file; of `checkpoint` what is before `state` counts. */
void checkpoint_encode(struct octets *ret, const uint8_t uuid[16],
                       const struct checkpoint *checkpoint, const struct checkpoint_state *state);

/*
 * 0, -EBADMSG when damaged, -EPROTONOSUPPORT when newer, or the disk's error. `ret_uuid` says whose
 * it is. Clear it also after an error.
 */
int checkpoint_load(struct io *io, uint64_t index, struct checkpoint *ret, uint8_t ret_uuid[16]);
void checkpoint_clear(struct checkpoint *checkpoint);

/* Puts the state into sets; 0 or -EBADMSG. */
int checkpoint_restore(const struct checkpoint *checkpoint, struct live_set *live,
                       struct definitions *definitions);

/* NULL when the checkpoint does not list it. */
const struct checkpoint_segment *checkpoint_find_segment(const struct checkpoint *checkpoint,
                                                         uint64_t number);

struct job_segment {
    uint64_t number;
    uint64_t size;
};

/* A checkpoint on its way to disk, and what may go when it is there. */
struct checkpoint_job {
    uint8_t uuid[16];
    struct checkpoint checkpoint; /* without the file */
    struct checkpoint_state state;
    struct job_segment *segments; /* dead ones, to go or to be used again afterwards */
    size_t segment_count;
    bool has_old; /* an old checkpoint to unlink */
    uint64_t old_index;
    int error;          /* by the writer: it is not there and all is as before */
    bool is_durable;    /* the writer: renamed and synced */
    struct octets file; /* of the writer, as are those below */
    int handle;
    uint64_t written;
    size_t unlinked;
};

/*
 * One step of writing the file under a temporary name, at most `slice` octets; the last one syncs,
 * renames and syncs the directory: 1 then and job->is_durable. 0 when there is more to do. After an
 * error the file is gone.
 */
int checkpoint_write_step(struct checkpoint_job *job, struct io *io, size_t slice);

#endif
