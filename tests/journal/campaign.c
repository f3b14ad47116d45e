/* SPDX-License-Identifier: Apache-2.0 */
/* Lives, crashes at every operation, and the checks of recovered states. */
#include "tests/journal/campaign_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- checking what recovery finds ---- */

static void check_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    struct checker *checker = context;

    checker->hash += campaign_hash_meta(kind, key, payload);
}

static struct model_queue *run_queue_by_id(struct run *run, uint64_t id) {
    for (int i = 0; i < QUEUES; i++)
        if (run->queues[i].id == id)
            return &run->queues[i];
    return NULL;
}

void model_queue_add(struct model_queue *queue, struct model_target target) {
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
        queue->targets = realloc(queue->targets, queue->capacity * sizeof *queue->targets);
        if (queue->targets == NULL)
            abort();
    }
    queue->targets[queue->count++] = target;
}

static void check_message(void *context, struct stored_message *message,
                          const struct journal_content *content,
                          const struct journal_target *targets, size_t target_count) {
    struct checker *checker = context;
    uint64_t content_hash = campaign_hash_content(content);

    if (checker->messages != NULL) {
        checker->messages[checker->count] = message;
        checker->contents[checker->count++] = content_hash;
    }
    for (size_t i = 0; i < target_count; i++) {
        uint64_t hash = campaign_hash_target(content_hash, targets[i]);
        struct model_queue *queue =
            checker->run == NULL ? NULL : run_queue_by_id(checker->run, targets[i].queue_id);

        checker->hash += hash;
        if (queue != NULL)
            model_queue_add(queue, (struct model_target){targets[i], hash, message});
    }
}

static void check_unreadable(void *context, int error, const struct journal_target *targets,
                             size_t target_count) {
    (void)error;
    (void)targets;
    (void)target_count;
    ((struct checker *)context)->unreadable++;
}

static struct content_sink sink_into(struct checker *checker) {
    return (struct content_sink){.context = checker,
                                 .on_meta = check_meta,
                                 .on_message = check_message,
                                 .on_unreadable = check_unreadable};
}

/* Opens `disk`, compares, and leaves the journal closed. */
static bool run_check_disk(struct run *run, struct memory_disk *disk, size_t position,
                           const char *what) {
    struct journal_options options = run_options(run, disk);
    struct checker checker = {0};
    struct content_sink sink = sink_into(&checker);
    struct journal_report report;
    struct journal_error error;
    struct journal *journal;
    uint64_t safe = run_safe_index(run, position);

    run->figures->states++;
    options.spare_segments = 0;
    if (read_journal(&options, &sink, false, &journal, &report, &error) < 0)
        return run_fail(run, "operation %zu, %s: refused to start: %d %s", position, what,
                        error.code, error.text);
    journal_close(journal, false);
    run->figures->torn_tails += report.torn_tail;
    if (report.last_index < safe)
        return run_fail(run,
                        "operation %zu, %s: batch %" PRIu64 " was confirmed, %" PRIu64 " found",
                        position, what, safe, report.last_index);
    if (!run_is_possible(run, position, report.last_index, checker.hash, report.clean))
        return run_fail(run, "operation %zu, %s: the state is not that of batch %" PRIu64 "%s",
                        position, what, report.last_index, report.clean ? " (clean)" : "");
    return true;
}

/* Recovery is cut short at a random place, then done again. */
static bool check_recovery_crash(struct run *run, struct memory_disk *disk, size_t position) {
    struct journal_options options = run_options(run, disk);
    struct checker checker = {0};
    struct content_sink sink = sink_into(&checker);
    struct journal_report report;
    struct journal_error error;
    struct journal *journal;
    struct disk_crash *crash;
    size_t steps;
    bool good = true;

    memory_disk_start_recording(disk);
    if (read_journal(&options, &sink, false, &journal, &report, &error) < 0)
        return run_fail(run, "operation %zu: refused to start: %s", position, error.text);
    journal_close(journal, false);
    crash = disk_crash_begin(disk);
    steps = memory_disk_operations(disk) == 0
                ? 0
                : random_below(&run->random, memory_disk_operations(disk) + 1);
    while (steps-- > 0)
        disk_crash_advance(crash);
    for (int i = 0; i < 3 && good; i++) {
        bool *chosen = calloc(disk_crash_pending(crash) + 1, sizeof *chosen);
        struct memory_disk *after;

        for (size_t j = 0; j < disk_crash_pending(crash); j++)
            chosen[j] = random_below(&run->random, 2) == 1;
        after = disk_crash_build(crash, chosen, SIZE_MAX, 0);
        run->figures->recovery_crashes++;
        good = run_check_disk(run, after, position, "crashed again in recovery");
        memory_disk_destroy(after);
        free(chosen);
    }
    disk_crash_end(crash);
    return good;
}

