/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log on a descriptor. Lines are collected and written once per tick. When
 * nobody reads the other end (a pipe that is full) lines are dropped and counted: a log must not
 * stop a broker.
 */
#ifndef LEVERET_BROKER_CONSOLE_LOG_H
#define LEVERET_BROKER_CONSOLE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/base/log.h"

/* What a pipe takes whole, or not at all. */
#define CONSOLE_LOG_BUFFER 4096

struct console_log {
    int fd;
    size_t used;
    unsigned long dropped_lines;
    char buffer[CONSOLE_LOG_BUFFER];
};

void console_log_init(struct console_log *log, int fd);

/* A line with its newline. */
void console_log_append(struct console_log *log, const char *line, size_t len);

void console_log_flush(struct console_log *log);

#endif
