/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `declare queue name=x durable=true` and `queues declare --name x --durable true` say the same: a verb, an
 * object and values. Options that are not the program's own are values.
 */
#include "tools/rabbitmqadmin/request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const verbs[] = {"declare", "create", "delete", "list", "show",   "publish",
                                    "get",     "purge",  "close",  "help", "export", "import"};

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

static const struct option {
    const char *name;
    const char *letter;
    size_t place; /* of a text in struct request */
} options[] = {
    {"host", "H", offsetof(struct request, place.host)},
    {"port", "P", offsetof(struct request, place.port)},
    {"username", "u", offsetof(struct request, place.user)},
    {"path-prefix", NULL, offsetof(struct request, place.prefix)},
    {"format", "f", offsetof(struct request, format)},
};

static const struct option *find_option(const char *word, size_t len) {
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const char *name = word[1] == '-' ? options[i].name : options[i].letter;
        const char *bare = word + (word[1] == '-' ? 2 : 1);
        if (name != NULL && strlen(name) == len && strncmp(name, bare, len) == 0)
            return &options[i];
    }
    return NULL;
}

static bool is_same(const char *bare, size_t len, const char *name) {
    return strlen(name) == len && strncmp(bare, name, len) == 0;
}

/* Once a user's password is a value: behind `declare user` or `users declare`. */
static bool password_is_value(const struct request *request) {
    return strcmp(request->object, "user") == 0 || strcmp(request->object, "users") == 0;
}

static bool take_flag(struct request *request, const char *word, const char *bare, size_t len) {
    if (strcmp(word, "-q") == 0 || is_same(bare, len, "quiet") ||
        is_same(bare, len, "non-interactive"))
        return request->quiet = true;
    if (strcmp(word, "-h") == 0 || is_same(bare, len, "help"))
        return request->wants_help = true;
    return false;
}

static void take_text(struct request *request, const char *word, const char *bare, size_t len,
                      const char *value) {
    const struct option *option = find_option(word, len);
    bool is_password = strcmp(word, "-p") == 0 || is_same(bare, len, "password");

    if (option != NULL)
        *(const char **)(void *)((char *)request + option->place) = value;
    else if (is_password && (word[1] != '-' || !password_is_value(request)))
        request->place.password = value;
    else if (strcmp(word, "-V") == 0)
        set_value(request, "vhost", 5, value);
    else
        set_value(request, bare, len, value);
}

static bool take_option(struct request *request, const char *word, char **argv, int argc, int *at,
                        struct text *error) {
    const char *bare = word + (word[1] == '-' ? 2 : 1);
    size_t len = strcspn(bare, "=");

    if (is_same(bare, len, "ssl") || is_same(bare, len, "use-tls") || strcmp(word, "-s") == 0) {
        text_append_format(error, "TLS is not implemented here: name the plain port");
        return false;
    }
    if (take_flag(request, word, bare, len))
        return true;
    if (word[1] != '-' && find_option(word, len) == NULL && strchr("pV", word[1]) == NULL) {
        text_append_format(error, "there is no option %s", word);
        return false;
    }
    if (bare[len] == '=') {
        take_text(request, word, bare, len, bare + len + 1);
    } else if (*at < argc) {
        take_text(request, word, bare, len, argv[(*at)++]);
    } else {
        text_append_format(error, "%s wants a value", word);
        return false;
    }
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

bool request_read(struct request *request, int argc, char **argv, struct text *error) {
    *request = (struct request){.place = {.host = "localhost",
                                          .port = "15672",
                                          .user = "guest",
                                          .password = "guest",
                                          .prefix = ""},
                                .format = "table",
                                .object = "",
                                .values = json_pack("{ss}", "vhost", "/")};
    for (int at = 1; at < argc;) {
        const char *word = argv[at++];
        if (word[0] == '-' && word[1] != '\0') {
            if (!take_option(request, word, argv, argc, &at, error))
                return false;
        } else {
            take_word(request, word);
        }
    }
    return true;
}

void request_clear(struct request *request) {
    json_decref(request->values);
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
            text_append_format(error, "mandatory argument \"%s\" required", key);
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
            text_append_format(error, "mandatory argument \"%s\" required", field);
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
