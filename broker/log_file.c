/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MODE      0640
#define DIRECTORY_MODE 0750
#define HOUR_S         3600
#define DAY_S          (24 * HOUR_S)

/* --- dates --- */

struct date {
    char kind;       /* H, D, W, M */
    unsigned number; /* of the day in the week or the month */
    unsigned hour;
};

/* A number from `minimum` to `maximum`, or nothing at all, which is `minimum`. */
static bool take_number(const char **at, unsigned minimum, unsigned maximum, unsigned *ret_number) {
    char *end;
    *ret_number = minimum;
    if (**at < '0' || **at > '9')
        return true;
    unsigned long number = strtoul(*at, &end, 10);
    *at = end;
    *ret_number = (unsigned)number;
    return number >= minimum && number <= maximum;
}

static bool parse_date(const char *text, struct date *ret_date) {
    *ret_date = (struct date){0};
    if (text[0] != '$' || text[1] == '\0')
        return false;
    ret_date->kind = text[1];
    const char *at = text + 2;
    if (ret_date->kind == 'H')
        return *at == '\0';
    if (ret_date->kind == 'W' && !take_number(&at, 0, 6, &ret_date->number))
        return false;
    if (ret_date->kind == 'M' && !take_number(&at, 1, 31, &ret_date->number))
        return false;
    if (ret_date->kind != 'D' && *at == 'D')
        at++;
    return strchr("DWM", ret_date->kind) != NULL && take_number(&at, 0, 23, &ret_date->hour) &&
           *at == '\0';
}

/* Whether the day that begins at `day_s` is one; the last of a month stands for those it lacks. */
static bool is_day_of(const struct date *date, int64_t day_s) {
    time_t seconds = (time_t)day_s, tomorrow_s = (time_t)(day_s + DAY_S);
    struct tm day, tomorrow;
    gmtime_r(&seconds, &day);
    gmtime_r(&tomorrow_s, &tomorrow);
    if (date->kind == 'W')
        return day.tm_wday == (int)date->number;
    return date->kind == 'D' || day.tm_mday == (int)date->number ||
           (tomorrow.tm_mday == 1 && day.tm_mday < (int)date->number);
}

bool log_file_next_date(const char *date, int64_t now_s, int64_t *ret_next_s) {
    struct date when;
    if (!parse_date(date, &when))
        return false;
    if (when.kind == 'H') {
        *ret_next_s = now_s - now_s % HOUR_S + HOUR_S;
        return true;
    }
    int64_t day_s = now_s - now_s % DAY_S;
    int64_t hour_s = (int64_t)when.hour * HOUR_S;
    while (day_s + hour_s <= now_s || !is_day_of(&when, day_s))
        day_s += DAY_S;
    *ret_next_s = day_s + hour_s;
    return true;
}

/* --- the file --- */

static void make_folder(const char *path) {
    char folder[1024];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof folder)
        return;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    mkdir(folder, DIRECTORY_MODE); /* when it fails, opening the file says why */
}

/* A new descriptor for the path, and what is in the file already. */
static int open_path(struct log_file *file) {
    struct stat status;
    int fd = open(text_chars(&file->path), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
                  FILE_MODE);
    if (fd < 0)
        return -errno;
    if (file->fd >= 0)
        close(file->fd);
    file->fd = fd;
    file->size = fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0;
    return 0;
}

static void plan_rotation(struct log_file *file, int64_t now_s) {
    if (!log_file_next_date(file->date, now_s, &file->next_s))
        file->next_s = 0;
}

int log_file_open(struct log_file *file, const char *path, uint64_t size_max, unsigned keep_count,
                  const char *date, int64_t now_s) {
    *file =
        (struct log_file){.fd = -1, .size_max = size_max, .keep_count = keep_count, .date = date};
    text_append_format(&file->path, "%s", path);
    make_folder(path);
    int result = open_path(file);
    if (result < 0)
        log_file_close(file);
    else
        plan_rotation(file, now_s);
    return result;
}

void log_file_close(struct log_file *file) {
    if (file->fd >= 0)
        close(file->fd);
    text_clear(&file->path);
    *file = (struct log_file){.fd = -1};
}

static void write_out(struct log_file *file) {
    size_t at = 0;
    while (at < file->used) {
        ssize_t len = write(file->fd, file->buffer + at, file->used - at);
        if (len < 0 && errno != EINTR)
            break;
        at += len > 0 ? (size_t)len : 0;
    }
    for (size_t i = at; i < file->used; i++)
        file->lost_lines += file->buffer[i] == '\n';
    file->size += at;
    file->used = 0;
}

void log_file_append(struct log_file *file, const char *line, size_t len) {
    if (len > sizeof file->buffer - file->used)
        write_out(file);
    memcpy(file->buffer + file->used, line, len);
    file->used += len;
}

void log_file_flush(struct log_file *file, int64_t now_s) {
    if (file->fd < 0 || file->used == 0)
        return;
    bool is_due =
        (file->next_s > 0 && now_s >= file->next_s) ||
        (file->size_max > 0 && file->size > 0 && file->size + file->used > file->size_max);
    if (is_due)
        log_file_rotate(file, now_s);
    write_out(file);
}

/* NAME.8 becomes NAME.9, ..., NAME becomes NAME.0; the oldest is overwritten. */
static int shift_files(struct log_file *file) {
    char from[1024], to[1024];
    const char *path = text_chars(&file->path);
    for (unsigned number = file->keep_count - 1; number > 0; number--) {
        snprintf(from, sizeof from, "%s.%u", path, number - 1);
        snprintf(to, sizeof to, "%s.%u", path, number);
        if (rename(from, to) < 0 && errno != ENOENT)
            return -errno;
    }
    snprintf(to, sizeof to, "%s.0", path);
    return rename(path, to) < 0 && errno != ENOENT ? -errno : 0;
}

int log_file_rotate(struct log_file *file, int64_t now_s) {
    plan_rotation(file, now_s);
    if (file->keep_count > 0) {
        int result = shift_files(file);
        if (result < 0)
            return result;
    }
    return open_path(file);
}
