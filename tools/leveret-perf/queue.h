/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of the broker as leveret-perf sees it: its name, and what came out of it.
 */
#ifndef LEVERET_PERF_QUEUE_H
#define LEVERET_PERF_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/leveret-perf/sequence.h"

struct perf;

#define QUEUE_NAME_SIZE 256

struct queue {
    char name[QUEUE_NAME_SIZE];
    uint32_t run; /* whose messages `sequences` follows: ours, or with -x 0 those that come */
    struct sequence *sequences; /* per producer */
};

/* How many producers' messages are told apart: ours, or with -x 0 as many as there can be. */
uint32_t queue_sequence_count(const struct perf *perf);

void queue_init(struct queue *queue, const struct perf *perf, uint32_t index);
void queue_clear(struct queue *queue, const struct perf *perf);

/* Takes note of a message; false when it came before. */
bool queue_take(struct queue *queue, const struct perf *perf, uint32_t run, uint32_t producer,
                uint64_t number);

/* The queue that a producer or consumer of this number uses. */
struct queue *queue_of(const struct perf *perf, uint32_t index);

#endif
