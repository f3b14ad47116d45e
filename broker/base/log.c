/* SPDX-License-Identifier: Apache-2.0 */
/* Makes log messages and lines; where they go is the sink's business. */
#include "broker/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",     [LOG_INFO] = "info",   [LOG_NOTICE] = "notice",
    [LOG_WARNING] = "warning", [LOG_ERROR] = "error", [LOG_CRITICAL] = "critical",
    [LOG_NONE] = "none",
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

void log_write(const struct log *log, enum log_level level, const char *format, ...) {
    char raw[LOG_LINE_MAX];
    char message[LOG_LINE_MAX];
    va_list arguments;

    if (log->sink == NULL || level < log->level || level >= LOG_NONE)
        return;
    va_start(arguments, format);
    int len = vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    size_t used = (size_t)len < sizeof raw ? (size_t)len : sizeof raw - 1;
    escape_message(slice_of(raw, used), message, sizeof message);
    log->sink(log->context, level, message);
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

size_t log_format_line(char *buffer, size_t size, int64_t wall_us, enum log_level level,
                       const char *message) {
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm date;

    gmtime_r(&seconds, &date);
    int len =
        snprintf(buffer, size, "%04d-%02d-%02d %02d:%02d:%02d.%06d+00:00 [%s] <0.9.0> %s\n",
                 date.tm_year + 1900, date.tm_mon + 1, date.tm_mday, date.tm_hour, date.tm_min,
                 date.tm_sec, (int)(wall_us % 1000000), log_level_name(level), message);
    if (len < 0 || size == 0)
        return 0;
    if ((size_t)len < size)
        return (size_t)len;
    buffer[size - 1] = '\n'; /* a cut line still ends */
    return size;
}
