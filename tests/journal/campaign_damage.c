/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged directories: what is flipped, overwritten or copied over is detected, and the rest is kept. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persistence/segment.h"
#include "tests/journal/campaign_private.h"

/*
 * What one start handed out: definitions, and for each live target its hash and that of its
 * content.
 */
struct harvest {
    struct hash_list all; /* definitions and targets */
    struct hash_list contents;
    uint64_t sum;
    size_t unreadable; /* messages that a start did not know to be damaged */
};

static void harvest_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    struct harvest *harvest = context;
    uint64_t hash = campaign_hash_meta(kind, key, payload);

    hash_list_add(&harvest->all, hash);
    hash_list_add(&harvest->contents, hash);
    harvest->sum += hash;
}

static void harvest_message(void *context, struct stored_message *message,
                            const struct journal_content *content,
                            const struct journal_target *targets, size_t target_count) {
    struct harvest *harvest = context;
    uint64_t content_hash = campaign_hash_content(content);

    (void)message;
    hash_list_add(&harvest->contents, content_hash);
    for (size_t i = 0; i < target_count; i++) {
        uint64_t hash = campaign_hash_target(content_hash, targets[i]);

        hash_list_add(&harvest->all, hash);
        harvest->sum += hash;
    }
}

static void harvest_unreadable(void *context, int error, const struct journal_target *targets,
                               size_t target_count) {
    (void)error;
    (void)targets;
    (void)target_count;
    ((struct harvest *)context)->unreadable++;
}

static void harvest_clear(struct harvest *harvest) {
    free(harvest->all.hashes);
    free(harvest->contents.hashes);
}

static int harvest_disk(struct run *run, struct memory_disk *disk, bool salvage,
                        struct harvest *ret, struct journal_report *report,
                        struct journal_error *error) {
    struct journal_options options = run_options(run, disk);
    struct content_sink sink = {.context = ret,
                                .on_meta = harvest_meta,
                                .on_message = harvest_message,
                                .on_unreadable = harvest_unreadable};
    struct journal *journal;
    int code;

    *ret = (struct harvest){0};
    options.spare_segments = 0;
    code = read_journal(&options, &sink, salvage, &journal, report, error);
    if (code == 0)
        journal_close(journal, false);
    hash_list_sort(&ret->all);
    hash_list_sort(&ret->contents);
    return code;
}

/* How many of the wanted contents are not there. */
static size_t missing(const struct hash_list *wanted, const struct hash_list *found) {
    size_t count = 0;

    for (size_t i = 0; i < wanted->count; i++)
        count += !hash_list_has(found, wanted->hashes[i]);
    return count;
}

struct flip_plan {
    const struct harvest *intact;
    const struct journal_report *intact_report;
    const struct hash_list *known; /* every target and definition there ever was */
    size_t most_lost;              /* contents that this damage can have hit */
    uint64_t torn_batches;         /* at the end, that it can have hit */
    bool can_wipe;                 /* the last batch, so that nothing shows that it was there */
};

/* Nothing that never was, and at most what was hit is missing. */
static bool check_kept(struct run *run, const struct harvest *kept, const struct flip_plan *plan,
                       const char *where, const char *what) {
    size_t lost = missing(&plan->intact->contents, &kept->contents);

    for (size_t i = 0; i < kept->all.count; i++)
        if (!hash_list_has(plan->known, kept->all.hashes[i]))
            return run_fail(run, "%s: %s made something up", where, what);
    return lost <= plan->most_lost ||
           run_fail(run, "%s: %s lost %zu undamaged things", where, what, lost);
}

/* From there to the end of its segment nothing was ever written, as far as anyone can see. */
static void wipe_tail(struct memory_disk *disk, const struct journal_report *report) {
    char wanted[SEGMENT_NAME_SIZE];
    const char *name;
    uint8_t *octets;
    size_t len;

    segment_name(wanted, report->torn_segment);
    for (size_t i = 0; (name = memory_disk_file(disk, i, &octets, &len)) != NULL; i++)
        if (strcmp(name, wanted) == 0)
            memset(octets + report->torn_offset, 0, len - report->torn_offset);
}

/*
 * Damage across a boundary can be that of one batch and of the last one behind it, which is then a torn
 * tail to salvage as well: it is measured by what an intact directory holds before that place.
 */
