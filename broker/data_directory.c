/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/data_directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_DIRECTORY "/var/lib/leveret"
#define PARENT_MODE      0755

static bool is_set(const char *value) {
    return value != NULL && value[0] != '\0';
}

/* Makes every directory above the last part of the path. */
static bool make_parents(const char *path) {
    struct text prefix = {0};
    bool ok = true;
    for (const char *at = strchr(path + 1, '/'); ok && at != NULL; at = strchr(at + 1, '/')) {
        text_clear(&prefix);
        text_append(&prefix, slice_of(path, (size_t)(at - path)));
        ok = mkdir(text_chars(&prefix), PARENT_MODE) == 0 || errno == EEXIST;
    }
    text_clear(&prefix);
    return ok;
}

static bool system_directory_is_ours(void) {
    if (access(SYSTEM_DIRECTORY, F_OK) == 0)
        return access(SYSTEM_DIRECTORY, W_OK) == 0;
    return access("/var/lib", W_OK) == 0;
}

static bool append_state_directory(struct text *path) {
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (is_set(state))
        text_append_format(path, "%s/leveret", state);
    else if (is_set(home))
        text_append_format(path, "%s/.local/state/leveret", home);
    return path->len > 0;
}

static bool append_candidate(const char *given, struct text *path) {
    const char *directory = getenv("RABBITMQ_MNESIA_DIR");
    const char *base = getenv("RABBITMQ_MNESIA_BASE");
    if (is_set(given))
        text_append_format(path, "%s", given);
    else if (is_set(directory))
        text_append_format(path, "%s", directory);
    else if (is_set(base))
        text_append_format(path, "%s/leveret", base);
    else if (system_directory_is_ours())
        text_append_format(path, "%s", SYSTEM_DIRECTORY);
    else
        return append_state_directory(path);
    return true;
}

bool data_directory_name(const char *given, struct text *path, struct text *error) {
    if (append_candidate(given, path))
        return true;
    text_append_format(error, "no place for data: use --data-dir DIR, or --ephemeral");
    return false;
}

bool data_directory_find(const char *given, struct text *path, struct text *error) {
    if (!data_directory_name(given, path, error))
        return false;
    if (make_parents(text_chars(path)))
        return true;
    text_append_format(error, "cannot make %s: %s", text_chars(path), strerror(errno));
    return false;
}
