/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hole trap: A and B are confirmed, the sync of C fails, the process starts again and reads C, which
 * is only in the page cache; D is confirmed; then the power goes, and the disk has A, B, a hole where C
 * was, and D. Who stops at the first thing that is not valid loses D; who appended to what it found.
 */
#include <errno.h>
#include <stdio.h>

#include "tests/journal/campaign_private.h"

enum { CALLS_OF_A_BATCH = 12 };

/* C: some call of a batch fails, often its sync. */
static bool fail_one(struct run *run, bool sticky) {
    uint64_t at = memory_disk_calls(run->disk) + 1 + random_below(&run->random, CALLS_OF_A_BATCH);

    run->expects_failure = true;
    memory_disk_fail(run->disk, at, -EIO, sticky);
    run_live(run, 4);
    memory_disk_heal(run->disk);
    return run_end_life(run, false);
}

/* A start that is itself cut short, or not. */
static bool start_again(struct run *run) {
    if (random_below(&run->random, 3) == 0)
        memory_disk_kill(run->disk,
                         memory_disk_calls(run->disk) + 1 + random_below(&run->random, 40));
    if (!run_begin_life(run))
        return false;
    memory_disk_heal(run->disk);
    if (run->journal != NULL)
        return true;
    return run_begin_life(run);
}

/* Every state that the power cut can leave from D on. */
static bool cut_power(struct run *run, size_t from) {
    struct disk_crash *crash = disk_crash_begin(run->disk);
    bool good = true;

    do
        if (disk_crash_position(crash) >= from)
            good = run_check_boundary(run, crash, 16);
    while (good && disk_crash_advance(crash));
    disk_crash_end(crash);
    return good;
}

bool campaign_hole(unsigned workload, uint64_t seed, struct campaign_figures *figures) {
    struct run run;
    uint64_t failures;
    bool good;

    run_begin(&run, workload, seed, figures);
    failures = 1 + random_below(&run.random, 3);
    good = run_begin_life(&run);
    for (uint64_t i = 0; good && i < failures; i++) {
        run_live(&run, 1 + (unsigned)random_below(&run.random, 20));
        good = fail_one(&run, random_below(&run.random, 2) == 0) && start_again(&run);
        run.expects_failure = false;
    }
    if (good) {
        size_t from = run_now(&run);

        run_live(&run, 3);
        good = run_end_life(&run, false) && cut_power(&run, from);
    }
    return run_end(&run);
}
