/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random lives of a journal on a memory disk, and the question after each possible crash: is what
 * recovery finds exactly the state after some batch, not older than what was confirmed?
 *
 * A run is a sequence of lives (workload, then a clean stop, a kill at some call, or a failing
 * sync), all on one disk whose operations are recorded. Beside it the run notes the versions of the
 * state: which state each batch index stands for, from which operation on it can be found and from
 * which on it must be. The state is a sum of hashes over every live (queue, sequence, content) and
 * every definition, so one lost, resurrected, corrupt or half-applied thing changes it.
 */
#ifndef TESTS_JOURNAL_CAMPAIGN_H
#define TESTS_JOURNAL_CAMPAIGN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persistence/journal.h"
#include "tests/support/memory_disk.h"
#include "tests/support/read_journal.h"

struct random {
    uint64_t state;
};
uint64_t random_next(struct random *random);
/* Uniform below `bound`, which is not 0. */
uint64_t random_below(struct random *random, uint64_t bound);

enum workload_kind {
    WORKLOAD_CONFIRMS,
    WORKLOAD_FAN_OUT,
    WORKLOAD_ACKS,
    WORKLOAD_TRANSACTIONS,
    WORKLOAD_DEAD_LETTERS,
    WORKLOAD_DEFINITIONS,
    WORKLOAD_DELETES,
    WORKLOAD_PURGES,
    WORKLOAD_LARGE,
    WORKLOAD_BACKLOG,
    WORKLOAD_COMPACTION,
    WORKLOAD_MIX,
    WORKLOAD_KINDS,
};
/* Each kind comes in two sizes of segments: workloads 0 to WORKLOAD_COUNT - 1. */
enum { WORKLOAD_COUNT = 2 * WORKLOAD_KINDS };

struct campaign_figures {
    uint64_t states;
    uint64_t runs;
    uint64_t lives;
    uint64_t batches;
    uint64_t checkpoints;
    uint64_t relocated_bytes;
    uint64_t unlinked_segments;
    uint64_t recovery_crashes; /* of `states`: recovery itself was cut short */
    uint64_t torn_tails;
    uint64_t refused;    /* damaged directories that were refused, and salvaged */
    uint64_t unreadable; /* in which a message was found to be damaged when it was read */
    uint64_t recycled_segments;
    uint64_t stood_in; /* in which the older checkpoint did its duty */
    uint64_t failed;
    char first_failure[1024];
};

/* Counts a failure; the first one is told, with all it takes to see it again. */
__attribute__((format(printf, 7, 0))) void
campaign_note_failure(struct campaign_figures *figures, const char *campaign, unsigned workload,
                      const char *name, uint64_t seed, const char *failing, const char *format,
                      va_list arguments);

/*
 * One run with that seed; checks about `states_per_boundary` states at each operation, with 0 one
 * at every fourth, from 32 on also all subsets and all tears. Adds to `figures`. False when
 * something is wrong; the text is in figures->first_failure.
 */
bool campaign_run(unsigned workload, uint64_t seed, unsigned states_per_boundary,
                  struct campaign_figures *figures);

/*
 * One run in which call number `call` fails: with `error`, or 0 for a short write. Everything that
 * was confirmed must be there after a restart. `ret_calls`: how many calls the run makes when
 * nothing fails.
 */
bool campaign_run_failing(unsigned workload, uint64_t seed, uint64_t call, int error, bool sticky,
                          uint64_t *ret_calls, struct campaign_figures *figures);

/*
 * Damages of a directory that a run with that seed leaves: `flips` single bits, 0 for one in every
 * octet. Each is detected, or is outside live data and changes nothing, or is in the last batch and
 * reported as a torn tail; salvage keeps the rest.
 */
bool campaign_flip(unsigned workload, uint64_t seed, uint64_t flips,
                   struct campaign_figures *figures);

/*
 * The same with damages of many octets: random ones, whole sectors, sectors that stand where others
 * should.
 */
bool campaign_damage(unsigned workload, uint64_t seed, uint64_t damages,
                     struct campaign_figures *figures);

/* Confirmed, failed, started again, confirmed, power cut: see campaign_hole.c. */
bool campaign_hole(unsigned workload, uint64_t seed, struct campaign_figures *figures);

#endif
