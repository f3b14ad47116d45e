/* SPDX-License-Identifier: Apache-2.0 */
/* Keys found, values read into their fields, and the whole checked. */
#include "broker/config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/similar.h"
#include "broker/config_key.h"

/* --- texts --- */

struct config_text {
    struct list link;
    size_t len;
    char chars[];
};

/* Equal texts are one, so a configuration that is read again and again does not grow. */
struct config_texts {
    struct list list;
    size_t user_count;
};

static struct config_texts *texts_create(void) {
    struct config_texts *texts = xcalloc(1, sizeof *texts);
    list_init(&texts->list);
    texts->user_count = 1;
    return texts;
}

static void texts_unref(struct config_texts *texts) {
    if (texts == NULL || --texts->user_count > 0)
        return;
    LIST_FOR_EACH_SAFE(&texts->list, at) {
        struct config_text *text = LIST_ITEM(at, struct config_text, link);
        secret_wipe(text->chars, text->len);
        free(text);
    }
    free(texts);
}

const char *config_keep_text(struct config *config, struct slice text) {
    LIST_FOR_EACH(&config->texts->list, at) {
        struct config_text *known = LIST_ITEM(at, struct config_text, link);
        if (slice_equal(slice_of(known->chars, known->len), text))
            return known->chars;
    }
    struct config_text *kept = xmalloc(sizeof *kept + text.len + 1);
    *kept = (struct config_text){.len = text.len};
    if (text.len > 0)
        memcpy(kept->chars, text.data, text.len);
    kept->chars[text.len] = '\0';
    list_append(&config->texts->list, &kept->link);
    return kept->chars;
}

/* --- names --- */

/* Words of letters, digits, - and _ between dots; `\.` is a dot inside a word. */
static bool is_name(struct slice name) {
    bool word_is_empty = true;
    for (size_t i = 0; i < name.len; i++) {
        bool is_escaped_dot = name.data[i] == '\\' && i + 1 < name.len && name.data[i + 1] == '.';
        if (name.data[i] == '.' && word_is_empty)
            return false;
        if (name.data[i] != '.' && !is_escaped_dot && !isalnum(name.data[i]) &&
            strchr("_-", name.data[i]) == NULL)
            return false;
        word_is_empty = name.data[i] == '.';
        i += is_escaped_dot;
    }
    return !word_is_empty;
}

/* A word as meant: `first\.last` is first.last. */
static struct slice unescape_word(struct config *config, struct slice word) {
    struct text plain = {0};
    if (word.len == 0 || memchr(word.data, '\\', word.len) == NULL)
        return word;
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] != '\\')
            text_append(&plain, slice_of(word.data + i, 1));
    }
    const char *kept = config_keep_text(config, text_slice(&plain));
    text_clear(&plain);
    return slice_from_text(kept);
}

static const struct config_key *find_key(struct slice name, struct slice *ret_word) {
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_name_matches(config_keys[i].name, name, ret_word))
            return &config_keys[i];
    }
    return NULL;
}

/* The last word of a dotted name. */
static struct slice last_word(struct slice name) {
    size_t from = name.len;
    while (from > 0 && name.data[from - 1] != '.')
        from--;
    return slice_of(name.data + from, name.len - from);
}

/* The key's name; a final `$word` becomes the last word of `name`. */
static struct slice name_like(char *text, size_t size, const struct config_key *key,
                              struct slice name) {
    size_t prefix = strcspn(key->name, "$");
    size_t word = strcspn(key->name + prefix, ".");
    bool is_last = key->name[prefix + word] == '\0';
    struct slice meant = is_last && word > 0 ? last_word(name) : slice_of(key->name + prefix, word);
    int len = snprintf(text, size, "%.*s" SLICE_FMT "%s", (int)prefix, key->name, SLICE_ARG(meant),
                       key->name + prefix + word);
    return slice_of(text, len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1);
}

static bool refuse_unknown(struct slice name, struct text *error) {
    char candidate[SIMILAR_LENGTH_MAX + 1], nearest[SIMILAR_LENGTH_MAX + 1] = "";
    size_t nearest_distance = SIZE_MAX;
    text_append_format(error, "unknown key '" SLICE_FMT "'", SLICE_ARG(name));
    if (name.len > SIMILAR_LENGTH_MAX)
        return false;
    for (size_t i = 0; i < config_key_count; i++) {
        size_t distance =
            similar_distance(name, name_like(candidate, sizeof candidate, &config_keys[i], name));
        if (distance < nearest_distance) {
            nearest_distance = distance;
            memcpy(nearest, candidate, sizeof nearest);
        }
    }
    text_append_format(error, "; the nearest is '%s' (--help lists all)", nearest);
    return false;
}

