/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which targets are alive: one bit for each (queue id, sequence), in pages of 1024 sequences, and
 * for each queue the highest sequence ever used. The set is what a checkpoint stores and what
 * replay decides by, so a queue of ten million messages costs little more than a megabyte of it.
 */
#ifndef LEVERET_PERSISTENCE_LIVE_SET_H
#define LEVERET_PERSISTENCE_LIVE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persistence/walk_list.h"

enum { LIVE_PAGE_SEQUENCES = 1024, LIVE_PAGE_OCTETS = LIVE_PAGE_SEQUENCES / 8 };

struct live_page {
    struct walk_link link;
    uint64_t queue_id;
    uint64_t number; /* sequence / 1024 */
    uint32_t population;
    uint8_t bits[LIVE_PAGE_OCTETS];
    struct live_page *previous; /* of the same queue */
    struct live_page *next;
};

struct live_queue {
    struct walk_link link;
    uint64_t id;
    uint64_t highest_sequence;
    struct live_page *pages;
};

/* Hash table from a pair of numbers to a pointer; the numbers are the broker's, not the peers'. */
struct pair_map {
    struct pair_slot *slots;
    size_t capacity;
    size_t count;
};

struct live_set {
    struct walk_list queue_list;
    struct walk_list page_list;
    struct pair_map queues;
    struct pair_map pages;
    struct live_page *last_page; /* the one used last, or NULL */
};

void live_set_clear(struct live_set *set);

/* Adds the target; `sequence` counts as used from now on. */
void live_set_add(struct live_set *set, uint64_t queue_id, uint64_t sequence);
bool live_set_contains(struct live_set *set, uint64_t queue_id, uint64_t sequence);
/* True when it was there. */
bool live_set_remove(struct live_set *set, uint64_t queue_id, uint64_t sequence);
void live_set_remove_range(struct live_set *set, uint64_t queue_id, uint64_t first, uint64_t count);
void live_set_remove_queue(struct live_set *set, uint64_t queue_id);

/* Makes the queue known with at least this highest sequence. */
void live_set_raise(struct live_set *set, uint64_t queue_id, uint64_t highest_sequence);
/* 0 for a queue that is not known. */
uint64_t live_set_highest(struct live_set *set, uint64_t queue_id);
/* A whole page, as a checkpoint has it; nothing of it may be there yet. */
void live_set_add_page(struct live_set *set, uint64_t queue_id, uint64_t number,
                       const uint8_t bits[LIVE_PAGE_OCTETS]);

/* One walk at a time through every queue and every page; NULL at the end. See walk_list.h. */
void live_set_begin_walk(struct live_set *set);
const struct live_queue *live_set_next_queue(struct live_set *set);
const struct live_page *live_set_next_page(struct live_set *set);

#endif
