/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The random model of the journal's rules, played with the journal itself: runs of three to eight
 * lives on one disk, each ended by a kill, a failing sync or a power cut, recoveries that are
 * killed or cut as well, and the next life always on what the one before left behind. Nothing that
 * was confirmed may be lost, and no start may be refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/journal/campaign.h"

enum { RUNS = 1500, QUEUE = 7, MOST_MESSAGES = 400 };

struct lives {
    struct random random;
    uint64_t seed;
    struct memory_disk *disk;
    struct journal *journal;
    uint64_t sequence; /* last published */
    bool confirmed[MOST_MESSAGES];
    bool found[MOST_MESSAGES];
};

static bool chance(struct lives *lives, unsigned percent) {
    return random_below(&lives->random, 100) < percent;
}

/* Power goes: any subset of what was not synced is there, and the process sees a new disk. */
static void cut_power(struct lives *lives) {
    struct disk_crash *crash = disk_crash_begin(lives->disk);
    struct memory_disk *after;
    bool *chosen;

    while (disk_crash_advance(crash))
        continue;
    chosen = calloc(disk_crash_pending(crash) + 1, sizeof *chosen);
    for (size_t i = 0; i < disk_crash_pending(crash); i++)
        chosen[i] = chance(lives, 50);
    after = disk_crash_build(crash, chosen, SIZE_MAX, 0);
    free(chosen);
    disk_crash_end(crash);
    memory_disk_destroy(lives->disk);
    lives->disk = after;
    memory_disk_start_recording(after);
}

static void on_message(void *context, struct stored_message *message,
                       const struct journal_content *content, const struct journal_target *targets,
                       size_t target_count) {
    struct lives *lives = context;
    uint64_t written;

    (void)message;
    assert_int_equal(target_count, 1);
    assert_int_equal(content->body[0].len, sizeof written);
    memcpy(&written, content->body[0].data, sizeof written);
    assert_true(written == targets[0].sequence);
    assert_true(written < MOST_MESSAGES);
    lives->found[written] = true;
}

static struct journal_options options(const struct lives *lives) {
    return (struct journal_options){.io = memory_disk_io(lives->disk),
                                    .segment_size = 8 * 4096,
                                    .first_segment_size = 8 * 4096,
                                    .checkpoint_bytes =
                                        lives->seed % 2 == 0 ? UINT64_MAX : 64 * 1024,
                                    .uuid = {1, 2, 3},
                                    .spare_segments = (unsigned)(lives->seed % 3)};
}

/* One attempt to start; false when it was crashed in the middle. */
static bool start(struct lives *lives) {
    struct journal_options with = options(lives);
    struct content_sink sink = {.context = lives, .on_message = on_message};
    bool is_crashed = chance(lives, 40);
    struct journal_report report;
    struct journal_error error;
    int code;

    memset(lives->found, 0, sizeof lives->found);
    if (is_crashed && chance(lives, 70))
        memory_disk_kill(lives->disk,
                         memory_disk_calls(lives->disk) + 1 + random_below(&lives->random, 30));
    else if (is_crashed)
        memory_disk_fail(lives->disk,
                         memory_disk_calls(lives->disk) + 1 + random_below(&lives->random, 30),
                         -EIO, false);
    code = read_journal(&with, &sink, false, &lives->journal, &report, &error);
    is_crashed = memory_disk_has_failed(lives->disk);
    memory_disk_heal(lives->disk);
    if (code == 0 && !is_crashed)
        return true;
    if (code == 0)
        journal_close(lives->journal, false);
    lives->journal = NULL;
    if (!is_crashed)
        fail_msg("seed %" PRIu64 ": refused: %s", lives->seed, error.text);
    if (chance(lives, 60))
        cut_power(lives);
    return false;
}

static void recover(struct lives *lives) {
    while (!start(lives))
        continue;
    for (uint64_t i = 1; i <= lives->sequence; i++) {
        if (lives->confirmed[i] && !lives->found[i])
            fail_msg("seed %" PRIu64 ": message %" PRIu64 " was confirmed and is lost", lives->seed,
                     i);
        /* What is found without having been confirmed counts from now on: it was handed out. */
        lives->confirmed[i] = lives->found[i];
    }
}

static void commit(struct lives *lives) {
    static const uint8_t padding[3 * 4096];
    uint64_t written = ++lives->sequence;
    struct slice body = slice_of(&written, sizeof written);
    struct journal_content content = {
        .address = slice_of(padding, random_below(&lives->random, sizeof padding)),
        .body = &body,
        .body_parts = 1};
    struct journal_target target = {QUEUE, written};
    struct stored_message *message;
    uint64_t lsn =
        journal_append_message(lives->journal, &content, &target, 1, NULL, NULL, &message);

    journal_submit(lives->journal, 0);
    journal_write_now(lives->journal);
    journal_collect(lives->journal);
    if (journal_safe_lsn(lives->journal) >= lsn)
        lives->confirmed[written] = true;
}

static void live(struct lives *lives) {
    uint64_t at = memory_disk_calls(lives->disk) + 1 + random_below(&lives->random, 40);

    if (chance(lives, 40))
        memory_disk_fail(lives->disk, at, -EIO, false);
    else if (chance(lives, 50))
        memory_disk_kill(lives->disk, at);
    for (uint64_t i = 1 + random_below(&lives->random, 12);
         i > 0 && journal_state(lives->journal) == JOURNAL_OPEN; i--)
        commit(lives);
    journal_close(lives->journal, false);
    memory_disk_heal(lives->disk);
    if (chance(lives, 50))
        cut_power(lives);
}

static void nothing_confirmed_is_lost_and_no_start_refused(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct lives lives = {.random = {seed}, .seed = seed, .disk = memory_disk_create()};

        memory_disk_start_recording(lives.disk);
        for (uint64_t i = 3 + random_below(&lives.random, 6); i > 0; i--) {
            recover(&lives);
            live(&lives);
        }
        recover(&lives);
        journal_close(lives.journal, false);
        memory_disk_destroy(lives.disk);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_confirmed_is_lost_and_no_start_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