/* --- settings --- */

enum config_form { CONFIG_TEXT, CONFIG_TERM };

static void remember(struct config *config, const struct config_key *key, const char *origin,
                     struct slice name, struct slice value) {
    struct config_setting *setting = xcalloc(1, sizeof *setting);
    setting->key = key;
    setting->name = config_keep_text(config, name);
    setting->value = config_keep_text(config, value);
    setting->origin = config_keep_text(config, slice_from_text(origin));
    list_append(&config->settings, &setting->link);
}

const char *config_setting_shown(const struct config_setting *setting) {
    return config_key_is_secret(setting->key) ? SECRET_SHOWN : setting->value;
}

static bool is_set_again(const struct config *config, const struct config_setting *setting) {
    for (const struct list *at = setting->link.next; at != &config->settings; at = at->next) {
        const struct config_setting *later = LIST_ITEM(at, struct config_setting, link);
        if (strcmp(later->name, setting->name) == 0)
            return true;
    }
    return false;
}

static bool show_settings_of(const struct config *config, const struct config_key *key,
                             config_show *show, void *context) {
    bool is_set = false;
    LIST_FOR_EACH(&config->settings, at) {
        const struct config_setting *setting = LIST_ITEM(at, struct config_setting, link);
        if (setting->key != key)
            continue;
        is_set = true;
        if (!is_set_again(config, setting))
            show(context, setting->name, config_setting_shown(setting), setting->origin);
    }
    return is_set;
}

void config_each_setting(const struct config *config, config_show *show, void *context) {
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if (!show_settings_of(config, key, show, context))
            show(context, key->name,
                 key->initially == NULL      ? ""
                 : config_key_is_secret(key) ? SECRET_SHOWN
                                             : key->initially,
                 "default");
    }
}

