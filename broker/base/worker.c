/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two lists under one lock: jobs to run and jobs that were run. `has_finished` is looked at by every tick
 * and is atomic so that a tick without finished jobs takes no lock.
 */
#include "broker/base/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "broker/base/alloc.h"

struct worker {
    void (*wake)(void *context);
    void *context;
    pthread_t thread;
    bool is_started;
    size_t pending; /* the loop's own count */
    atomic_bool has_finished;
    pthread_mutex_t lock;
    pthread_cond_t submitted;
    pthread_cond_t idle;
    /* under the lock: */
    struct list to_run;
    struct list were_run;
    bool is_running; /* a job */
    bool is_ending;
};

struct worker *worker_create(void (*wake)(void *context), void *context) {
    struct worker *worker = xcalloc(1, sizeof *worker);

    worker->wake = wake;
    worker->context = context;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->submitted, NULL);
    pthread_cond_init(&worker->idle, NULL);
    list_init(&worker->to_run);
    list_init(&worker->were_run);
    return worker;
}

/* --- the worker's thread --- */

/* The next job, waiting for one; NULL at the end. Called and returns with the lock held. */
static struct job *next_job(struct worker *worker) {
    struct list *link;

    while ((link = list_take_first(&worker->to_run)) == NULL) {
        pthread_cond_broadcast(&worker->idle);
        if (worker->is_ending)
            return NULL;
        pthread_cond_wait(&worker->submitted, &worker->lock);
    }
    return LIST_ITEM(link, struct job, link);
}

static void *work(void *context) {
    struct worker *worker = context;
    struct job *job;

    pthread_mutex_lock(&worker->lock);
    while ((job = next_job(worker)) != NULL) {
        worker->is_running = true;
        pthread_mutex_unlock(&worker->lock);
        job->run(job);
        pthread_mutex_lock(&worker->lock);
        worker->is_running = false;
        list_append(&worker->were_run, &job->link);
        atomic_store(&worker->has_finished, true);
        worker->wake(worker->context);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* --- the loop's thread --- */

static void start(struct worker *worker) {
    if (worker->is_started)
        return;
    worker->is_started = true;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0)
        abort(); /* as without memory */
}

void worker_submit(struct worker *worker, struct job *job) {
    start(worker);
    list_init(&job->link);
    worker->pending++;
    pthread_mutex_lock(&worker->lock);
    list_append(&worker->to_run, &job->link);
    pthread_cond_signal(&worker->submitted);
    pthread_mutex_unlock(&worker->lock);
}

bool worker_collect(struct worker *worker) {
    struct list were_run;
    struct list *link;

    if (!atomic_load(&worker->has_finished))
        return false;
    list_init(&were_run);
    pthread_mutex_lock(&worker->lock);
    atomic_store(&worker->has_finished, false);
    list_move_all(&were_run, &worker->were_run);
    pthread_mutex_unlock(&worker->lock);
    while ((link = list_take_first(&were_run)) != NULL) {
        struct job *job = LIST_ITEM(link, struct job, link);
        worker->pending--;
        job->finish(job);
    }
    return true;
}

void worker_wait(struct worker *worker) {
    if (!worker->is_started)
        return;
    pthread_mutex_lock(&worker->lock);
    while (worker->is_running || !list_is_empty(&worker->to_run))
        pthread_cond_wait(&worker->idle, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
}

size_t worker_pending(const struct worker *worker) {
    return worker->pending;
}

static void end(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    worker->is_ending = true;
    pthread_cond_signal(&worker->submitted);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
}

void worker_destroy(struct worker *worker) {
    if (worker == NULL)
        return;
    if (worker->is_started)
        end(worker);
    worker_collect(worker);
    pthread_cond_destroy(&worker->idle);
    pthread_cond_destroy(&worker->submitted);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
