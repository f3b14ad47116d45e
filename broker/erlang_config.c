/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk through nested {key, value} lists. The path to a value, `rabbit.ssl_options.verify`, is the
 * name of its key but for the application in front and a few renamed words; values of another shape
 * than key and value have a reader of their own in a table.
 */
#include "broker/erlang_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/config_key.h"
#include "broker/erlang_terms.h"

#define NAME_MAX_LENGTH 256

struct walk {
    struct config *config;
    const char *name; /* of the file, or whatever the terms come from */
    struct text *error;
    bool good;
};

static void walk_value(struct walk *walk, const char *path, const struct erlang_term *value);

static void complain(struct walk *walk, const struct erlang_term *term, const char *path,
                     const char *sentence) {
    text_append_format(walk->error, "%s%s:%u: %s: %s", walk->error->len == 0 ? "" : "\n",
                       walk->name, term->line, path, sentence);
    walk->good = false;
}

/* --- names --- */

struct rename {
    const char *from;
    const char *to;
};

/* Applications, and what their keys begin with. */
static const struct rename applications[] = {
    {"rabbit", ""},
    {"rabbitmq_management", "management."},
    {"rabbitmq_management_agent", "management_agent."},
    {"rabbitmq_prometheus", "prometheus."},
    {"rabbitmq_mqtt", "mqtt."},
    {"rabbitmq_stomp", "stomp."},
    {"rabbitmq_shovel", "shovel."},
    {"rabbitmq_federation", "federation."},
    {"rabbitmq_auth_backend_ldap", "auth_ldap."},
    {"rabbitmq_auth_backend_http", "auth_http."},
    {"rabbitmq_auth_backend_oauth2", "auth_oauth2."},
    {"rabbitmq_auth_backend_cache", "auth_cache."},
    {"rabbitmq_amqp1_0", "amqp1_0."},
    {"rabbitmq_stream", "stream."},
    {"rabbitmq_tracing", "tracing."},
    {"rabbitmq_trust_store", "trust_store."},
    {"rabbitmq_web_mqtt", "web_mqtt."},
    {"rabbitmq_web_stomp", "web_stomp."},
    {"amqp_client", "amqp_client."},
    {"ra", "raft."},
    {"aten", "raft."},
    {"osiris", "stream."},
    {"syslog", "syslog."},
    {"credentials_obfuscation", "erlang."},
    {"os_mon", "erlang."},
    {"sasl", "erlang."},
    {"kernel", "erlang."},
    {"mnesia", "erlang."},
    {"sysmon_handler", "sysmon_handler."},
    {"lager", "erlang."},
};

/* Words that rabbitmq.conf calls otherwise; an empty one is left out. */
static const struct rename words[] = {
    {"tcp_config.", "tcp."},
    {"ssl_config.", "ssl."},
    {"ssl_opts.", ""},
    {"cowboy_opts.", ""},
    {"categories.", ""},
    {"cors_allow_origins.", "cors.allow_origins."},
    {"cors_max_age.", "cors.max_age."},
    {"max_http_body_size.", "http.max_body_size."},
    {"disable_management_stats.", "disable_stats."},
    {"content_security_policy.", "csp.policy."},
    {"strict_transport_security.", "hsts.policy."},
    {"product_name.", "product.name."},
    {"product_version.", "product.version."},
    {"classic_queue_default_version.", "classic_queue.default_version."},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* The word at the front of `path` with a dot behind it, renamed. */
static void append_word(struct text *key, const char *path, size_t len) {
    char word[NAME_MAX_LENGTH + 2];
    snprintf(word, sizeof word, "%.*s.", (int)len, path);
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i].from, word) == 0) {
            text_append_format(key, "%s", words[i].to);
            return;
        }
    }
    text_append_format(key, "%s", word);
}

/* `rabbit.ssl_options.verify` to `ssl_options.verify`; false for an unknown application. */
static bool make_key(const char *path, struct text *key) {
    size_t len = strcspn(path, ".");
    for (size_t i = 0; i < COUNT(applications); i++) {
        if (strlen(applications[i].from) != len || strncmp(path, applications[i].from, len) != 0)
            continue;
        text_append_format(key, "%s", applications[i].to);
        for (path += len; *path == '.'; path += len) {
            path++;
            len = strcspn(path, ".");
            append_word(key, path, len);
        }
        if (key->len > 0)
            key->chars[--key->len] = '\0'; /* the last dot */
        return key->len > 0;
    }
    return false;
}

/* --- values --- */

static bool is_scalar(const struct erlang_term *term) {
    return term->kind != ERLANG_LIST && term->kind != ERLANG_TUPLE;
}