void config_notice(struct config *config, enum log_level level, const char *format, ...) {
    struct config_notice *notice = xcalloc(1, sizeof *notice);
    char sentence[LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    notice->level = level;
    notice->sentence = config_keep_text(config, slice_from_text(sentence));
    list_append(&config->notices, &notice->link);
}

/* What RabbitMQ would not take either, or what asks for something that is not there; always false. */
static bool refuse_foreign(const struct config_foreign *key, bool is_refused, struct slice name,
                           struct slice value, struct text *error) {
    struct text allowed = {0};
    if (key->values != NULL)
        config_describe_allowed(key->values, &allowed);
    if (is_refused && key->values == NULL)
        text_append_format(error, SLICE_FMT ": %s", SLICE_ARG(name), key->reason);
    else if (is_refused)
        text_append_format(error, SLICE_FMT " = " SLICE_FMT ": only %s is possible: %s",
                           SLICE_ARG(name), SLICE_ARG(value), text_chars(&allowed), key->reason);
    else
        text_append_format(error, SLICE_FMT " = " SLICE_FMT ": expected %s", SLICE_ARG(name),
                           SLICE_ARG(value), text_chars(&allowed));
    text_clear(&allowed);
    return false;
}

static bool set_foreign(struct config *config, const char *origin, struct slice name,
                        struct slice value, enum config_form form, struct text *error) {
    bool is_refused;
    const struct config_foreign *key = config_foreign_find(name, &is_refused);
    if (key == NULL)
        return refuse_unknown(name, error);
    bool is_checked = is_refused || (form == CONFIG_TEXT && key->values != NULL);
    if (is_checked && (key->values == NULL || !config_is_allowed(key->values, value)))
        return refuse_foreign(key, is_refused, name, value, error);
    config_notice(config, LOG_INFO, "%s: " SLICE_FMT " has no meaning here: %s", origin,
                  SLICE_ARG(name), key->reason);
    return true;
}

static bool set_key(struct config *config, const char *origin, struct slice key, struct slice value,
                    enum config_form form, struct text *error) {
    struct config_match match = {.name = key};
    if (!is_name(key)) {
        text_append_format(error, "'" SLICE_FMT "' is no key: words between dots make one",
                           SLICE_ARG(key));
        return false;
    }
    match.key = find_key(key, &match.word);
    if (match.key == NULL)
        return set_foreign(config, origin, key, value, form, error);
    match.word = unescape_word(config, match.word);
    if (!match.key->read(config, &match, value, error))
        return false;
    remember(config, match.key, origin, key, value);
    return true;
}

bool config_set(struct config *config, const char *origin, struct slice key, struct slice value,
                struct text *error) {
    return set_key(config, origin, key, value, CONFIG_TEXT, error);
}

bool config_set_term(struct config *config, const char *origin, struct slice key,
                     struct slice value, struct text *error) {
    return set_key(config, origin, key, value, CONFIG_TERM, error);
}

static struct slice trim(struct slice text) {
    while (text.len > 0 && isspace(text.data[0]))
        text = slice_of(text.data + 1, text.len - 1);
    while (text.len > 0 && isspace(text.data[text.len - 1]))
        text.len--;
    return text;
}

bool config_set_assignment(struct config *config, const char *assignment, struct text *error) {
    const char *equals = strchr(assignment, '=');
    if (equals == NULL) {
        text_append_format(error, "'%s': expected key=value", assignment);
        return false;
    }
    struct slice key = slice_of(assignment, (size_t)(equals - assignment));
    return config_set(config, "--set", trim(key), trim(slice_from_text(equals + 1)), error);
}

bool config_is_set(const struct config *config, const char *name) {
    LIST_FOR_EACH(&config->settings, at) {
        if (strcmp(LIST_ITEM(at, struct config_setting, link)->name, name) == 0)
            return true;
    }
    return false;
}

/* --- life --- */

static void set_default(struct config *config, const struct config_key *key) {
    struct config_match match = {.key = key, .name = slice_from_text(key->name)};
    struct text error = {0};
    if (key->initially != NULL &&
        !key->read(config, &match, slice_from_text(key->initially), &error))
        abort(); /* the table contradicts itself */
}

static void init_with(struct config *config, struct config_texts *texts) {
    *config = (struct config){.texts = texts};
    list_init(&config->settings);
    list_init(&config->notices);
    config->broker.cluster_name = "";
    config->broker.topic_walk_max = TOPIC_WALK_MAX; /* no setting: nobody is helped by another */
    config->given_port = -1;
    config->management.http.tcp_port = config->management.http.ssl_port = -1;
    config->prometheus.http.tcp_port = config->prometheus.http.ssl_port = -1;
    config->management.http.listener_port = config->prometheus.http.listener_port = -1;
    config_list_put(config, &config->loopback_users, SLICE("guest"), SLICE("true"));
    for (size_t i = 0; i < config_key_count; i++)
        set_default(config, &config_keys[i]);
}

void config_init(struct config *config) {
    init_with(config, texts_create());
}

void config_init_again(struct config *config, const struct config *before) {
    before->texts->user_count++;
    init_with(config, before->texts);
}

void config_clear(struct config *config) {
    if (config->texts == NULL)
        return;
    LIST_FOR_EACH_SAFE(&config->settings, at)
    free(LIST_ITEM(at, struct config_setting, link));
    LIST_FOR_EACH_SAFE(&config->notices, at)
    free(LIST_ITEM(at, struct config_notice, link));
    texts_unref(config->texts);
    *config = (struct config){0};
}

/* --- the whole --- */

static bool check_versions(const struct config_list *versions, const char *prefix,
                           struct text *error) {
    for (size_t i = 0; i < versions->count; i++) {
        if (config_is_allowed(CONFIG_TLS_VERSIONS, slice_from_text(versions->items[i].value)))
            return true;
    }
    if (versions->count > 0)
        text_append_format(error,
                           "%s.versions: expected tlsv1.2 or tlsv1.3; older versions are not "
                           "offered",
                           prefix);
    return versions->count == 0;
}

static bool check_tls(const struct config *config, struct text *error) {
    if (config->ssl.count > 0 && (config->tls.certfile == NULL || config->tls.keyfile == NULL)) {
        text_append(error,
                    SLICE("listeners.ssl needs ssl_options.certfile and ssl_options.keyfile"));
        return false;
    }
    if (config->tls.verify_peer && config->tls.cacertfile == NULL) {
        text_append(error, SLICE("ssl_options.verify = verify_peer needs ssl_options.cacertfile"));
        return false;
    }
    return check_versions(&config->tls.versions, "ssl_options", error) &&
           check_versions(&config->management.http.tls.versions, "management.ssl", error) &&
           check_versions(&config->prometheus.http.tls.versions, "prometheus.ssl", error);
}

/* A file of a category takes what the category says, or as much as the file of all. */
static void set_log_file_levels(struct config *config) {
    static const char *const keys[LOG_CATEGORY_COUNT] = {
        "log.default.level", "log.connection.level", "log.channel.level", "log.queue.level"};
    struct config_log *log = &config->log;
    for (size_t i = 0; i < LOG_CATEGORY_COUNT; i++)
        log->files[i].level = config_is_set(config, keys[i]) ? log->categories[i] : log->file.level;
}

bool config_finish(struct config *config, struct text *error) {
    if (config->tcp.count == 0 && !config->tcp.disabled)
        config_override_listener(config, "default", NULL, -1);
    if (config->tcp.count + config->ssl.count == 0) {
        text_append(error, SLICE("listeners.tcp = none leaves nothing to listen on"));
        return false;
    }
    if (config->broker.frame_max != 0 &&
        config->broker.frame_max < config->broker.frame_max_minimum) {
        text_append_format(error, "frame_max = %u is below leveret.frame_max_minimum = %u",
                           config->broker.frame_max, config->broker.frame_max_minimum);
        return false;
    }
    if (config->proxy_protocol && config->proxy_sources.count == 0) {
        text_append(error,
                    SLICE("proxy_protocol = true believes whoever connects: name the proxies, "
                          "leveret.proxy_protocol.sources.1 = ADDRESS"));
        return false;
    }
    set_log_file_levels(config);
    config_finish_http(config, &config->management.http, 15672);
    config_finish_http(config, &config->prometheus.http, 15692);
    return check_tls(config, error);
}

void config_describe(struct text *description) {
    for (size_t i = 0; i < config_key_count; i++) {
        text_append_format(description, "  %s", config_keys[i].name);
        if (config_keys[i].initially != NULL)
            text_append_format(description, " = %s", config_keys[i].initially);
        text_append_format(description, "%s\n        %s\n",
                           config_keys[i].when == CONFIG_RELOADABLE ? "  (reload)" : "",
                           config_keys[i].help);
    }
}

/* --- two configurations --- */

static bool set_again(struct config *config, const struct config *from, enum config_when when,
                      struct text *error) {
    LIST_FOR_EACH(&from->settings, at) {
        const struct config_setting *setting = LIST_ITEM(at, struct config_setting, link);
        if (setting->key->when == when &&
            !config_set(config, setting->origin, slice_from_text(setting->name),
                        slice_from_text(setting->value), error))
            return false;
    }
    return true;
}

void config_replace(struct config *config, struct config *from) {
    config_clear(config);
    *config = *from;
    list_init(&config->settings);
    list_init(&config->notices);
    list_move_all(&config->settings, &from->settings);
    list_move_all(&config->notices, &from->notices);
    *from = (struct config){0};
}

bool config_merge(const struct config *config, const struct config *next, struct config *ret_merged,
                  struct text *error) {
    config_init_again(ret_merged, config);
    ret_merged->given_address = config->given_address;
    ret_merged->given_port = config->given_port;
    ret_merged->plugins = config->plugins;
    ret_merged->plugins_are_named = config->plugins_are_named;
    if (set_again(ret_merged, config, CONFIG_AT_START, error) &&
        set_again(ret_merged, next, CONFIG_RELOADABLE, error) && config_finish(ret_merged, error))
        return true;
    config_clear(ret_merged);
    return false;
}

/* What somebody has set `name` to in the end; NULL: nothing. */
static const char *last_value(const struct config *config, const char *name) {
    const char *value = NULL;
    LIST_FOR_EACH(&config->settings, at) {
        const struct config_setting *setting = LIST_ITEM(at, struct config_setting, link);
        if (strcmp(setting->name, name) == 0)
            value = setting->value;
    }
    return value;
}

static bool has_line(const struct text *names, const char *name) {
    size_t len = strlen(name);
    const char *at = text_chars(names);
    for (; (at = strstr(at, name)) != NULL; at += len) {
        if (at[len] == '\n' && (at == text_chars(names) || at[-1] == '\n'))
            return true;
    }
    return false;
}

static void list_differences(const struct config *from, const struct config *to,
                             struct text *names) {
    LIST_FOR_EACH(&from->settings, at) {
        const struct config_setting *setting = LIST_ITEM(at, struct config_setting, link);
        const char *here = last_value(from, setting->name), *there = last_value(to, setting->name);
        bool is_same = there != NULL && strcmp(here, there) == 0;
        if (setting->key->when == CONFIG_AT_START && !is_same && !has_line(names, setting->name))
            text_append_format(names, "%s\n", setting->name);
    }
}

void config_list_unreloadable(const struct config *old, const struct config *new_config,
                              struct text *names) {
    list_differences(old, new_config, names);
    list_differences(new_config, old, names);
}
