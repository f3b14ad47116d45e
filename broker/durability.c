/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/durability.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "broker/config.h"
#include "broker/entities/broker.h"
#include "broker/entities/paging.h"
#include "broker/entities/store.h"
#include "broker/net/loop.h"
#include "broker/recovery.h"
#include "persistence/io.h"
#include "persistence/journal.h"
#include "persistence/pager.h"

void durability_init(struct durability *durability, struct broker *broker, struct loop *loop,
                     const struct config *config) {
    *durability = (struct durability){.broker = broker, .loop = loop, .config = config};
}

static void on_wake(void *context) {
    struct durability *durability = context;
    durability->has_finished = true;
}

/* On one of the journal's threads. */
static void on_batch_finished(void *context) {
    struct durability *durability = context;
    loop_wake(durability->loop);
}

static int open_directory(struct durability *durability, const char *directory,
                          struct text *error) {
    int result = io_posix_open(directory, &durability->io);
    if (result == 0)
        return EX_OK;
    if (result == -EWOULDBLOCK)
        text_append_format(error, "data directory %s is in use by another broker", directory);
    else if (result == -EPERM)
        text_append_format(
            error,
            "data directory %s: it must belong to the user that runs the broker, and "
            "others must not be able to write there",
            directory);
    else
        text_append_format(error, "data directory %s: %s", directory, strerror(-result));
    return result == -EPERM ? EX_NOPERM : EX_CANTCREAT;
}

/* Messages above the limit leave memory; what is recovered is not even read before its turn. */
static int open_pager(struct durability *durability, struct text *error) {
    const struct pager_options options = {
        .io = durability->io,
        .journal = durability->broker->journal,
        .threaded = true,
        .notify = on_batch_finished,
        .notify_context = durability,
    };
    int result = pager_open(&options, &durability->pager);
    if (result < 0) {
        text_append_format(error, "overflow files: %s", strerror(-result));
        return EX_IOERR;
    }
    paging_create(durability->broker, durability->pager, durability->config->message_memory_limit);
    return EX_OK;
}

static int open_journal(struct durability *durability, const char *directory, struct text *error) {
    struct journal_options options = {
        .io = durability->io,
        .segment_size = durability->config->journal_segment_size,
        .spare_segments = 2,
        .threaded = true,
        .notify = on_batch_finished,
        .notify_context = durability,
    };
    durability->broker->env->fill_random(NULL, options.uuid, sizeof options.uuid);
    log_info(&durability->broker->env->log, "Data directory %s", directory);
    loop_set_on_wake(durability->loop, on_wake, durability);
    text_append_format(error, "data directory %s: ", directory);
    int code = recovery_run(durability->broker, &options, error);
    if (code == EX_OK)
        code = open_pager(durability, error);
    if (code == EX_DATAERR)
        text_append_format(error, ": leveret-journal salvage %s", directory);
    if (code == EX_OK)
        disk_watch_init(&durability->disk, durability->broker, durability->io);
    return code;
}

int durability_open(struct durability *durability, const char *path, struct text *error) {
    int code = open_directory(durability, path, error);

    if (code == EX_OK) {
        durability->path = strdup(path);
        code = open_journal(durability, path, error);
    }
    return code;
}

bool durability_submit(struct durability *durability) {
    struct broker *broker = durability->broker;

    if (broker->journal == NULL)
        return false;
    bool was_writing = journal_is_writing(broker->journal);
    bool is_safer = journal_submit(broker->journal, broker->env->wall_ms);
    if (!was_writing && journal_is_writing(broker->journal))
        durability->submitted_us = broker->env->now_us;
    return is_safer;
}

bool durability_collect(struct durability *durability) {
    struct broker *broker = durability->broker;

    if (!durability->has_finished)
        return false;
    durability->has_finished = false;
    bool was_writing = journal_is_writing(broker->journal);
    journal_collect(broker->journal);
    if (was_writing && !journal_is_writing(broker->journal))
        latencies_add(&broker->batch_latencies, broker->env->now_us - durability->submitted_us, 1);
    pager_collect(durability->pager);
    return true;
}

void durability_tick(struct durability *durability) {
    disk_watch_tick(&durability->disk);
}

int durability_close(struct durability *durability, bool has_failed) {
    struct broker *broker = durability->broker;
    struct journal *journal = broker->journal;

    if (journal == NULL)
        return EX_OK;
    if (!has_failed)
        store_prepare_stop(broker);
    pager_close(durability->pager);
    durability->pager = NULL;
    paging_destroy(broker->paging);
    broker->journal = NULL;
    int result = journal_close(journal, !has_failed);
    if (result < 0)
        log_error(&broker->env->log, "Journal: %s", strerror(-result));
    return result < 0 || has_failed ? EX_IOERR : EX_OK;
}

void durability_clear(struct durability *durability) {
    io_posix_close(durability->io);
    free(durability->path);
}