/* ---- states at one boundary ---- */

struct choice {
    const char *what;
    bool *chosen;
    size_t torn;
    size_t torn_octets;
};

static bool try_choice(struct run *run, struct disk_crash *crash, const struct choice *choice,
                       unsigned again) {
    struct memory_disk *disk =
        disk_crash_build(crash, choice->chosen, choice->torn, choice->torn_octets);
    size_t position = disk_crash_position(crash);
    struct memory_disk *copy = again == 0 ? memory_disk_copy(disk) : NULL;
    bool good = run_check_disk(run, disk, position, choice->what);

    if (good && copy != NULL)
        good = check_recovery_crash(run, copy, position);
    memory_disk_destroy(disk);
    memory_disk_destroy(copy);
    return good;
}

/* Choice number `number` of those that exist at this boundary. */
static struct choice choose(struct run *run, const struct disk_crash *crash, uint64_t number,
                            bool *chosen) {
    size_t pending = disk_crash_pending(crash);
    struct choice choice = {.chosen = chosen, .torn = SIZE_MAX};
    size_t len;

    memset(chosen, 0, pending + 1);
    switch (number % 8) {
    case 0:
        choice.what = "nothing un-synced happened";
        break;
    case 1:
        choice.what = "everything happened";
        memset(chosen, 1, pending);
        break;
    case 2:
        choice.what = "a prefix happened";
        memset(chosen, 1, random_below(&run->random, pending + 1));
        break;
    case 3:
        choice.what = "one is missing";
        memset(chosen, 1, pending);
        chosen[random_below(&run->random, pending + 1)] = false;
        break;
    case 4:
    case 5:
        choice.what = "some happened";
        for (size_t i = 0; i < pending; i++)
            chosen[i] = random_below(&run->random, 2) == 1;
        break;
    default:
        choice.what = "the last of a prefix is torn";
        choice.torn =
            number % 8 == 6 || pending == 0 ? random_below(&run->random, pending + 1) : pending - 1;
        memset(chosen, 1, choice.torn < pending ? choice.torn + 1 : pending);
        len = choice.torn < pending ? disk_crash_pending_length(crash, choice.torn) : 0;
        choice.torn_octets = len == 0 ? 0 : random_below(&run->random, len / 512 + 1) * 512;
    }
    return choice;
}

/* Few pending operations: every subset of them. */
static bool check_all_subsets(struct run *run, struct disk_crash *crash, bool *chosen) {
    size_t pending = disk_crash_pending(crash);

    for (uint64_t subset = 0; subset < UINT64_C(1) << pending; subset++) {
        struct choice choice = {"a subset happened", chosen, SIZE_MAX, 0};

        for (size_t i = 0; i < pending; i++)
            chosen[i] = (subset >> i & 1) != 0;
        if (!try_choice(run, crash, &choice, 1))
            return false;
    }
    return true;
}

/* Every place at which the last pending write can be torn. */
static bool check_all_tears(struct run *run, struct disk_crash *crash, bool *chosen) {
    size_t pending = disk_crash_pending(crash);
    size_t len = disk_crash_pending_length(crash, pending - 1);

    memset(chosen, 1, pending);
    for (size_t octets = 512; octets < len; octets += 512) {
        struct choice choice = {"the last write is torn", chosen, pending - 1, octets};

        if (!try_choice(run, crash, &choice, 1))
            return false;
    }
    return true;
}

bool run_check_boundary(struct run *run, struct disk_crash *crash, unsigned states) {
    size_t pending = disk_crash_pending(crash);
    bool *chosen = calloc(pending + 2, sizeof *chosen);
    bool exhaustive = states >= 32;
    bool good = true;

    if (exhaustive && pending <= SUBSETS_UP_TO)
        good = check_all_subsets(run, crash, chosen);
    if (good && exhaustive && pending > 0)
        good = check_all_tears(run, crash, chosen);
    for (unsigned i = 0; good && i < (pending == 0 ? 1 : states); i++) {
        struct choice choice =
            choose(run, crash, exhaustive ? i : random_next(&run->random), chosen);

        good = try_choice(run, crash, &choice, (unsigned)random_below(&run->random, 12));
    }
    free(chosen);
    return good;
}

/* ---- a life ---- */

static void forget_model(struct run *run) {
    for (int i = 0; i < QUEUES; i++)
        run->queues[i].count = 0;
}

