/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker_log.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/wall_clock.h"

static int64_t wall_clock_s(void) {
    return wall_clock_us() / 1000000;
}

void broker_log_init(struct broker_log *log, const struct config_log *config, int console_fd) {
    *log = (struct broker_log){.config = config};
    console_log_init(&log->console, console_fd);
}

/* --- files --- */

static bool has_file(const struct config_log *config, size_t category) {
    const char *name = config->files[category].name;
    bool is_on = category == LOG_CATEGORY_DEFAULT ? config->file.is_on : name != NULL;
    return is_on && name[0] != '\0';
}

static void append_path(const struct config_log *config, size_t category, struct text *path) {
    const char *name = config->files[category].name;
    if (name[0] != '/')
        text_append_format(path, "%s/", config->directory);
    text_append_format(path, "%s", name);
}

bool broker_log_path(const struct config_log *config, struct text *path) {
    if (!has_file(config, LOG_CATEGORY_DEFAULT))
        return false;
    append_path(config, LOG_CATEGORY_DEFAULT, path);
    return true;
}

/* Categories whose files have one name share the file. */
static bool is_first_of_its_file(struct log_file *const files[LOG_CATEGORY_COUNT],
                                 size_t category) {
    for (size_t i = 0; i < category; i++) {
        if (files[i] == files[category])
            return false;
    }
    return files[category] != NULL;
}

static void close_files(struct log_file *files[LOG_CATEGORY_COUNT]) {
    for (size_t i = LOG_CATEGORY_COUNT; i-- > 0;) {
        if (is_first_of_its_file(files, i)) {
            log_file_close(files[i]);
            free(files[i]);
        }
        files[i] = NULL;
    }
}

static struct log_file *find_file(struct log_file *const files[LOG_CATEGORY_COUNT],
                                  const struct text *path) {
    for (size_t i = 0; i < LOG_CATEGORY_COUNT; i++) {
        if (files[i] != NULL && slice_equal(text_slice(&files[i]->path), text_slice(path)))
            return files[i];
    }
    return NULL;
}

static int open_file(struct log_file *files[LOG_CATEGORY_COUNT], const struct config_log *config,
                     size_t category, const struct text *path) {
    const struct config_log_file *wanted = &config->files[category];
    files[category] = find_file(files, path);
    if (files[category] != NULL)
        return 0;
    struct log_file *file = xmalloc(sizeof *file);
    int result = log_file_open(file, text_chars(path), wanted->rotation_size,
                               wanted->rotation_count, wanted->rotation_date, wall_clock_s());
    if (result < 0)
        free(file);
    else
        files[category] = file;
    return result;
}

static int open_files(struct log_file *files[LOG_CATEGORY_COUNT], const struct config_log *config,
                      struct text *error) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < LOG_CATEGORY_COUNT; i++) {
        struct text path = {0};
        if (!has_file(config, i))
            continue;
        append_path(config, i, &path);
        result = open_file(files, config, i, &path);
        if (result < 0)
            text_append_format(error, "cannot write the log to %s: %s", text_chars(&path),
                               strerror(-result));
        text_clear(&path);
    }
    return result;
}

int broker_log_open(struct broker_log *log, const struct config_log *config, struct text *error) {
    struct log_file *files[LOG_CATEGORY_COUNT] = {NULL};
    int result = open_files(files, config, error);
    if (result < 0) {
        close_files(files);
        return result;
    }
    broker_log_close(log);
    memcpy(log->files, files, sizeof files);
    return 0;
}

/* --- lines --- */

static size_t format(char *line, size_t size, enum config_log_format format, int64_t wall_us,
                     enum log_level level, const char *message) {
    return format == CONFIG_LOG_JSON ? log_format_json(line, size, wall_us, level, message)
                                     : log_format_line(line, size, wall_us, level, message);
}

/* A category with a file of its own writes nowhere else, as in RabbitMQ. */
static void write_line(void *context, enum log_category category, enum log_level level,
                       const char *message) {
    struct broker_log *log = context;
    const struct config_log *config = log->config;
    char line[LOG_LINE_SIZE];
    int64_t wall_us = wall_clock_us();
    bool is_alone = category != LOG_CATEGORY_DEFAULT && log->files[category] != NULL;
    struct log_file *file = log->files[is_alone ? category : LOG_CATEGORY_DEFAULT];
    enum log_level least = is_alone ? config->files[category].level : config->file.level;
    if (config->console.is_on && !is_alone && level >= config->console.level)
        console_log_append(
            &log->console, line,
            format(line, sizeof line, config->console.format, wall_us, level, message));
    if (file != NULL && level >= least)
        log_file_append(file, line,
                        format(line, sizeof line, config->file.format, wall_us, level, message));
}

static enum log_level lesser(enum log_level a, enum log_level b) {
    return a < b ? a : b;
}

struct log broker_log_sink(struct broker_log *log) {
    const struct config_log *config = log->config;
    enum log_level least = config->console.is_on ? config->console.level : LOG_NONE;
    if (config->file.is_on)
        least = lesser(least, config->file.level);
    for (size_t i = LOG_CATEGORY_DEFAULT + 1; i < LOG_CATEGORY_COUNT; i++) {
        if (has_file(config, i))
            least = lesser(least, config->files[i].level);
    }
    struct log sink = {.level = least, .sink = write_line, .context = log};
    memcpy(sink.category_levels, config->categories, sizeof sink.category_levels);
    return sink;
}

void broker_log_flush(struct broker_log *log) {
    console_log_flush(&log->console);
    for (size_t i = 0; i < LOG_CATEGORY_COUNT; i++) {
        if (log->files[i] != NULL && log->files[i]->used > 0)
            log_file_flush(log->files[i], wall_clock_s());
    }
}

int broker_log_rotate(struct broker_log *log) {
    int result = 0;
    for (size_t i = 0; i < LOG_CATEGORY_COUNT; i++) {
        if (!is_first_of_its_file(log->files, i))
            continue;
        log_file_flush(log->files[i], wall_clock_s());
        int one = log_file_rotate(log->files[i], wall_clock_s());
        result = result < 0 ? result : one;
    }
    return result;
}

void broker_log_close(struct broker_log *log) {
    broker_log_flush(log);
    close_files(log->files);
}
