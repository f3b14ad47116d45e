/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker_log.h"

#include <string.h>

#include "broker/wall_clock.h"

static int64_t wall_clock_s(void) {
    return wall_clock_us() / 1000000;
}

void broker_log_init(struct broker_log *log, const struct config_log *config, int console_fd) {
    log->config = config;
    log->file.fd = -1;
    console_log_init(&log->console, console_fd);
}

bool broker_log_path(const struct config_log *config, struct text *path) {
    if (!config->file.is_on)
        return false;
    if (config->file_name[0] != '/')
        text_append_format(path, "%s/", config->directory);
    text_append_format(path, "%s", config->file_name);
    return true;
}

int broker_log_open(struct broker_log *log, const struct config_log *config, struct text *error) {
    struct text path = {0};
    struct log_file file = {.fd = -1};
    if (!broker_log_path(config, &path)) {
        broker_log_close(log);
        return 0;
    }
    int result = log_file_open(&file, text_chars(&path), config->rotation_size,
                               config->rotation_count, config->rotation_date, wall_clock_s());
    if (result < 0) {
        text_append_format(error, "cannot write the log to %s: %s", text_chars(&path),
                           strerror(-result));
    } else {
        broker_log_close(log);
        log->file = file;
    }
    text_clear(&path);
    return result;
}

static size_t format(char *line, size_t size, enum config_log_format format, int64_t wall_us,
                     enum log_level level, const char *message) {
    return format == CONFIG_LOG_JSON ? log_format_json(line, size, wall_us, level, message)
                                     : log_format_line(line, size, wall_us, level, message);
}

static void write_line(void *context, enum log_level level, const char *message) {
    struct broker_log *log = context;
    const struct config_log *config = log->config;
    char line[LOG_LINE_SIZE];
    int64_t wall_us = wall_clock_us();
    if (config->console.is_on && level >= config->console.level)
        console_log_append(
            &log->console, line,
            format(line, sizeof line, config->console.format, wall_us, level, message));
    if (log->file.fd >= 0 && level >= config->file.level)
        log_file_append(&log->file, line,
                        format(line, sizeof line, config->file.format, wall_us, level, message));
}

static enum log_level least(const struct config_log_output *output) {
    return output->is_on ? output->level : LOG_NONE;
}

struct log broker_log_sink(struct broker_log *log) {
    const struct config_log *config = log->config;
    enum log_level console = least(&config->console), file = least(&config->file);
    struct log sink = {
        .level = console < file ? console : file, .sink = write_line, .context = log};
    memcpy(sink.category_levels, config->categories, sizeof sink.category_levels);
    return sink;
}

void broker_log_flush(struct broker_log *log) {
    console_log_flush(&log->console);
    if (log->file.used > 0)
        log_file_flush(&log->file, wall_clock_s());
}

int broker_log_rotate(struct broker_log *log) {
    if (log->file.fd < 0)
        return 0;
    log_file_flush(&log->file, wall_clock_s());
    return log_file_rotate(&log->file, wall_clock_s());
}

void broker_log_close(struct broker_log *log) {
    broker_log_flush(log);
    log_file_close(&log->file);
}
