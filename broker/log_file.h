/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log in a file. Old files are NAME.0 (the newest), NAME.1, ... up to as many as are kept. A file
 * is put away when it has reached its size, when its time has come (looked at when there is something
 * to write: an idle broker wakes for no log), and when somebody asks. A file that somebody else moved
 * away - logrotate - is opened anew when asked or on reload.
 */
#ifndef LEVERET_BROKER_LOG_FILE_H
#define LEVERET_BROKER_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/base/text.h"

#define LOG_FILE_BUFFER 16384

struct log_file {
    int fd;                   /* -1: closed */
    struct text path;         /* owned */
    uint64_t size;            /* octets in it */
    uint64_t size_max;        /* 0: not by size */
    unsigned keep_count;      /* old files */
    const char *date;         /* borrowed; when to put it away, see log_file_next_date() */
    int64_t next_s;           /* the time of day for that; 0: never */
    unsigned long lost_lines; /* that could not be written */
    size_t used;
    char buffer[LOG_FILE_BUFFER];
};

/* Opens `path` for appending and makes its folder. 0 or a negative errno. */
int log_file_open(struct log_file *file, const char *path, uint64_t size_max, unsigned keep_count,
                  const char *date, int64_t now_s);

/* A line with its newline; written at the next flush. */
void log_file_append(struct log_file *file, const char *line, size_t len);
void log_file_flush(struct log_file *file, int64_t now_s);

/*
 * Puts the file away and begins a new one; one that nobody keeps old files of is only opened anew, which
 * is what logrotate wants. 0 or a negative errno, and then the old file goes on.
 */
int log_file_rotate(struct log_file *file, int64_t now_s);

void log_file_close(struct log_file *file);

/*
 * When `date` comes next after `now_s`, in seconds of UTC: $D0 every day at 0 o'clock, $W0D23 every Sunday at
 * 23, $M1D6 the first of every month at 6, $H every hour. False when this is no such date.
 */
bool log_file_next_date(const char *date, int64_t now_s, int64_t *ret_next_s);

#endif
