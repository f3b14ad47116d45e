/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where log lines go: the console, a file or both, each with a level and a form of its own. The sink
 * of env.log in the server; lines are collected and leave once per tick.
 */
#ifndef LEVERET_BROKER_BROKER_LOG_H
#define LEVERET_BROKER_BROKER_LOG_H

#include "broker/base/log.h"
#include "broker/config.h"
#include "broker/console_log.h"
#include "broker/log_file.h"

struct broker_log {
    const struct config_log *config; /* borrowed */
    struct console_log console;
    struct log_file
        *files[LOG_CATEGORY_COUNT]; /* owned, maybe one for several; NULL: none. The first is
                                                   for all categories without their own */
};

/* The console alone; broker_log_open() adds the files. */
void broker_log_init(struct broker_log *log, const struct config_log *config, int console_fd);

/*
 * Opens the file that `config` wants, or none, in place of the one there was, which stays when that fails:
 * a negative errno with the reason in `error`. `config` need not outlive the call.
 */
int broker_log_open(struct broker_log *log, const struct config_log *config, struct text *error);

/* Where the file of all categories is; false when there is none. */
bool broker_log_path(const struct config_log *config, struct text *path);

/* For env.log: the sink, and the least level that any of the outputs wants. */
struct log broker_log_sink(struct broker_log *log);

void broker_log_flush(struct broker_log *log);

/* rotate_logs: 0, or a negative errno. Without a file there is nothing to do. */
int broker_log_rotate(struct broker_log *log);

void broker_log_close(struct broker_log *log);

#endif
