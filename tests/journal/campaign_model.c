/* SPDX-License-Identifier: Apache-2.0 */
/* What a run has done and what may be found of it: hashes, and the book of versions. */
#include <stdarg.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/journal/campaign_private.h"

/* ---- randomness and hashes ---- */

uint64_t random_next(struct random *random) {
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t random_below(struct random *random, uint64_t bound) {
    return random_next(random) % bound;
}

uint64_t campaign_mix(uint64_t value) {
    struct random random = {value};

    return random_next(&random);
}

static uint64_t hash_octets(uint64_t hash, struct slice octets) {
    uint64_t eight;
    size_t at = 0;

    for (; octets.len - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, octets.data + at, sizeof eight);
        hash = (hash ^ eight) * UINT64_C(0x9fb21c651e98df25);
        hash ^= hash >> 29;
    }
    for (; at < octets.len; at++)
        hash = (hash ^ octets.data[at]) * UINT64_C(0x100000001b3);
    return campaign_mix(hash ^ octets.len);
}

uint64_t campaign_hash_content(const struct journal_content *content) {
    uint64_t hash = hash_octets(1, content->address);
    struct slice joined = {NULL, 0};
    uint8_t *all = NULL;

    hash = hash_octets(hash, content->header);
    for (size_t i = 0; i < content->body_parts; i++) {
        all = realloc(all, joined.len + content->body[i].len + 1);
        if (all == NULL)
            abort();
        if (content->body[i].len > 0)
            memcpy(all + joined.len, content->body[i].data, content->body[i].len);
        joined = slice_of(all, joined.len + content->body[i].len);
    }
    hash = hash_octets(hash, joined);
    free(all);
    return hash;
}

uint64_t campaign_hash_target(uint64_t content, struct journal_target target) {
    return campaign_mix(content ^ campaign_mix(target.queue_id ^ campaign_mix(target.sequence)));
}

uint64_t campaign_hash_meta(uint8_t kind, struct slice key, struct slice payload) {
    return campaign_mix(hash_octets(hash_octets(kind + UINT64_C(1000), key), payload));
}

/* ---- lists of hashes ---- */

void hash_list_add(struct hash_list *list, uint64_t hash) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 256 : list->capacity * 2;
        list->hashes = realloc(list->hashes, list->capacity * sizeof *list->hashes);
        if (list->hashes == NULL)
            abort();
    }
    list->hashes[list->count++] = hash;
}

static int compare_hashes(const void *left, const void *right) {
    const uint64_t *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

void hash_list_sort(struct hash_list *list) {
    if (list->count > 1)
        qsort(list->hashes, list->count, sizeof *list->hashes, compare_hashes);
}

bool hash_list_has(const struct hash_list *list, uint64_t hash) {
    return list->count > 0 &&
           bsearch(&hash, list->hashes, list->count, sizeof hash, compare_hashes) != NULL;
}

/* ---- the run ---- */

static const char *const workload_names[WORKLOAD_KINDS] = {
    "confirms", "fan-out", "acks",  "transactions", "dead letters", "definitions",
    "deletes",  "purges",  "large", "backlog",      "compaction",   "mix",
};

void campaign_note_failure(struct campaign_figures *figures, const char *campaign,
                           unsigned workload, const char *name, uint64_t seed, const char *failing,
                           const char *format, va_list arguments) {
    char text[700];

    vsnprintf(text, sizeof text, format, arguments);
    if (figures->failed++ == 0)
        snprintf(figures->first_failure, sizeof figures->first_failure,
                 "%sworkload %u (%s) seed %" PRIu64 "%s: %s", campaign, workload, name, seed,
                 failing, text);
}

bool run_fail(struct run *run, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    campaign_note_failure(run->figures, "", run->workload,
                          workload_names[run->workload % WORKLOAD_KINDS], run->seed, run->failing,
                          format, arguments);
    va_end(arguments);
    run->failed = true;
    return false;
}

struct journal_options run_options(const struct run *run, struct memory_disk *disk) {
    bool small = run->workload < WORKLOAD_KINDS;
    struct journal_options options = {
        .io = memory_disk_io(disk),
        .segment_size = small ? 32 * 1024 : 128 * 1024,
        .first_segment_size = small ? 16 * 1024 : 64 * 1024,
        .checkpoint_bytes = small ? 96 * 1024 : 512 * 1024,
        .spare_segments = run->workload % 3,
    };

    for (size_t i = 0; i < sizeof options.uuid; i++)
        options.uuid[i] = (uint8_t)campaign_mix(run->seed + i);
    return options;
}

/* ---- the book of versions ---- */

size_t run_now(const struct run *run) {
    return memory_disk_operations(run->disk);
}

static struct version *run_add_version(struct run *run, uint64_t index, uint64_t hash, bool clean) {
    for (size_t i = run->version_count; i-- > 0;) {
        struct version *version = &run->versions[i];

        if (version->index == index && version->hash == hash && version->clean == clean)
            return version;
    }
    if (run->version_count == run->version_capacity) {
        run->version_capacity = run->version_capacity == 0 ? 256 : run->version_capacity * 2;
        run->versions = realloc(run->versions, run->version_capacity * sizeof *run->versions);
        if (run->versions == NULL)
            abort();
    }
    run->versions[run->version_count] = (struct version){
        .index = index, .hash = hash, .born = run_now(run), .confirmed = NEVER, .clean = clean};
    return &run->versions[run->version_count++];
}

/* What may be found once the batch is handed over: itself, behind a SEAL or not, or the SEAL. */
void run_note_handed_over(struct run *run, bool clean) {
    run->submitted_hash = run->hash;
    run->submitted_clean = clean;
    run_add_version(run, run->last_index + 1, run->hash, clean);
    run_add_version(run, run->last_index + 1, run->last_hash, false);
    run_add_version(run, run->last_index + 2, run->hash, clean);
    for (uint64_t i = 3; clean && i <= BATCHES_OF_A_STOP; i++)
        run_add_version(run, run->last_index + i, run->hash, clean);
}

void run_note_confirmed(struct run *run, uint64_t index, uint64_t hash, bool clean) {
    struct version *version = run_add_version(run, index, hash, clean);

    if (version->confirmed == NEVER)
        version->confirmed = (int64_t)run_now(run);
    run->last_index = index;
    run->last_hash = hash;
}

/* The index that must be found at least after `position` operations. */
uint64_t run_safe_index(const struct run *run, size_t position) {
    uint64_t safe = 0;

    for (size_t i = 0; i < run->version_count; i++) {
        const struct version *version = &run->versions[i];

        if (version->confirmed != NEVER && (size_t)version->confirmed <= position &&
            version->index > safe)
            safe = version->index;
    }
    return safe;
}

static bool is_confirmed(const struct version *version, size_t position) {
    return version->confirmed != NEVER && (size_t)version->confirmed <= position;
}

/* Whether `index` standing for `hash` can be found after `position` operations. */
bool run_is_possible(const struct run *run, size_t position, uint64_t index, uint64_t hash,
                     bool clean) {
    bool possible = index == 0 && hash == 0;
    bool decided = false;

    for (size_t i = 0; i < run->version_count; i++) {
        const struct version *version = &run->versions[i];

        if (version->index != index || version->born > position)
            continue;
        if (is_confirmed(version, position)) {
            if (version->hash == hash && (version->clean || !clean))
                return true;
            decided = decided || version->hash != hash;
        }
        if (version->hash == hash && (version->clean || !clean))
            possible = true;
    }
    return possible && !decided;
}