static void collect(struct run *run) {
    struct journal_statistics statistics;

    journal_collect(run->journal);
    journal_statistics(run->journal, &statistics);
    if (statistics.last_index <= run->last_index)
        return;
    for (uint64_t index = run->last_index + 1; index < statistics.last_index; index++)
        run_note_confirmed(run, index, run->last_hash, false);
    run_note_confirmed(run, statistics.last_index, run->submitted_hash, run->submitted_clean);
    run->figures->batches++;
}

/* A tick: hand over, and, while the batch is under way, some more work. */
static void run_tick(struct run *run, uint64_t wall_ms) {
    if (!journal_is_writing(run->journal))
        run_note_handed_over(run, false);
    journal_submit(run->journal, (int64_t)wall_ms);
    if (random_below(&run->random, 2) == 0)
        run_work(run);
    journal_write_now(run->journal);
    if (random_below(&run->random, 3) == 0)
        run_work(run);
    collect(run);
}

bool run_live(struct run *run, unsigned ticks) {
    for (unsigned i = 0; i < ticks && journal_state(run->journal) == JOURNAL_OPEN; i++) {
        for (uint64_t j = random_below(&run->random, 5); j > 0; j--)
            run_work(run);
        if (random_below(&run->random, 40) == 0)
            journal_request_checkpoint(run->journal);
        run_tick(run, i * 10);
    }
    return journal_state(run->journal) == JOURNAL_OPEN;
}

/* What was confirmed in this life can be read back. */
static bool run_check_reads(struct run *run) {
    uint8_t *buffer = NULL;
    size_t capacity = 0;
    bool good = true;

    for (int q = 0; q < QUEUES && good; q++)
        for (size_t i = 0; i < run->queues[q].count && good; i += 7) {
            const struct model_target *target = &run->queues[q].targets[i];
            struct journal_content content;
            struct slice body;
            int error =
                journal_read(run->journal, target->message, &buffer, &capacity, &content, &body);

            if (error == -EINPROGRESS)
                continue;
            if (error < 0 || campaign_hash_target(campaign_hash_content(&content),
                                                  target->target) != target->hash)
                good =
                    run_fail(run, "message %" PRIu64 " of queue %" PRIu64 " reads back wrong: %d",
                             target->target.sequence, target->target.queue_id, error);
        }
    free(buffer);
    return good;
}

static void add_statistics(struct run *run) {
    struct journal_statistics statistics;

    journal_statistics(run->journal, &statistics);
    run->figures->checkpoints += statistics.checkpoints;
    run->figures->relocated_bytes += statistics.relocated_bytes;
    run->figures->unlinked_segments += statistics.unlinked_segments;
    run->figures->recycled_segments += statistics.recycled_segments;
}

/* Ends the life; the journal is gone afterwards. */
bool run_end_life(struct run *run, bool clean) {
    int error;

    add_statistics(run);
    if (clean) {
        journal_write_now(run->journal); /* what waits for room is a batch of its own */
        collect(run);
        run_note_handed_over(run, true);
    }
    error = journal_close(run->journal, clean);
    run->journal = NULL;
    if (memory_disk_open_handles(run->disk) != 0)
        return run_fail(run, "%" PRIi64 " files are left open",
                        memory_disk_open_handles(run->disk));
    if (clean && error < 0 && !run->expects_failure)
        return run_fail(run, "clean stop failed: %d", error);
    return true;
}

static void on_queue(void *context, uint64_t queue_id, uint64_t highest_sequence) {
    struct checker *checker = context;
    struct model_queue *queue = run_queue_by_id(checker->run, queue_id);

    if (queue != NULL && queue->sequence < highest_sequence)
        queue->sequence = highest_sequence;
}

static void restore_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    struct checker *checker = context;
    uint64_t hash = campaign_hash_meta(kind, key, payload);

    checker->hash += hash;
    checker->run->meta[kind][key.data[key.len - 1] - '0'] = hash;
}

/* Opens the journal on the run's disk and takes over what it finds as the model's state. */
bool run_begin_life(struct run *run) {
    struct journal_options options = run_options(run, run->disk);
    struct checker checker = {.run = run};
    struct content_sink sink = sink_into(&checker);
    struct journal_report report;
    struct journal_error error;
    size_t position = run_now(run);

    forget_model(run);
    memset(run->meta, 0, sizeof run->meta);
    sink.on_queue = on_queue;
    sink.on_meta = restore_meta;
    if (read_journal(&options, &sink, false, &run->journal, &report, &error) < 0) {
        run->journal = NULL;
        if (memory_disk_open_handles(run->disk) != 0)
            return run_fail(run, "files are left open after a failed start");
        return run->expects_failure ||
               run_fail(run, "life refused to start: %d %s", error.code, error.text);
    }
    run->figures->lives++;
    if (checker.unreadable > 0 && run->expects_failure) {
        /* The failing call was a read: what it settled is not handed over. */
        journal_close(run->journal, false);
        run->journal = NULL;
        return true;
    }
    if (report.last_index < run_safe_index(run, position) ||
        !run_is_possible(run, position, report.last_index, checker.hash, report.clean))
        return run_fail(
            run, "operation %zu: a life began with a state that is not that of batch %" PRIu64,
            position, report.last_index);
    run->hash = checker.hash;
    /* Messages of queues whose ids are not the model's any more would stay for ever. */
    run_note_confirmed(run, report.last_index, checker.hash, false);
    return true;
}

