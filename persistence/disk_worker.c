/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two lists under one mutex: what is to be run and what was. The thread takes all that is to be run
 * at once and gives each piece back as it is finished.
 */
#include "persistence/disk_worker.h"

#include <pthread.h>

#include "persistence/octets.h"

struct work_list {
    struct disk_work *first;
    struct disk_work *last;
};

struct disk_worker {
    void (*notify)(void *context);
    void *notify_context;
    /* Under `mutex`. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct work_list submitted;
    struct work_list finished;
    bool stop;
    /* Of the loop thread. */
    pthread_t thread;
    bool has_thread;
    size_t out; /* submitted and not done */
};

static void append(struct work_list *list, struct disk_work *work) {
    work->next = NULL;
    if (list->last != NULL)
        list->last->next = work;
    else
        list->first = work;
    list->last = work;
}

static struct disk_work *take_first(struct work_list *list) {
    struct disk_work *work = list->first;

    if (work == NULL)
        return NULL;
    list->first = work->next;
    if (list->first == NULL)
        list->last = NULL;
    return work;
}

/* Locked. False when there is nothing to run. */
static bool run_next(struct disk_worker *worker) {
    struct disk_work *work = take_first(&worker->submitted);

    if (work == NULL)
        return false;
    pthread_mutex_unlock(&worker->mutex);
    work->run(work);
    pthread_mutex_lock(&worker->mutex);
    append(&worker->finished, work);
    return true;
}

static void *thread_main(void *argument) {
    struct disk_worker *worker = argument;

    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        if (run_next(worker)) {
            pthread_mutex_unlock(&worker->mutex);
            worker->notify(worker->notify_context);
            pthread_mutex_lock(&worker->mutex);
        } else if (worker->stop) {
            break;
        } else {
            pthread_cond_wait(&worker->wake, &worker->mutex);
        }
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

struct disk_worker *disk_worker_create(bool threaded, void (*notify)(void *context),
                                       void *notify_context) {
    struct disk_worker *worker = journal_allocate(1, sizeof *worker);

    worker->notify = notify;
    worker->notify_context = notify_context;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->wake, NULL);
    if (!threaded)
        return worker;
    worker->has_thread = pthread_create(&worker->thread, NULL, thread_main, worker) == 0;
    if (worker->has_thread)
        return worker;
    disk_worker_destroy(worker);
    return NULL;
}

static void stop_thread(struct disk_worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    worker->stop = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    worker->has_thread = false;
}

void disk_worker_destroy(struct disk_worker *worker) {
    if (worker == NULL)
        return;
    if (worker->has_thread)
        stop_thread(worker);
    while (disk_worker_is_busy(worker)) { /* what is done may submit more */
        disk_worker_run(worker);
        disk_worker_collect(worker);
    }
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}

void disk_worker_submit(struct disk_worker *worker, struct disk_work *work) {
    worker->out++;
    pthread_mutex_lock(&worker->mutex);
    append(&worker->submitted, work);
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->mutex);
}

void disk_worker_collect(struct disk_worker *worker) {
    struct work_list finished;
    struct disk_work *work;

    if (worker->out == 0)
        return;
    pthread_mutex_lock(&worker->mutex);
    finished = worker->finished;
    worker->finished = (struct work_list){0};
    pthread_mutex_unlock(&worker->mutex);
    while ((work = take_first(&finished)) != NULL) {
        worker->out--;
        work->done(work);
    }
}

void disk_worker_run(struct disk_worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    while (run_next(worker))
        continue;
    pthread_mutex_unlock(&worker->mutex);
}

bool disk_worker_is_busy(const struct disk_worker *worker) {
    return worker->out > 0;
}
