/* SPDX-License-Identifier: Apache-2.0 */
/* The order of things; each step is one function. */
#include "broker/config_sources.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/config_environment.h"
#include "broker/config_key.h"
#include "broker/config_syntax.h"
#include "broker/erlang_config.h"
#include "broker/erlang_terms.h"

#define PATH_SIZE 1024

struct loading {
    struct config *config;
    const struct config_sources *sources;
    struct environment environment;
    char folder[PATH_SIZE]; /* of the default files: /etc/leveret or /etc/rabbitmq */
    struct text *error;
};

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static bool has_ending(const char *path, const char *ending) {
    size_t len = strlen(path), ending_len = strlen(ending);
    return len >= ending_len && strcmp(path + len - ending_len, ending) == 0;
}

static bool cannot_read(struct loading *loading, const char *path) {
    text_append_format(loading->error, "%s%s: %s", loading->error->len == 0 ? "" : "\n", path,
                       strerror(errno));
    return false;
}

/* --- files --- */

typedef bool content_reader(struct loading *loading, const char *path, struct slice content);

/* Files of Erlang terms, which are small. */
static bool read_with(struct loading *loading, const char *path, content_reader *read) {
    size_t size = 1024u * 1024u;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return cannot_read(loading, path);
    char *content = xmalloc(size);
    size_t len = fread(content, 1, size, file);
    bool good = !ferror(file) && len < size;
    fclose(file);
    if (good)
        good = read(loading, path, slice_of(content, len));
    else
        text_append_format(loading->error, "%s: cannot be read, or is larger than 1 MiB", path);
    secret_wipe(content, len);
    free(content);
    return good;
}

static bool read_terms(struct loading *loading, const char *path, struct slice content) {
    return erlang_config_read(loading->config, path, content, loading->error);
}

static bool load_file(struct loading *loading, const char *path) {
    if (has_ending(path, ".config"))
        return read_with(loading, path, read_terms);
    return config_read_file(loading->config, path, loading->error);
}

/* The path as it is, or with one of the endings it may have been given without. */
static bool complete_path(const char *given, char path[PATH_SIZE]) {
    static const char *const endings[] = {"", ".conf", ".config"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        struct stat status;
        snprintf(path, PATH_SIZE, "%s%s", given, endings[i]);
        if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
            return true;
    }
    snprintf(path, PATH_SIZE, "%s", given);
    return false;
}

static bool load_main_file(struct loading *loading) {
    char path[PATH_SIZE], given[PATH_SIZE + 32];
    const char *named = environment_get(&loading->environment, "CONFIG_FILE");
    if (named != NULL)
        return complete_path(named, path) ? load_file(loading, path) : cannot_read(loading, path);
    bool is_leveret = has_ending(loading->folder, "/leveret");
    snprintf(given, sizeof given, "%s/%s", loading->folder, is_leveret ? "leveret" : "rabbitmq");
    return !complete_path(given, path) || load_file(loading, path);
}

/* A folder stands for the *.conf in it. */
static bool load_more_files(struct loading *loading) {
    char pattern[PATH_SIZE + 32];
    struct stat status;
    glob_t found = {0};
    bool good = true;
    const char *named = environment_get(&loading->environment, "CONFIG_FILES");
    snprintf(pattern, sizeof pattern, "%s%s", named == NULL ? loading->folder : named,
             named == NULL ? "/conf.d" : "");
    if (stat(pattern, &status) == 0 && S_ISDIR(status.st_mode))
        strcat(pattern, "/*.conf");
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            good = load_file(loading, found.gl_pathv[i]) && good;
    }
    globfree(&found);
    return good;
}

/* Reads `folder/name` when it is there, or the file that a variable names. */
static bool load_terms(struct loading *loading, const char *variable, const char *name,
                       bool may_be_missing, content_reader *read) {
    char path[PATH_SIZE + 32];
    const char *named = environment_get(&loading->environment, variable);
    if (named != NULL) {
        snprintf(path, sizeof path, "%s%s", named,
                 exists(named) || has_ending(named, ".config") ? "" : ".config");
        return exists(path)     ? read_with(loading, path, read)
               : may_be_missing ? true
                                : cannot_read(loading, path);
    }
    snprintf(path, sizeof path, "%s/%s", loading->folder, name);
    return !exists(path) || read_with(loading, path, read);
}

/* `[rabbitmq_management,rabbitmq_prometheus].` */
static bool read_plugins(struct loading *loading, const char *path, struct slice content) {
    struct text problem = {0};
    struct erlang_term *all = erlang_read(content, &problem);
    const struct erlang_term *list = all == NULL ? NULL : all->first;
    bool good = all != NULL && (all->count == 0 || list->kind == ERLANG_LIST);
    if (!good)
        text_append_format(loading->error, "%s%s: %s", loading->error->len == 0 ? "" : "\n", path,
                           all == NULL ? text_chars(&problem) : "expected a list of plugins");
    loading->config->plugins_are_named = true;
    for (const struct erlang_term *at = good && list != NULL ? list->first : NULL; at != NULL;
         at = at->next)
        config_list_put(loading->config, &loading->config->plugins, text_slice(&at->text),
                        SLICE("true"));
    erlang_term_destroy(all);
    text_clear(&problem);
    return good;
}

/* --- the steps --- */

/* Without --config: what an installed broker finds. */
static bool load_installed_files(struct loading *loading) {
    char path[PATH_SIZE + 32];
    snprintf(path, sizeof path, "%s/leveret/leveret.conf", loading->sources->etc);
    snprintf(loading->folder, sizeof loading->folder, "%s/%s", loading->sources->etc,
             exists(path) ? "leveret" : "rabbitmq");
    const char *named = environment_get(&loading->environment, "CONF_ENV_FILE");
    snprintf(path, sizeof path, "%s%s", named == NULL ? loading->folder : named,
             named == NULL ? "/rabbitmq-env.conf" : "");
    bool good = !exists(path) || environment_read_file(&loading->environment, path, loading->error);
    good = load_main_file(loading) && good;
    good = load_more_files(loading) && good;
    good =
        load_terms(loading, "ADVANCED_CONFIG_FILE", "advanced.config", false, read_terms) && good;
    return load_terms(loading, "ENABLED_PLUGINS_FILE", "enabled_plugins", true, read_plugins) &&
           good;
}

static bool load_named_files(struct loading *loading) {
    bool good = true;
    for (size_t i = 0; i < loading->sources->file_count; i++)
        good = load_file(loading, loading->sources->files[i]) && good;
    return good;
}

static bool load_assignments(struct loading *loading) {
    bool good = true;
    for (size_t i = 0; i < loading->sources->assignment_count; i++) {
        struct text problem = {0};
        if (!config_set_assignment(loading->config, loading->sources->assignments[i], &problem)) {
            text_append_format(loading->error, "%s%s", loading->error->len == 0 ? "" : "\n",
                               text_chars(&problem));
            good = false;
        }
        text_clear(&problem);
    }
    return good;
}

bool config_load(struct config *config, const struct config_sources *sources, struct text *error) {
    struct loading loading = {.config = config, .sources = sources, .error = error};
    bool good =
        sources->file_count > 0 ? load_named_files(&loading) : load_installed_files(&loading);
    good = environment_apply(&loading.environment, config, error) && good;
    good = load_assignments(&loading) && good;
    good = environment_apply_listener(&loading.environment, config, error) && good;
    if (sources->address != NULL || sources->port >= 0)
        config_override_listener(config, sources->port >= 0 ? "--port" : "--bind", sources->address,
                                 sources->port);
    environment_clear(&loading.environment);
    return good && config_finish(config, error);
}