static bool check_kept_before_tail(struct run *run, const struct harvest *kept,
                                   const struct flip_plan *plan,
                                   const struct journal_report *report, const char *where) {
    struct memory_disk *disk = memory_disk_copy(run->disk);
    struct flip_plan shorter = *plan;
    struct journal_report before;
    struct journal_error error;
    struct harvest intact;
    bool good;

    wipe_tail(disk, report);
    if (harvest_disk(run, disk, false, &intact, &before, &error) == 0)
        shorter.intact = &intact;
    good = check_kept(run, kept, &shorter, where, "salvage");
    harvest_clear(&intact);
    memory_disk_destroy(disk);
    return good;
}

static bool has_torn_tail(const struct journal_report *report, const struct flip_plan *plan) {
    return report->torn_tail && report->last_index < plan->intact_report->last_index &&
           report->last_index + plan->torn_batches >= plan->intact_report->last_index;
}

/*
 * After salvage: nothing that never was, at most what was hit is missing, and the next start is an
 * ordinary one.
 */
static bool check_salvage(struct run *run, struct memory_disk *disk, const struct flip_plan *plan,
                          const char *where) {
    struct harvest kept, again;
    struct journal_report report;
    struct journal_error error;
    int code = harvest_disk(run, disk, true, &kept, &report, &error);
    bool good = true;

    if (code < 0)
        good = run_fail(run, "%s: salvage failed: %s", where, error.text);
    if (good)
        good = has_torn_tail(&report, plan)
                   ? check_kept_before_tail(run, &kept, plan, &report, where)
                   : check_kept(run, &kept, plan, where, "salvage");
    if (good && kept.unreadable > 0)
        good = run_fail(run, "%s: salvage kept what cannot be read", where);
    if (good) {
        code = harvest_disk(run, disk, false, &again, &report, &error);
        if (code < 0)
            good = run_fail(run, "%s: refused after salvage: %s", where, error.text);
        else if (again.sum != kept.sum)
            good = run_fail(run, "%s: the start after salvage finds something else", where);
        harvest_clear(&again);
    }
    harvest_clear(&kept);
    return good;
}

static bool check_damaged(struct run *run, struct memory_disk *disk, const struct flip_plan *plan,
                          const char *where) {
    struct memory_disk *for_salvage = memory_disk_copy(disk);
    struct journal_report report;
    struct journal_error error;
    struct harvest found;
    int code = harvest_disk(run, disk, false, &found, &report, &error);
    bool good = true;

    run->figures->states++;
    run->figures->stood_in += report.checkpoint_damaged;
    if (code == -EBADMSG) {
        run->figures->refused++;
        if (strstr(error.text, ".lv") == NULL && strstr(error.text, "checkpoints") == NULL)
            good = run_fail(run, "%s: refused without naming a file: %s", where, error.text);
        else
            good = check_salvage(run, for_salvage, plan, where);
    } else if (code < 0) {
        good = run_fail(run, "%s: refused for another reason: %d %s", where, code, error.text);
    } else if (found.unreadable > 0) {
        run->figures->unreadable++;
        good = found.unreadable <= plan->most_lost ||
               run_fail(run, "%s: %zu messages are unreadable", where, found.unreadable);
        good = good && check_kept(run, &found, plan, where, "the start") &&
               check_salvage(run, for_salvage, plan, where);
    } else if (has_torn_tail(&report, plan)) {
        run->figures->torn_tails++;
        good = run_is_possible(run, SIZE_MAX, report.last_index, found.sum, false) ||
               run_fail(run, "%s: the torn tail left a state of no batch", where);
    } else if (plan->can_wipe && report.last_index + 1 == plan->intact_report->last_index) {
        run->figures->torn_tails++;
    } else if (report.last_index != plan->intact_report->last_index ||
               found.sum != plan->intact->sum) {
        good = run_fail(run, "%s: not detected", where);
    }
    harvest_clear(&found);
    memory_disk_destroy(for_salvage);
    return good;
}

/* The file that octet number `at` of all files one behind the other is in, and where. */
static const char *find_octet(struct memory_disk *disk, uint64_t *at, uint8_t **ret_octets,
                              size_t *ret_len) {
    const char *name;

    for (size_t i = 0; (name = memory_disk_file(disk, i, ret_octets, ret_len)) != NULL; i++) {
        if (*at < *ret_len)
            return name;
        *at -= *ret_len;
    }
    return NULL;
}

