/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: the state of the journal after one batch, so that replay begins there and what came
 * before may go. FORMAT.md has the bytes.
 *
 * The state (live targets, definitions) is copied when the batch is handed over, which is the
 * moment when memory holds exactly the effects of all batches up to it. It is published only after
 * that batch is durable: a checkpoint that got ahead of the journal would promise what a power cut
 * can take away.
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

struct checkpoint_job;

struct checkpoint_segment {
    uint64_t number;
    uint64_t first_index; /* 0 when no batch is in it */
    uint64_t last_index;
    uint64_t end; /* of the last batch */
};

/* Queues, live pages and definitions, encoded. */
struct checkpoint_state {
    struct octets octets;
    uint32_t queue_count;
    uint64_t page_count;
    uint64_t definition_count;
};

struct checkpoint {
    uint64_t index;
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

void checkpoint_state_encode(struct checkpoint_state *ret, const struct live_set *live,
                             const struct definitions *definitions);

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

/*
 * One step of writing job->file under a temporary name, at most `slice` octets; the last one syncs,
 * renames and syncs the directory: 1 then and job->is_durable. 0 when there is more to do. After an
 * error the file is gone.
 */
int checkpoint_write_step(struct checkpoint_job *job, struct io *io, size_t slice);

#endif
