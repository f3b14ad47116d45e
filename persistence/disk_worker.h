/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that does small pieces of work in the order in which they were given, so that whoever
 * gives them never waits for a disk. Everything here is called on the loop thread; only `run` of a
 * piece of work is called on the worker's.
 *
 *   disk_worker_submit --> run (worker) --> notify (worker) --> disk_worker_collect --> done
 *
 * Unthreaded, disk_worker_run() does what the thread would; tests step through it that way.
 */
#ifndef LEVERET_PERSISTENCE_DISK_WORKER_H
#define LEVERET_PERSISTENCE_DISK_WORKER_H

#include <stdbool.h>

struct disk_worker;

/* First member of what is to be done. Belongs to the worker until `done`, which may free it. */
struct disk_work {
    struct disk_work *next;
    void (*run)(struct disk_work *work);
    void (*done)(struct disk_work *work);
};

/* NULL when there is no thread to be had. */
struct disk_worker *disk_worker_create(bool threaded, void (*notify)(void *context),
                                       void *notify_context);
/* Everything submitted is run and done first. NULL is allowed. */
void disk_worker_destroy(struct disk_worker *worker);

void disk_worker_submit(struct disk_worker *worker, struct disk_work *work);
/* Calls `done` of all that was run. */
void disk_worker_collect(struct disk_worker *worker);
/* Unthreaded: runs what was submitted. */
void disk_worker_run(struct disk_worker *worker);
/* Something was submitted and is not done. */
bool disk_worker_is_busy(const struct disk_worker *worker);

#endif
