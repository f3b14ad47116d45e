/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "tools/leveret-perf/perf.h"

/* Several consumers may take what was first in a queue in any order: start that much below the
 * first number of another run. */
#define FOREIGN_SLACK (UINT64_C(1) << 20)

uint32_t queue_sequence_count(const struct perf *perf) {
    return perf->producer_count > 0 ? perf->producer_count : BODY_PRODUCERS_MAX;
}

/* Pattern is the part before %d, the number, and the part after it. */
static void format_name(struct queue *queue, const char *pattern, int64_t number) {
    const char *conversion = strstr(pattern, "%d");

    snprintf(queue->name, sizeof queue->name, "%.*s%lld%s", (int)(conversion - pattern), pattern,
             (long long)number, conversion + 2);
}

void queue_init(struct queue *queue, const struct perf *perf, uint32_t index) {
    const struct options *options = &perf->options;

    if (options->queue_pattern != NULL)
        format_name(queue, options->queue_pattern, options->queue_pattern_from + index);
    else
        snprintf(queue->name, sizeof queue->name, "%s", options->queue);
    queue->run = perf->run;
    queue->sequences = xcalloc(queue_sequence_count(perf), sizeof *queue->sequences);
}

void queue_clear(struct queue *queue, const struct perf *perf) {
    for (uint32_t i = 0; queue->sequences != NULL && i < queue_sequence_count(perf); i++)
        sequence_clear(&queue->sequences[i]);
    free(queue->sequences);
}

/* Another run's messages follow: forgets the last one's. */
static void follow_run(struct queue *queue, const struct perf *perf, uint32_t run) {
    for (uint32_t i = 0; i < queue_sequence_count(perf); i++)
        sequence_restart(&queue->sequences[i], 0);
    queue->run = run;
}

bool queue_take(struct queue *queue, const struct perf *perf, uint32_t run, uint32_t producer,
                uint64_t number) {
    struct sequence *sequence = &queue->sequences[producer];

    if (run != queue->run)
        follow_run(queue, perf, run);
    if (perf->producer_count == 0 && sequence->seen == 0 && number > FOREIGN_SLACK)
        sequence_restart(sequence, number - FOREIGN_SLACK);
    return sequence_take(sequence, number);
}

struct queue *queue_of(const struct perf *perf, uint32_t index) {
    return &perf->queues[index % perf->queue_count];
}
