/* SPDX-License-Identifier: Apache-2.0 */
/* Collects lines, writes them when there is room. */
#include "broker/console_log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/wall_clock.h"

void console_log_init(struct console_log *log, int fd) {
    *log = (struct console_log){.fd = fd};
}

static bool has_room(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT) != 0;
}

static void count_dropped(struct console_log *log) {
    for (size_t i = 0; i < log->used; i++)
        log->dropped_lines += log->buffer[i] == '\n';
}

void console_log_flush(struct console_log *log) {
    size_t at = 0;

    if (log->used == 0)
        return;
    if (!has_room(log->fd)) {
        count_dropped(log);
        log->used = 0;
        return;
    }
    while (at < log->used) {
        ssize_t len = write(log->fd, log->buffer + at, log->used - at);
        if (len < 0 && errno != EINTR)
            break; /* the log is gone; that is nobody's business but the log's */
        at += len > 0 ? (size_t)len : 0;
    }
    log->used = 0;
}

static void append(struct console_log *log, const char *line, size_t len) {
    if (len > sizeof log->buffer - log->used)
        console_log_flush(log);
    memcpy(log->buffer + log->used, line, len);
    log->used += len;
}

static void confess_dropped_lines(struct console_log *log) {
    char message[80], line[LOG_LINE_MAX];

    if (log->dropped_lines == 0 || !has_room(log->fd))
        return;
    snprintf(message, sizeof message, "%lu log lines were lost: nobody read the log",
             log->dropped_lines);
    log->dropped_lines = 0;
    append(log, line, log_format_line(line, sizeof line, wall_clock_us(), LOG_WARNING, message));
}

void console_log_append(struct console_log *log, const char *line, size_t len) {
    confess_dropped_lines(log);
    append(log, line, len);
}
