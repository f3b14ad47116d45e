/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs of the journal on the memory disk, for people and for CI: see usage(). Prints what was
 * done and the seed; the last line is the count.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/journal/broker_campaign.h"

static const char usage_text[] =
    "usage: prove crash [--states N] [--seed S] [--workload W]   states after crashes (10000)\n"
    "       prove ioerr [--calls N] [--seed S]                   each call failing in turn; N "
    "sampled (all)\n"
    "       prove flip  [--flips N] [--seed S]                   damaged bits; N sampled (every "
    "octet)\n"
    "       prove damage [--damages N] [--seed S]                damages of many octets (20000)\n"
    "       prove hole  [--states N] [--seed S]                  confirmed behind a failed sync "
    "(10000)\n";

/* Those of the journal alone, then those of the broker. */
enum { ALL_WORKLOADS = WORKLOAD_COUNT + BROKER_WORKLOADS };

struct arguments {
    uint64_t number;
    uint64_t seed;
    int workload;
};

static int finish(const struct campaign_figures *figures, uint64_t passed) {
    if (figures->failed > 0)
        printf("FAILED: %s\n", figures->first_failure);
    printf("%" PRIu64 " passed, %" PRIu64 " failed, 0 skipped\n", passed, figures->failed);
    return figures->failed == 0 ? 0 : 1;
}

static void print_figures(const struct campaign_figures *figures, uint64_t seed) {
    printf("seed %" PRIu64 ": %" PRIu64 " runs, %" PRIu64 " lives, %" PRIu64 " batches, %" PRIu64
           " checkpoints, %" PRIu64 " octets relocated, %" PRIu64 " segments unlinked, %" PRIu64
           " used again\n",
           seed, figures->runs, figures->lives, figures->batches, figures->checkpoints,
           figures->relocated_bytes, figures->unlinked_segments, figures->recycled_segments);
}

static int prove_crash(const struct arguments *arguments) {
    struct campaign_figures figures = {0};
    uint64_t wanted = arguments->number == 0 ? 10000 : arguments->number;
    uint64_t seed = arguments->seed;

    for (uint64_t run = 0; figures.states < wanted; run++) {
        unsigned workload = arguments->workload >= 0 ? (unsigned)arguments->workload
                                                     : (unsigned)(run % ALL_WORKLOADS);
        /* All workloads first; later, now and then, every boundary is looked at from all sides. */
        unsigned states = run % 64 == 63 ? 32 : (unsigned)(run / ALL_WORKLOADS % 4);

        if (workload < WORKLOAD_COUNT)
            campaign_run(workload, seed + run, states, &figures);
        else
            broker_campaign_run(workload - WORKLOAD_COUNT, seed + run, states % 4, &figures);
    }
    print_figures(&figures, seed);
    printf("%" PRIu64 " states after crashes, %" PRIu64 " of them in recovery; %" PRIu64
           " torn tails\n",
           figures.states, figures.recovery_crashes, figures.torn_tails);
    return finish(&figures, figures.states - figures.failed);
}

static void run_failing(const struct arguments *arguments, unsigned workload, uint64_t call,
                        int error, bool sticky, uint64_t *ret_calls,
                        struct campaign_figures *figures) {
    if (workload < WORKLOAD_COUNT)
        campaign_run_failing(workload, arguments->seed, call, error, sticky, ret_calls, figures);
    else
        broker_campaign_run_failing(workload - WORKLOAD_COUNT, arguments->seed, call, error, sticky,
                                    ret_calls, figures);
}

static void fail_each_call(const struct arguments *arguments, unsigned workload, uint64_t *runs,
                           struct campaign_figures *figures) {
    static const int errors[] = {-EIO, -ENOSPC, -EDQUOT, 0};
    const uint64_t ways = 2 * sizeof errors / sizeof *errors; /* once and sticky */
    uint64_t calls = 0;
    uint64_t step;

    run_failing(arguments, workload, 0, 0, false, &calls, figures);
    step = arguments->number == 0 ? 1 : calls * ways * ALL_WORKLOADS / arguments->number + 1;
    for (uint64_t i = arguments->seed % step; i < calls * ways; i += step) {
        run_failing(arguments, workload, i / ways + 1, errors[i % 4], i / 4 % 2 == 1, NULL,
                    figures);
        ++*runs;
    }
}