static bool is_pair(const struct erlang_term *term) {
    return term->kind == ERLANG_TUPLE && term->count == 2 &&
           (term->first->kind == ERLANG_ATOM || term->first->kind == ERLANG_STRING);
}

static void set(struct walk *walk, const char *path, const struct erlang_term *term,
                struct slice value) {
    struct text key = {0}, origin = {0}, problem = {0};
    text_append_format(&origin, "%s:%u", walk->name, term->line);
    if (!make_key(path, &key))
        complain(walk, term, path, "this application is not built in");
    else if (!config_set_term(walk->config, text_chars(&origin), text_slice(&key), value, &problem))
        complain(walk, term, path, text_chars(&problem));
    text_clear(&key);
    text_clear(&origin);
    text_clear(&problem);
}

/* A value of a shape that no key here has: that is fine where it would not be used. */
static void skip_or_complain(struct walk *walk, const char *path, const struct erlang_term *term) {
    struct text key = {0};
    bool is_refused = true;
    bool is_known = make_key(path, &key) && config_foreign_find(text_slice(&key), &is_refused);
    text_clear(&key);
    if (is_known && !is_refused)
        set(walk, path, term, SLICE(""));
    else
        complain(walk, term, path, "this is not understood");
}

/* `path.word = value` */
static void set_below(struct walk *walk, const char *path, const char *word,
                      const struct erlang_term *term, struct slice value) {
    char longer[NAME_MAX_LENGTH];
    snprintf(longer, sizeof longer, "%s.%s", path, word);
    set(walk, longer, term, value);
}

static void walk_below(struct walk *walk, const char *path, const struct erlang_term *pair) {
    char longer[NAME_MAX_LENGTH];
    int len = snprintf(longer, sizeof longer, "%s.%s", path, text_chars(&pair->first->text));
    if (len < 0 || (size_t)len >= sizeof longer)
        complain(walk, pair, path, "the name is too long");
    else
        walk_value(walk, longer, erlang_part(pair, 1));
}

/* --- values of their own shape --- */

typedef void special_reader(struct walk *walk, const char *path, const struct erlang_term *value);

/* 5672, {"127.0.0.1", 5672}: `rabbit.tcp_listeners` is listeners.tcp.N. */
static void read_listeners(struct walk *walk, const char *path, const struct erlang_term *value) {
    const char *key = strstr(path, "ssl") != NULL ? "rabbit.listeners.ssl" : "rabbit.listeners.tcp";
    unsigned number = 0;
    set(walk, key, value, SLICE("none"));
    for (const struct erlang_term *part = value->first; part != NULL; part = part->next) {
        char word[16];
        struct text listener = {0};
        snprintf(word, sizeof word, "%u", ++number);
        if (is_scalar(part))
            text_append(&listener, text_slice(&part->text));
        else if (part->count == 2 && is_scalar(part->first) && is_scalar(part->first->next))
            text_append_format(&listener, "[%s]:%s", text_chars(&part->first->text),
                               text_chars(&part->first->next->text));
        set_below(walk, key, word, part, text_slice(&listener));
        text_clear(&listener);
    }
}

/* A list of names, each of them `key.NAME = true` and no others. */
static void read_flags(struct walk *walk, const char *path, const struct erlang_term *value) {
    if (strcmp(path, "rabbit.loopback_users") == 0)
        set(walk, path, value, SLICE("none"));
    for (const struct erlang_term *part = value->first; part != NULL; part = part->next) {
        struct text word = {0};
        for (size_t i = 0; i < part->text.len; i++)
            text_append_format(&word, part->text.chars[i] == '.' ? "\\%c" : "%c",
                               part->text.chars[i]);
        set_below(walk, path, text_chars(&word), part, SLICE("true"));
        text_clear(&word);
    }
}

/* [<<".*">>, <<".*">>, <<".*">>] */
static void read_permissions(struct walk *walk, const char *path, const struct erlang_term *value) {
    static const char *const kinds[] = {"configure", "write", "read"};
    const struct erlang_term *part = value->first;
    if (value->count != COUNT(kinds)) {
        complain(walk, value, path, "expected [Configure, Write, Read]");
        return;
    }
    for (size_t i = 0; i < COUNT(kinds); i++, part = part->next)
        set_below(walk, path, kinds[i], part, text_slice(&part->text));
}

/* 0.4, 50000000, "512MB", {absolute, 1000}, {mem_relative, 1.0} */
static void read_watermark(struct walk *walk, const char *path, const struct erlang_term *value) {
    bool is_relative = value->kind == ERLANG_FLOAT;
    if (is_pair(value) && is_scalar(value->first->next)) {
        is_relative = erlang_is_atom(value->first, "mem_relative") ||
                      erlang_is_atom(value->first, "relative");
        value = value->first->next;
    }
    if (is_scalar(value))
        set_below(walk, path, is_relative ? "relative" : "absolute", value,
                  text_slice(&value->text));
    else
        complain(walk, value, path, "expected a number or {absolute, Size}");
}

