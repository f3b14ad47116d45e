/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/micro/box.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/entities/permission.h"
#include "broker/entities/store.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/confirms.h"
#include "broker/protocol/gate.h"
#include "broker/recovery.h"
#include "persistence/journal.h"

#define RUN_BUDGET 4096

/* The same "random" octets each time, so that counts do not differ. */
static void fill(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 42, len);
}

static void no_line(void *context, enum log_category category, enum log_level level,
                    const char *message) {
    (void)category;
    (void)context;
    (void)level;
    (void)message;
}

static void open_journal(struct box *box) {
    struct journal_options options = {.uuid = {1}};
    struct text error = {0};

    snprintf(box->directory, sizeof box->directory, "/tmp/micro-bench-XXXXXX");
    if (mkdtemp(box->directory) == NULL || io_posix_open(box->directory, &box->io) < 0)
        abort();
    options.io = box->io;
    if (recovery_run(box->broker, &options, &error) != 0)
        abort();
}

void box_init(struct box *box, bool durable) {
    struct broker_settings settings;

    *box = (struct box){.env = {.now_ms = 1000000,
                                .wall_ms = INT64_C(1795000000000),
                                .hash_seed = 42,
                                .fill_random = fill,
                                .log = {.level = LOG_ERROR, .sink = no_line}}};
    broker_settings_init(&settings);
    box->broker = broker_create(&box->env, &settings);
    if (durable)
        open_journal(box);
    box->vhost = broker_add_vhost(box->broker, SLICE("/"));
    permission_grant_all(user_add(box->broker, SLICE("guest"), SLICE("guest")), box->vhost);
}

static void remove_files(const char *directory) {
    DIR *files = opendir(directory);
    const struct dirent *file;
    char path[512];

    while ((file = readdir(files)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", directory, file->d_name);
        unlink(path);
    }
    closedir(files);
    rmdir(directory);
}

void box_clear(struct box *box) {
    if (box->broker->journal != NULL) {
        struct journal *journal = box->broker->journal;
        store_prepare_stop(box->broker);
        box->broker->journal = NULL;
        journal_close(journal, true);
    }
    broker_destroy(box->broker);
    if (box->io == NULL)
        return;
    io_posix_close(box->io);
    remove_files(box->directory);
}

static void write_batch(struct box *box) {
    struct journal *journal = box->broker->journal;

    journal_submit(journal, box->env.wall_ms);
    if (journal_is_writing(journal)) {
        journal_write_now(journal);
        journal_collect(journal);
    }
    confirms_resume(box->broker);
    gates_open(box->broker);
}

void box_tick(struct box *box) {
    while (broker_run_queues(box->broker, RUN_BUDGET))
        continue;
    if (box->broker->journal != NULL)
        write_batch(box);
    confirms_settle(box->broker);
}
