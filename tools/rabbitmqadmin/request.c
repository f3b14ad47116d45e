/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `declare queue name=x durable=true` and `queues declare --name x --durable true` say the same: a verb, an
 * object and values. Options that are not the program's own are values.
 */
#include "tools/rabbitmqadmin/request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const verbs[] = {"declare", "create", "delete",      "list",  "show",
                                    "publish", "get",    "purge",       "close", "help",
                                    "export",  "import", "health_check"};

static bool is_verb(const char *word) {
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i], word) == 0)
            return true;
    }
    return false;
}

/* --- values --- */

/* Keys of the newer grammar have dashes, but for the one that the API writes so. */
static void set_value(struct request *request, const char *key, size_t key_len, const char *value) {
    char *name = strndup(key, key_len);

    if (strcmp(name, "apply-to") != 0) {
        for (char *at = name; *at != '\0'; at++)
            *at = *at == '-' ? '_' : *at;
    }
    if (strcmp(name, "vhost") == 0)
        request->has_vhost = true;
    json_object_set_new(request->values, name, json_string(value));
    free(name);
}

const char *request_value(const struct request *request, const char *key) {
    return json_string_value(json_object_get(request->values, key));
}

/* --- options --- */

static bool is_same(const char *name, size_t len, const char *other) {
    return strlen(other) == len && strncmp(name, other, len) == 0;
}

/* What elsewhere is an option of the program: a user's password behind `declare user` or `users declare`, and the port
 * behind `health_check port_listener`. */
static bool is_of_object(const struct request *request, const char *name, size_t len) {
    if (is_same(name, len, "password"))
        return strcmp(request->object, "user") == 0 || strcmp(request->object, "users") == 0;
    return is_same(name, len, "port") && request->verb != NULL &&
           strcmp(request->verb, "health_check") == 0 && request->object[0] != '\0';
}

/* An option that takes a value, whether the program's own or one of what is declared. */
static void take_value(struct request *request, const struct setting *setting, const char *word,
                       const char *name, size_t len, const char *value) {
    if (setting != NULL)
        setting_set(&request->settings, setting, value);
    else if (word[1] != '-' && name[0] == 'V')
        set_value(request, "vhost", 5, value);
    else if (word[1] != '-' ||
             (is_same(name, len, "password") && !is_of_object(request, name, len)))
        request->settings.password = value;
    else
        set_value(request, name, len, value);
}

/* `--name value`, `--name=value`, `-n value` and `-nvalue` are the same. */
static bool take_option(struct request *request, const char *word, char **argv, int argc, int *at,
                        struct text *error) {
    const bool is_letter = word[1] != '-';
    const char *name = word + (is_letter ? 1 : 2);
    const size_t len = is_letter ? 1 : strcspn(name, "=");
    const struct setting *setting =
        !is_letter && is_of_object(request, name, len) ? NULL : setting_find(name, len, is_letter);
    const char *value = is_letter ? name + 1 : name + len + (name[len] == '=');

    if (is_letter && setting == NULL && strchr("pV", name[0]) == NULL) {
        text_append_format(error, "no such option: %s", word);
        return false;
    }
    if (setting != NULL && setting_is_flag(setting)) {
        setting_set(&request->settings, setting, "");
        return true;
    }
    if (is_letter ? name[1] == '\0' : name[len] != '=') {
        if (*at == argc) {
            text_append_format(error, "%s option requires 1 argument", word);
            return false;
        }
        value = argv[(*at)++];
    }
    take_value(request, setting, word, name, len, value);
    return true;
}

/* --- words --- */

static void take_word(struct request *request, const char *word) {
    size_t key_len = strcspn(word, "=");

    if (request->verb != NULL && request->object[0] != '\0' && word[key_len] == '=' && key_len > 0)
        set_value(request, word, key_len, word + key_len + 1);
    else if (request->verb != NULL && word[key_len] == '=' && strcmp(request->verb, "declare") != 0)
        set_value(request, word, key_len, word + key_len + 1);
    else if (request->verb == NULL && is_verb(word))
        request->verb = word;
    else if (request->object[0] == '\0')
        request->object = word;
    else if (request->word_count < REQUEST_WORDS_MAX)
        request->words[request->word_count++] = word;
}

/* Of the file, when none was named: lists are of it, and what is declared without a vhost is in it or in another. */
static void settle_vhost(struct request *request) {
    const struct settings *settings = &request->settings;

    if (request->has_vhost)
        return;
    request->has_vhost = settings->vhost != NULL;
    json_object_set_new(
        request->values, "vhost",
        json_string(settings->vhost != NULL ? settings->vhost : settings->declare_vhost));
}