/* Socket options: pairs, and words like `binary` that are about Erlang. */
static void read_socket_options(struct walk *walk, const char *path,
                                const struct erlang_term *value) {
    for (const struct erlang_term *part = value->first; part != NULL; part = part->next) {
        const struct erlang_term *option = is_pair(part) ? part->first->next : NULL;
        if (option == NULL || erlang_is_atom(part->first, "packet") ||
            erlang_is_atom(part->first, "reuseaddr"))
            continue;
        if (!erlang_is_atom(part->first, "linger") || option->count != 2) {
            walk_below(walk, path, part);
            continue;
        }
        set_below(walk, path, "linger.on", option, text_slice(&option->first->text));
        set_below(walk, path, "linger.timeout", option, text_slice(&option->first->next->text));
    }
}

static const struct erlang_term *find_pair(const struct erlang_term *list, const char *name) {
    for (const struct erlang_term *part = list->first; part != NULL; part = part->next) {
        if (is_pair(part) && erlang_is_atom(part->first, name))
            return part->first->next;
    }
    return NULL;
}

/* The one listener of RabbitMQ up to 3.7: {listener, [{port, 15671}, {ssl, true}, {ssl_opts, ...}]}. */
static void read_http_listener(struct walk *walk, const char *path,
                               const struct erlang_term *value) {
    const char *key = erlang_is_atom(find_pair(value, "ssl"), "true")
                          ? "rabbitmq_management.ssl_config"
                          : "rabbitmq_management.tcp_config";
    (void)path;
    for (const struct erlang_term *part = value->first; part != NULL; part = part->next) {
        if (is_pair(part) && !erlang_is_atom(part->first, "ssl"))
            walk_below(walk, key, part);
    }
}

/* {enabled, true} below log.console is log.console itself. */
static void read_log_output(struct walk *walk, const char *path, const struct erlang_term *value) {
    for (const struct erlang_term *part = value->first; part != NULL; part = part->next) {
        if (is_pair(part) &&
            (erlang_is_atom(part->first, "enabled") || erlang_is_atom(part->first, "file")))
            set(walk, path, part, text_slice(&part->first->next->text));
        else if (is_pair(part))
            walk_below(walk, path, part);
    }
}

/* RabbitMQ 3.6's [{connection, error}, ...]. */
static void read_log_levels(struct walk *walk, const char *path, const struct erlang_term *value) {
    (void)path;
    for (const struct erlang_term *part = value->first; part != NULL; part = part->next) {
        char word[NAME_MAX_LENGTH];
        if (!is_pair(part) || !is_scalar(part->first->next)) {
            complain(walk, part, path, "expected {category, level}");
            continue;
        }
        snprintf(word, sizeof word, "%s.level", text_chars(&part->first->text));
        set_below(walk, "rabbit.log", word, part, text_slice(&part->first->next->text));
    }
}

/* Milliseconds, or `undefined` for none. */
static void read_timeout(struct walk *walk, const char *path, const struct erlang_term *value) {
    set(walk, path, value,
        erlang_is_atom(value, "undefined") ? SLICE("0") : text_slice(&value->text));
}

/* {false, 0}: no prefetch but that of basic.qos. */
static void read_prefetch(struct walk *walk, const char *path, const struct erlang_term *value) {
    if (!is_pair(value) || !erlang_is_atom(value->first, "false") ||
        !slice_equal(text_slice(&value->first->next->text), SLICE("0")))
        complain(walk, value, path, "only {false, 0} is possible: basic.qos says the prefetch");
}

static const struct {
    const char *path;
    special_reader *read;
} specials[] = {
    {"rabbit.default_consumer_prefetch", read_prefetch},
    {"rabbit.consumer_timeout", read_timeout},
    {"rabbit.log_levels", read_log_levels},
    {"rabbit.tcp_listeners", read_listeners},
    {"rabbit.ssl_listeners", read_listeners},
    {"rabbit.loopback_users", read_flags},
    {"rabbit.default_user_tags", read_flags},
    {"rabbit.default_permissions", read_permissions},
    {"rabbit.vm_memory_high_watermark", read_watermark},
    {"rabbit.disk_free_limit", read_watermark},
    {"rabbit.tcp_listen_options", read_socket_options},
    {"rabbit.log.console", read_log_output},
    {"rabbit.log.file", read_log_output},
    {"rabbitmq_management.listener", read_http_listener},
};

