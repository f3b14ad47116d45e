/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/null-journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "broker/base/alloc.h"

struct batch {
    uint8_t *at;
    size_t len, size;
};

struct null_journal {
    int file, event;
    struct batch gathering;
    bool in_flight;
    pthread_mutex_t lock; /* for `writing.len`: 0 when the thread has nothing to do */
    pthread_cond_t work;
    struct batch writing;
};

static void write_batch(const struct null_journal *journal, const uint8_t *at, size_t len) {
    while (len > 0) {
        ssize_t written = write(journal->file, at, len);
        if (written < 0 && errno != EINTR)
            break;
        at += written > 0 ? written : 0;
        len -= (size_t)(written > 0 ? written : 0);
    }
    if (len > 0 || fdatasync(journal->file) != 0) {
        perror("null-broker: the journal");
        abort();
    }
}

static void *run_thread(void *context) {
    struct null_journal *journal = context;
    uint64_t one = 1;

    for (;;) {
        pthread_mutex_lock(&journal->lock);
        while (journal->writing.len == 0)
            pthread_cond_wait(&journal->work, &journal->lock);
        pthread_mutex_unlock(&journal->lock);
        write_batch(journal, journal->writing.at, journal->writing.len);
        journal->writing.len = 0;
        if (write(journal->event, &one, sizeof one) < 0)
            abort();
    }
    return NULL;
}

struct null_journal *null_journal_open(const char *path) {
    struct null_journal *journal = xcalloc(1, sizeof *journal);
    pthread_t thread;

    journal->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    journal->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_cond_init(&journal->work, NULL);
    if (journal->file < 0 || journal->event < 0 ||
        pthread_create(&thread, NULL, run_thread, journal) != 0) {
        fprintf(stderr, "null-broker: %s: %s\n", path, strerror(errno));
        free(journal);
        return NULL;
    }
    return journal;
}

void null_journal_append(struct null_journal *journal, struct slice octets) {
    struct batch *batch = &journal->gathering;

    if (batch->size - batch->len < octets.len) {
        batch->size = (batch->size + octets.len) * 2;
        batch->at = xrealloc(batch->at, batch->size);
    }
    memcpy(batch->at + batch->len, octets.data, octets.len);
    batch->len += octets.len;
}

bool null_journal_submit(struct null_journal *journal) {
    struct batch free_batch;

    if (journal->in_flight || journal->gathering.len == 0)
        return false;
    journal->in_flight = true;
    pthread_mutex_lock(&journal->lock);
    free_batch = journal->writing;
    journal->writing = journal->gathering;
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->lock);
    journal->gathering = free_batch;
    return true;
}

bool null_journal_take_done(struct null_journal *journal) {
    uint64_t count;

    if (!journal->in_flight || read(journal->event, &count, sizeof count) != sizeof count)
        return false;
    journal->in_flight = false;
    return true;
}

int null_journal_event(const struct null_journal *journal) {
    return journal->event;
}
