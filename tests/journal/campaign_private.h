/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the campaigns: the run and its book of versions (campaign_model.c), its workloads
 * (campaign_work.c), its lives and crashes (campaign.c), damage (campaign_damage.c).
 */
#ifndef TESTS_JOURNAL_CAMPAIGN_PRIVATE_H
#define TESTS_JOURNAL_CAMPAIGN_PRIVATE_H

#include "tests/journal/campaign.h"

/* A clean stop writes the open batch, a batch for its checkpoint and one that says so, each behind a SEAL. */
enum { BATCHES_OF_A_STOP = 5 };
enum { QUEUES = 4, KINDS_OF_META = 3, SUBSETS_UP_TO = 6, NEVER = -1 };

struct hash_list {
    uint64_t *hashes;
    size_t count, capacity;
};

struct model_target {
    struct journal_target target;
    uint64_t hash;
    struct stored_message *message;
};

struct model_content {
    uint8_t octets[64 + 64];
    uint8_t *body;
    struct slice parts[2];
    struct journal_content content;
};

struct version {
    uint64_t index;
    uint64_t hash;
    size_t born;       /* operations recorded when it was handed over */
    int64_t confirmed; /* NEVER, or operations recorded when it was known to be safe */
    bool clean;
};

struct model_queue {
    uint64_t id;
    uint64_t sequence;
    struct model_target *targets;
    size_t count, capacity;
};

struct run {
    struct random random;
    unsigned workload;
    uint64_t seed;
    struct memory_disk *disk;
    struct journal *journal;
    struct campaign_figures *figures;
    struct model_queue queues[QUEUES];
    uint64_t next_queue_id;
    uint64_t meta[KINDS_OF_META][4]; /* hash of what is under the key, 0 for nothing */
    uint64_t hash;
    uint64_t submitted_hash;
    bool submitted_clean;
    struct version *versions;
    size_t version_count, version_capacity;
    uint64_t last_index; /* last known to be written */
    uint64_t last_hash;  /* state it stands for */
    uint64_t content_number;
    struct hash_list known; /* every target and definition there ever was */
    bool expects_failure;
    char failing[64]; /* which call fails, for the report */
    bool failed;
};

struct checker {
    uint64_t hash;
    struct run *run; /* whose model to fill, or NULL */
    struct stored_message **messages;
    uint64_t *contents;
    size_t count;
    size_t unreadable;
};

uint64_t campaign_mix(uint64_t value);
uint64_t campaign_hash_content(const struct journal_content *content);
uint64_t campaign_hash_target(uint64_t content, struct journal_target target);
uint64_t campaign_hash_meta(uint8_t kind, struct slice key, struct slice payload);
void hash_list_add(struct hash_list *list, uint64_t hash);
void hash_list_sort(struct hash_list *list);
bool hash_list_has(const struct hash_list *list, uint64_t hash);
__attribute__((format(printf, 2, 3))) bool run_fail(struct run *run, const char *format, ...);
struct journal_options run_options(const struct run *run, struct memory_disk *disk);
size_t run_now(const struct run *run);
void run_note_handed_over(struct run *run, bool clean);
void run_note_confirmed(struct run *run, uint64_t index, uint64_t hash, bool clean);
uint64_t run_safe_index(const struct run *run, size_t position);
bool run_is_possible(const struct run *run, size_t position, uint64_t index, uint64_t hash,
                     bool clean);
void model_queue_add(struct model_queue *queue, struct model_target target);
bool run_live(struct run *run, unsigned ticks);
bool run_end_life(struct run *run, bool clean);
bool run_begin_life(struct run *run);
void run_begin(struct run *run, unsigned workload, uint64_t seed, struct campaign_figures *figures);
bool run_end(struct run *run);
void run_work(struct run *run);
/* Checks the states that a crash can leave where `crash` stands: all subsets and tears from 32 on. */
bool run_check_boundary(struct run *run, struct disk_crash *crash, unsigned states);

#endif