static special_reader *find_special(const char *path) {
    for (size_t i = 0; i < COUNT(specials); i++) {
        if (strcmp(specials[i].path, path) == 0)
            return specials[i].read;
    }
    return NULL;
}

/* --- the walk --- */

/* Pairs are keys below this one; anything else is the Nth of a list. */
static void walk_list(struct walk *walk, const char *path, const struct erlang_term *list) {
    unsigned number = 0;
    for (const struct erlang_term *part = list->first; part != NULL; part = part->next) {
        char word[16];
        snprintf(word, sizeof word, "%u", ++number);
        if (is_pair(part))
            walk_below(walk, path, part);
        else if (is_scalar(part))
            set_below(walk, path, word, part, text_slice(&part->text));
        else
            return skip_or_complain(walk, path, part);
    }
}

static void walk_value(struct walk *walk, const char *path, const struct erlang_term *value) {
    special_reader *special = find_special(path);
    if (special != NULL)
        special(walk, path, value);
    else if (is_scalar(value))
        set(walk, path, value, text_slice(&value->text));
    else if (value->kind == ERLANG_LIST)
        walk_list(walk, path, value);
    else
        skip_or_complain(walk, path, value);
}

static void walk_applications(struct walk *walk, const struct erlang_term *list) {
    for (const struct erlang_term *part = list->first; part != NULL; part = part->next) {
        if (is_pair(part))
            walk_value(walk, text_chars(&part->first->text), part->first->next);
        else
            complain(walk, part, "configuration", "expected {application, [{key, value}, ...]}");
    }
}

bool erlang_config_read(struct config *config, const char *name, struct slice content,
                        struct text *error) {
    struct walk walk = {.config = config, .name = name, .error = error, .good = true};
    struct text problem = {0};
    struct erlang_term *all = erlang_read(content, &problem);
    if (all == NULL) {
        text_append_format(error, "%s%s: %s", error->len == 0 ? "" : "\n", name,
                           text_chars(&problem));
        walk.good = false;
    } else {
        for (const struct erlang_term *list = all->first; list != NULL; list = list->next)
            walk_applications(&walk, list);
    }
    erlang_term_destroy(all);
    text_clear(&problem);
    return walk.good;
}

/* --- options of a command line --- */

static bool is_blank(uint8_t octet) {
    return octet == ' ' || octet == '\t' || octet == '\n';
}

/* The next word, without the quotes that a shell would have removed. */
static bool take_word(struct slice *rest, struct text *word) {
    uint8_t quote = 0;
    text_clear(word);
    while (rest->len > 0 && is_blank(rest->data[0]))
        *rest = slice_of(rest->data + 1, rest->len - 1);
    bool is_there = rest->len > 0;
    for (; rest->len > 0 && (quote != 0 || !is_blank(rest->data[0]));
         *rest = slice_of(rest->data + 1, rest->len - 1)) {
        uint8_t octet = rest->data[0];
        if (octet == '\'' && (quote == 0 || quote == octet))
            quote = quote == 0 ? octet : 0;
        else
            text_append(word, slice_of(rest->data, 1));
    }
    return is_there;
}

static bool is_application(struct slice name) {
    for (size_t i = 0; i < COUNT(applications); i++) {
        if (slice_equal(name, slice_from_text(applications[i].from)))
            return strncmp(applications[i].from, "rabbit", 6) == 0;
    }
    return false;
}

/* `-application key value`, of which the first has been taken. */
static void read_option(struct walk *walk, const char *application, struct slice *rest) {
    struct text key = {0}, written = {0}, path = {0}, problem = {0};
    if (take_word(rest, &key) && take_word(rest, &written)) {
        struct erlang_term *value = erlang_read_term(text_slice(&written), &problem);
        text_append_format(&path, "%s.%s", application, text_chars(&key));
        if (value == NULL || path.len >= NAME_MAX_LENGTH) {
            text_append_format(walk->error, "%s%s: %s: %s", walk->error->len == 0 ? "" : "\n",
                               walk->name, text_chars(&path), text_chars(&problem));
            walk->good = false;
        } else {
            walk_value(walk, text_chars(&path), value);
        }
        erlang_term_destroy(value);
    }
    text_clear(&key);
    text_clear(&written);
    text_clear(&path);
    text_clear(&problem);
}

bool erlang_config_read_options(struct config *config, const char *origin, struct slice options,
                                struct text *error) {
    struct walk walk = {.config = config, .name = origin, .error = error, .good = true};
    struct text word = {0};
    while (take_word(&options, &word)) {
        if (word.len > 1 && word.chars[0] == '-' &&
            is_application(slice_of(word.chars + 1, word.len - 1)))
            read_option(&walk, word.chars + 1, &options);
    }
    text_clear(&word);
    return walk.good;
}
