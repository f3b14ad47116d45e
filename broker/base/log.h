/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event is one line. Octets that come from clients are escaped (\xNN) so that a name can never
 * forge a line, and a line is at most LOG_LINE_MAX octets. The sink decides on the shape
 * (RabbitMQ's text, see log_format_line) and the place.
 */
#ifndef LEVERET_BROKER_BASE_LOG_H
#define LEVERET_BROKER_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"

#define LOG_LINE_MAX 1024

/* A line of LOG_LINE_MAX octets in any form, JSON with everything escaped included. */
#define LOG_LINE_SIZE (2 * LOG_LINE_MAX + 128)

/* RabbitMQ's; no line of ours is an alert or an emergency, but somebody may want to see only those. */
enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_NOTICE,
    LOG_WARNING,
    LOG_ERROR,
    LOG_CRITICAL,
    LOG_ALERT,
    LOG_EMERGENCY,
    LOG_NONE
};

/* What a line is about, where somebody may want more or less of it (log.CATEGORY.level). */
enum log_category {
    LOG_CATEGORY_DEFAULT,
    LOG_CATEGORY_CONNECTION,
    LOG_CATEGORY_CHANNEL,
    LOG_CATEGORY_QUEUE,
    LOG_CATEGORY_COUNT
};

/* Receives a finished message without time stamp or newline. */
typedef void log_sink(void *context, enum log_category category, enum log_level level,
                      const char *message);

struct log {
    enum log_level level; /* lines below this level are not made */
    log_sink *sink;       /* NULL: no log */
    void *context;
    enum log_level category_levels[LOG_CATEGORY_COUNT]; /* nor are those below their category's */
};

/* printf-style; control octets and invalid UTF-8 in the result are written as \xNN. */
void log_write(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a line about a connection, a channel or a queue. */
void log_write_about(const struct log *log, enum log_category category, enum log_level level,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

#define log_debug(log, ...)   log_write(log, LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...)    log_write(log, LOG_INFO, __VA_ARGS__)
#define log_warning(log, ...) log_write(log, LOG_WARNING, __VA_ARGS__)
#define log_error(log, ...)   log_write(log, LOG_ERROR, __VA_ARGS__)

/* "info" etc.; the words of RabbitMQ's log. */
const char *log_level_name(enum log_level level);

/* Level of a name as in `log.console.level = debug`; false when unknown. "none" is LOG_NONE. */
bool log_level_from_name(struct slice name, enum log_level *ret_level);

/*
 * Writes `2026-11-20 22:30:01.123456+00:00 [info] <0.9.0> message` and a newline, RabbitMQ's shape,
 * into `buffer`; returns the octets written (at most `size`).
 */
size_t log_format_line(char *buffer, size_t size, int64_t wall_us, enum log_level level,
                       const char *message);

/* The same as one JSON object: time, level, msg, pid - the first of RabbitMQ's names for them. */
size_t log_format_json(char *buffer, size_t size, int64_t wall_us, enum log_level level,
                       const char *message);

#endif