static int prove_ioerr(const struct arguments *arguments) {
    struct campaign_figures figures = {0};
    uint64_t runs = 0;

    for (unsigned workload = 0; workload < ALL_WORKLOADS; workload++)
        if (arguments->workload < 0 || (unsigned)arguments->workload == workload)
            fail_each_call(arguments, workload, &runs, &figures);
    print_figures(&figures, arguments->seed);
    printf("%" PRIu64
           " runs with a failing call (EIO, ENOSPC, EDQUOT, short write; once and sticky)\n",
           runs);
    return finish(&figures, figures.runs - figures.failed);
}

static int prove_flip(const struct arguments *arguments) {
    struct campaign_figures figures = {0};

    for (unsigned workload = 0; workload < WORKLOAD_COUNT; workload++)
        if (arguments->workload < 0 ? workload % 5 == 1 : (unsigned)arguments->workload == workload)
            campaign_flip(workload, arguments->seed, arguments->number, &figures);
    print_figures(&figures, arguments->seed);
    printf("%" PRIu64 " damaged directories: %" PRIu64 " refused and salvaged, %" PRIu64
           " torn tails, %" PRIu64 " with a message found damaged when it was read, %" PRIu64
           " older checkpoints stood in, the rest outside live data\n",
           figures.states, figures.refused, figures.torn_tails, figures.unreadable,
           figures.stood_in);
    return finish(&figures, figures.states - figures.failed);
}

static int prove_damage(const struct arguments *arguments) {
    struct campaign_figures figures = {0};
    uint64_t wanted = arguments->number == 0 ? 20000 : arguments->number;

    for (uint64_t run = 0; figures.states < wanted; run++) {
        uint64_t left = wanted - figures.states;
        unsigned workload = arguments->workload >= 0 ? (unsigned)arguments->workload
                                                     : (unsigned)(run % WORKLOAD_COUNT);

        campaign_damage(workload, arguments->seed + run, left < 1000 ? left : 1000, &figures);
    }
    print_figures(&figures, arguments->seed);
    printf("%" PRIu64 " directories with many octets damaged: %" PRIu64
           " refused and salvaged, %" PRIu64 " torn tails, %" PRIu64
           " with a message found damaged when it was read, %" PRIu64
           " older checkpoints stood in, the rest outside live data\n",
           figures.states, figures.refused, figures.torn_tails, figures.unreadable,
           figures.stood_in);
    return finish(&figures, figures.states - figures.failed);
}

static int prove_hole(const struct arguments *arguments) {
    struct campaign_figures figures = {0};
    uint64_t wanted = arguments->number == 0 ? 10000 : arguments->number;

    for (uint64_t run = 0; figures.states < wanted; run++)
        campaign_hole(arguments->workload >= 0 ? (unsigned)arguments->workload
                                               : (unsigned)(run % WORKLOAD_COUNT),
                      arguments->seed + run, &figures);
    print_figures(&figures, arguments->seed);
    printf("%" PRIu64 " states after a failed call, another start, more confirms and a power cut\n",
           figures.states);
    return finish(&figures, figures.states - figures.failed);
}

static int usage(int code) {
    fputs(usage_text, code == 0 ? stdout : stderr);
    return code;
}

int main(int argc, char **argv) {
    struct arguments arguments = {.workload = -1, .seed = (uint64_t)time(NULL)};

    if (argc < 2 || strcmp(argv[1], "--help") == 0)
        return usage(argc < 2 ? 64 : 0);
    for (int i = 2; i < argc; i += 2) {
        uint64_t value = i + 1 < argc ? strtoull(argv[i + 1], NULL, 10) : 0;

        if (i + 1 == argc)
            return usage(64);
        if (strcmp(argv[i], "--seed") == 0)
            arguments.seed = value;
        else if (strcmp(argv[i], "--workload") == 0)
            arguments.workload = (int)value;
        else if (strcmp(argv[i], "--states") == 0 || strcmp(argv[i], "--calls") == 0 ||
                 strcmp(argv[i], "--flips") == 0 || strcmp(argv[i], "--damages") == 0)
            arguments.number = value;
        else
            return usage(64);
    }
    if (strcmp(argv[1], "crash") == 0)
        return prove_crash(&arguments);
    if (strcmp(argv[1], "ioerr") == 0)
        return prove_ioerr(&arguments);
    if (strcmp(argv[1], "damage") == 0)
        return prove_damage(&arguments);
    if (strcmp(argv[1], "hole") == 0)
        return prove_hole(&arguments);
    return strcmp(argv[1], "flip") == 0 ? prove_flip(&arguments) : usage(64);
}