void run_begin(struct run *run, unsigned workload, uint64_t seed,
               struct campaign_figures *figures) {
    *run = (struct run){.workload = workload,
                        .seed = seed,
                        .random = {campaign_mix(seed) ^ workload},
                        .disk = memory_disk_create(),
                        .figures = figures,
                        .next_queue_id = 1};
    for (int i = 0; i < QUEUES; i++)
        run->queues[i].id = run->next_queue_id++;
    memory_disk_start_recording(run->disk);
    figures->runs++;
}

bool run_end(struct run *run) {
    if (run->journal != NULL)
        journal_close(run->journal, false);
    for (int i = 0; i < QUEUES; i++)
        free(run->queues[i].targets);
    free(run->versions);
    free(run->known.hashes);
    memory_disk_destroy(run->disk);
    return !run->failed;
}

/* The life ends: cleanly, by a kill in the middle of something, or by a failing call. */
static bool one_life(struct run *run, unsigned ticks) {
    uint64_t manner = random_below(&run->random, 4);
    uint64_t at = memory_disk_calls(run->disk) + 1 + random_below(&run->random, ticks * 6);

    if (manner == 1)
        memory_disk_kill(run->disk, at);
    if (manner == 2)
        memory_disk_fail(run->disk, at, random_below(&run->random, 2) == 0 ? -EIO : -ENOSPC,
                         random_below(&run->random, 2) == 0);
    run->expects_failure = manner == 1 || manner == 2;
    if (!run_begin_life(run))
        return false;
    if (run->journal != NULL) {
        run_live(run, ticks);
        if (!run->expects_failure && !run_check_reads(run))
            return false;
        if (!run_end_life(run, manner == 0))
            return false;
    }
    memory_disk_heal(run->disk);
    run->expects_failure = false;
    return true;
}

static bool check_run(struct run *run, unsigned states_per_boundary) {
    struct disk_crash *crash = disk_crash_begin(run->disk);
    bool good = true;

    do
        if (states_per_boundary > 0 || random_below(&run->random, 4) == 0)
            good =
                run_check_boundary(run, crash, states_per_boundary > 0 ? states_per_boundary : 1);
    while (good && disk_crash_advance(crash));
    disk_crash_end(crash);
    return good;
}

bool campaign_run(unsigned workload, uint64_t seed, unsigned states_per_boundary,
                  struct campaign_figures *figures) {
    struct run run;
    bool good = true;
    uint64_t lives;

    run_begin(&run, workload, seed, figures);
    lives = 1 + random_below(&run.random, 4);
    for (uint64_t i = 0; i < lives && good; i++)
        good = one_life(&run, 10 + (unsigned)random_below(&run.random, 50));
    if (good)
        check_run(&run, states_per_boundary);
    return run_end(&run);
}

bool campaign_run_failing(unsigned workload, uint64_t seed, uint64_t call, int error, bool sticky,
                          uint64_t *ret_calls, struct campaign_figures *figures) {
    struct run run;
    bool good;

    run_begin(&run, workload, seed, figures);
    figures->states++;
    run.expects_failure = call > 0;
    if (call > 0)
        snprintf(run.failing, sizeof run.failing, " call %" PRIu64 " error %d%s", call, error,
                 sticky ? " sticky" : "");
    if (call > 0 && error == 0)
        memory_disk_shorten(run.disk, call, sticky);
    else if (call > 0)
        memory_disk_fail(run.disk, call, error, sticky);
    for (int i = 0; i < 2; i++) {
        good = run_begin_life(&run);
        if (!good || run.journal == NULL)
            break;
        run_live(&run, 25);
        good = run_end_life(&run, i == 1);
    }
    if (ret_calls != NULL)
        *ret_calls = memory_disk_calls(run.disk);
    memory_disk_heal(run.disk);
    run.expects_failure = false;
    if (good && run_begin_life(&run)) {
        run_live(&run, 3);
        run_check_reads(&run);
        run_end_life(&run, true);
    }
    return run_end(&run);
}