static bool check_flip(struct run *run, uint64_t at, const struct flip_plan *plan) {
    struct memory_disk *disk = memory_disk_copy(run->disk);
    uint8_t *octets;
    size_t len;
    const char *name = find_octet(disk, &at, &octets, &len);
    char where[128];
    bool good;

    octets[at] ^= (uint8_t)(1u << random_below(&run->random, 8));
    snprintf(where, sizeof where, "%s: octet %" PRIu64, name, at);
    good = check_damaged(run, disk, plan, where);
    memory_disk_destroy(disk);
    return good;
}

/* ---- damage of many octets ---- */

enum { RANDOM_OCTETS, RANDOM_SECTOR, COPIED_SECTOR, DAMAGE_KINDS };
enum { SECTOR = 512, RANDOM_AT_MOST = 200, SMALLEST_THING = 48 };

static void scribble(struct run *run, uint8_t *octets, size_t len) {
    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)random_next(&run->random);
}

/* Some octets are random, or a sector, or a sector is a copy of another one. How many were hit. */
static size_t damage(struct run *run, uint64_t kind, uint8_t *octets, size_t len, uint64_t *at) {
    size_t hit = 2 + random_below(&run->random, RANDOM_AT_MOST);

    if (kind != RANDOM_OCTETS) {
        *at -= *at % SECTOR;
        hit = SECTOR;
    }
    hit = hit < len - *at ? hit : len - (size_t)*at;
    if (kind != COPIED_SECTOR)
        scribble(run, octets + *at, hit);
    else
        memmove(octets + *at,
                octets + random_below(&run->random, (len - hit) / SECTOR + 1) * SECTOR, hit);
    return hit;
}

/*
 * The last batch of an unclean stop can be wiped out without a trace by zeros that another sector has;
 * by anything else it is seen. Damage across a boundary can tear the last two.
 */
static bool check_damage(struct run *run, uint64_t at, const struct flip_plan *intact) {
    struct memory_disk *disk = memory_disk_copy(run->disk);
    struct flip_plan plan = *intact;
    uint8_t *octets;
    size_t len, hit;
    uint64_t kind = random_below(&run->random, DAMAGE_KINDS);
    const char *name = find_octet(disk, &at, &octets, &len);
    char where[128];
    bool good;

    hit = damage(run, kind, octets, len, &at);
    plan.most_lost = hit / SMALLEST_THING + 2;
    plan.torn_batches = 2;
    plan.can_wipe = kind == COPIED_SECTOR;
    snprintf(where, sizeof where, "%s: %zu octets from %" PRIu64, name, hit, at);
    good = check_damaged(run, disk, &plan, where);
    memory_disk_destroy(disk);
    return good;
}

static uint64_t directory_size(struct memory_disk *disk) {
    uint64_t size = 0;
    uint8_t *octets;
    size_t len;

    for (size_t i = 0; memory_disk_file(disk, i, &octets, &len) != NULL; i++)
        size += len;
    return size;
}

/* `damages` places at random, or with 0 every octet, damaged by `check`. */
static void damage_all(struct run *run, uint64_t damages,
                       bool (*check)(struct run *run, uint64_t at, const struct flip_plan *plan)) {
    uint64_t size = directory_size(run->disk);
    struct memory_disk *disk = memory_disk_copy(run->disk);
    struct journal_report report;
    struct journal_error error;
    struct harvest intact;
    struct flip_plan plan = {&intact, &report, &run->known, 1, 1, false};

    if (harvest_disk(run, disk, false, &intact, &report, &error) < 0) {
        run_fail(run, "the intact directory is refused: %s", error.text);
    } else {
        hash_list_sort(&run->known);
        for (uint64_t i = 0; i < (damages == 0 ? size : damages); i++)
            check(run, damages == 0 ? i : random_below(&run->random, size), &plan);
    }
    harvest_clear(&intact);
    memory_disk_destroy(disk);
}

static bool damage_run(unsigned workload, uint64_t seed, uint64_t damages,
                       struct campaign_figures *figures,
                       bool (*check)(struct run *run, uint64_t at, const struct flip_plan *plan)) {
    struct run run;

    run_begin(&run, workload, seed, figures);
    if (run_begin_life(&run)) {
        run_live(&run, 60);
        run_end_life(&run, seed % 2 == 0);
        damage_all(&run, damages, check);
    }
    return run_end(&run);
}

bool campaign_flip(unsigned workload, uint64_t seed, uint64_t flips,
                   struct campaign_figures *figures) {
    return damage_run(workload, seed, flips, figures, check_flip);
}

bool campaign_damage(unsigned workload, uint64_t seed, uint64_t damages,
                     struct campaign_figures *figures) {
    return damage_run(workload, seed, damages, figures, check_damage);
}
