/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread beside the loop for work that takes long and touches nothing of the broker: slow password
 * hashes, page reads. A job is handed over, run on the thread in the order of submission, and finished on
 * the loop's thread by worker_collect(). Whoever wants jobs of two kinds not to wait for each other makes
 * two workers. The thread starts with the first job.
 *
 *     struct hash_job { struct job job; ... };          job first, or LIST_ITEM-like arithmetic
 *     job->run     on the worker's thread: reads and writes nothing but the job itself
 *     job->finish  on the loop's thread: takes the job back, frees it
 */
#ifndef LEVERET_BROKER_BASE_WORKER_H
#define LEVERET_BROKER_BASE_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/base/list.h"

struct worker;

struct job {
    struct list link;
    void (*run)(struct job *job);
    void (*finish)(struct job *job);
};

/* `wake` is called on the worker's thread when there is something to collect. */
struct worker *worker_create(void (*wake)(void *context), void *context);

/* The job belongs to the worker until it is finished. */
void worker_submit(struct worker *worker, struct job *job);

/* Finishes what has been run. True when there was something. Cheap when there was not. */
bool worker_collect(struct worker *worker);

/* Blocks until everything submitted has been run. */
void worker_wait(struct worker *worker);

/* Jobs that are submitted and not finished. */
size_t worker_pending(const struct worker *worker);

/* Runs and finishes what was submitted, ends the thread. NULL is allowed. */
void worker_destroy(struct worker *worker);

#endif
