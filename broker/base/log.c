/* SPDX-License-Identifier: Apache-2.0 */
/* Makes log messages and lines; where they go is the sink's business. */
#include "broker/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",     [LOG_INFO] = "info",           [LOG_NOTICE] = "notice",
    [LOG_WARNING] = "warning", [LOG_ERROR] = "error",         [LOG_CRITICAL] = "critical",
    [LOG_ALERT] = "alert",     [LOG_EMERGENCY] = "emergency", [LOG_NONE] = "none",
};

#define LEVEL_COUNT (sizeof level_names / sizeof level_names[0])

/* Octets of the UTF-8 character at the front of `bytes` that may stand in a log line, 0 if none. */
static size_t printable_length(struct slice bytes) {
    if (bytes.data[0] < 0x80)
        return bytes.data[0] >= 0x20 && bytes.data[0] != 0x7f ? 1 : 0;
    for (size_t len = 2; len <= 4 && len <= bytes.len; len++) {
        if (slice_is_utf8(slice_of(bytes.data, len)))
            return bytes.data[0] == 0xc2 && bytes.data[1] < 0xa0 ? 0 : len; /* C1 controls */
    }
    return 0;
}

/* Copies `raw` with everything that could forge or garble a line escaped; cuts at the end. */
static void escape_message(struct slice raw, char *message, size_t size) {
    size_t out = 0;
    while (raw.len > 0) {
        size_t len = printable_length(raw);
        if (out + (len == 0 ? 4 : len) >= size)
            break;
        if (len == 0) {
            out += (size_t)snprintf(message + out, size - out, "\\x%02X", raw.data[0]);
            len = 1;
        } else {
            memcpy(message + out, raw.data, len);
            out += len;
        }
        raw = slice_of(raw.data + len, raw.len - len);
    }
    message[out] = '\0';
}

static bool is_wanted(const struct log *log, enum log_category category, enum log_level level) {
    return log->sink != NULL && level >= log->level && level >= log->category_levels[category] &&
           level < LOG_NONE;
}

__attribute__((format(printf, 4, 0))) static void
write_message(const struct log *log, enum log_category category, enum log_level level,
              const char *format, va_list arguments) {
    char raw[LOG_LINE_MAX];
    char message[LOG_LINE_MAX];
    int len = vsnprintf(raw, sizeof raw, format, arguments);

    if (len < 0)
        return;
    size_t used = (size_t)len < sizeof raw ? (size_t)len : sizeof raw - 1;
    escape_message(slice_of(raw, used), message, sizeof message);
    log->sink(log->context, category, level, message);
}

void log_write(const struct log *log, enum log_level level, const char *format, ...) {
    va_list arguments;

    if (!is_wanted(log, LOG_CATEGORY_DEFAULT, level))
        return;
    va_start(arguments, format);
    write_message(log, LOG_CATEGORY_DEFAULT, level, format, arguments);
    va_end(arguments);
}

void log_write_about(const struct log *log, enum log_category category, enum log_level level,
                     const char *format, ...) {
    va_list arguments;

    if (!is_wanted(log, category, level))
        return;
    va_start(arguments, format);
    write_message(log, category, level, format, arguments);
    va_end(arguments);
}

const char *log_level_name(enum log_level level) {
    return level_names[level];
}

bool log_level_from_name(struct slice name, enum log_level *ret_level) {
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (slice_equal(name, slice_from_text(level_names[i]))) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* 2026-11-20 22:30:01.123456+00:00 */
static void format_time(char *buffer, size_t size, int64_t wall_us) {
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm date;

    gmtime_r(&seconds, &date);
    snprintf(buffer, size, "%04d-%02d-%02d %02d:%02d:%02d.%06d+00:00", date.tm_year + 1900,
             date.tm_mon + 1, date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec,
             (int)(wall_us % 1000000));
}

/* What snprintf() has written of a line; a cut line still ends. */
static size_t end_line(char *buffer, size_t size, int len) {
    if (len < 0 || size == 0)
        return 0;
    if ((size_t)len < size)
        return (size_t)len;
    buffer[size - 1] = '\n';
    return size;
}

size_t log_format_line(char *buffer, size_t size, int64_t wall_us, enum log_level level,
                       const char *message) {
    char time_text[48];

    format_time(time_text, sizeof time_text, wall_us);
    return end_line(
        buffer, size,
        snprintf(buffer, size, "%s [%s] <0.9.0> %s\n", time_text, log_level_name(level), message));
}

/* Messages have no control octets any more: quotes and backslashes are all there is to escape. */
static void escape_json(const char *message, char *escaped, size_t size) {
    size_t len = 0;
    for (; *message != '\0' && len + 3 < size; message++) {
        if (*message == '"' || *message == '\\')
            escaped[len++] = '\\';
        escaped[len++] = *message;
    }
    escaped[len] = '\0';
}

size_t log_format_json(char *buffer, size_t size, int64_t wall_us, enum log_level level,
                       const char *message) {
    char time_text[48], escaped[2 * LOG_LINE_MAX];

    format_time(time_text, sizeof time_text, wall_us);
    escape_json(message, escaped, sizeof escaped);
    return end_line(
        buffer, size,
        snprintf(buffer, size,
                 "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":\"%s\",\"pid\":\"<0.9.0>\"}\n",
                 time_text, log_level_name(level), escaped));
}