bool request_read(struct request *request, int argc, char **argv, struct text *error) {
    *request = (struct request){.object = "", .values = json_object()};
    for (int at = 1; at < argc;) {
        const char *word = argv[at++];
        if (word[0] == '-' && word[1] != '\0') {
            if (!take_option(request, word, argv, argc, &at, error))
                return false;
        } else {
            take_word(request, word);
        }
    }
    if (!settings_complete(&request->settings, error))
        return false;
    settle_vhost(request);
    return true;
}

void request_clear(struct request *request) {
    json_decref(request->values);
    settings_clear(&request->settings);
}

/* --- parts of a request --- */

/* Whether `name` is one of `names`, which are separated by anything that no name has. */
static bool is_named_in(const char *names, const char *name) {
    const size_t len = strlen(name);

    for (const char *at = names; (at = strstr(at, name)) != NULL; at++) {
        const bool begins = at == names || strchr("{,/", at[-1]) != NULL;
        if (begins && (at[len] == '\0' || strchr("},?=", at[len]) != NULL))
            return true;
    }
    return false;
}

bool request_check(const struct request *request, const char *pattern, const char *fields,
                   const char *others, struct text *error) {
    const char *key;
    json_t *value;

    json_object_foreach(request->values, key, value) {
        if (strcmp(key, "vhost") == 0 || is_named_in(pattern, key) || is_named_in(fields, key) ||
            is_named_in(others, key))
            continue;
        text_append_format(error, "Argument \"%s\" is not recognised", key);
        return false;
    }
    return true;
}

/* --- parts of a request --- */

static void append_encoded(struct text *path, const char *value) {
    for (; *value != '\0'; value++) {
        unsigned char octet = (unsigned char)*value;
        bool is_plain = isalnum(octet) || strchr("-._~", octet) != NULL;
        text_append_format(path, is_plain ? "%c" : "%%%02X", octet);
    }
}

/* In paths the default exchange has a name. */
static const char *path_value(const struct request *request, const char *key) {
    const char *value = request_value(request, key);

    if (strcmp(key, "destination_char") == 0) {
        const char *type = request_value(request, "destination_type");
        return type != NULL && strcmp(type, "exchange") == 0 ? "e" : "q";
    }
    return value != NULL && value[0] == '\0' && strcmp(key, "source") == 0 ? "amq.default" : value;
}

bool request_path(const struct request *request, const char *pattern, struct text *path,
                  struct text *error) {
    while (*pattern != '\0') {
        size_t plain = strcspn(pattern, "{");
        text_append(path, slice_of(pattern, plain));
        pattern += plain;
        if (*pattern == '\0')
            break;
        char key[64];
        size_t len = strcspn(pattern + 1, "}");
        snprintf(key, sizeof key, "%.*s", (int)len, pattern + 1);
        const char *value = path_value(request, key);
        if (value == NULL) {
            text_append_format(error, "mandatory argument \"%s\" is required", key);
            return false;
        }
        append_encoded(path, value);
        pattern += len + 2;
    }
    return true;
}

/* Values of these are JSON; of others only what looks like true, false or a number is. */
static json_t *typed(const char *key, const char *text) {
    bool is_json = strcmp(key, "arguments") == 0 || strcmp(key, "definition") == 0 ||
                   strcmp(key, "value") == 0 || strcmp(key, "priority") == 0 ||
                   strcmp(key, "properties") == 0 || strcmp(key, "count") == 0 ||
                   strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    return is_json ? json_loads(text, JSON_DECODE_ANY, NULL) : json_string(text);
}

/* One field, `key`, `key?` or `key=otherwise`; false with a sentence in `error`. */
static bool put_field(const struct request *request, json_t *body, char *field,
                      struct text *error) {
    char *mark = field + strcspn(field, "?=");
    const char *otherwise = *mark == '=' ? mark + 1 : NULL;
    bool may_lack = *mark == '?';

    *mark = '\0';
    const char *value = request_value(request, field);
    value = value == NULL ? otherwise : value;
    if (value == NULL) {
        if (!may_lack)
            text_append_format(error, "mandatory argument \"%s\" is required", field);
        return may_lack;
    }
    json_t *member = typed(field, value);
    if (member == NULL) {
        text_append_format(error, "Could not parse JSON:\n  %s", value);
        return false;
    }
    json_object_set_new(body, field, member);
    return true;
}

json_t *request_body(const struct request *request, const char *fields, struct text *error) {
    char copy[256], *rest = NULL;
    json_t *body = json_object();

    snprintf(copy, sizeof copy, "%s", fields);
    for (char *field = strtok_r(copy, ",", &rest); field != NULL;
         field = strtok_r(NULL, ",", &rest)) {
        if (!put_field(request, body, field, error)) {
            json_decref(body);
            return NULL;
        }
    }
    return body;
}
