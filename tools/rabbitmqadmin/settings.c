/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/rabbitmqadmin/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/slice.h"

struct setting {
    const char *names;   /* of options, of either version, separated by commas; "": only in files */
    const char *letters; /* "": none */
    const char *keys;    /* in files, separated by commas; "": only an option */
    size_t place;        /* in struct settings */
    bool is_flag;
    const char *otherwise; /* NULL: nothing */
};

#define AT(member) offsetof(struct settings, member)

static const struct setting rows[] = {
    {"config", "c", "", AT(config), false, NULL},
    {"node", "N", "", AT(node), false, "default"},
    {"base-uri", "U", "base_uri", AT(base_uri), false, NULL},
    {"host", "H", "hostname", AT(host), false, "localhost"},
    {"port", "P", "port", AT(port), false, "15672"},
    {"path-prefix", "", "path_prefix", AT(path_prefix), false, ""},
    {"username", "u", "username", AT(user), false, "guest"},
    {"", "", "password", AT(password), false, "guest"},
    {"", "", "vhost", AT(vhost), false, NULL},
    {"", "", "declare_vhost", AT(declare_vhost), false, "/"},
    {"ssl,use-tls,tls", "s", "ssl,use_tls,tls", AT(is_tls), true, NULL},
    {"ssl-ca-cert-file,tls-ca-cert-file", "", "ssl_ca_cert_file,ca_certificate_bundle_path",
     AT(ca_file), false, NULL},
    {"ssl-cert-file,tls-cert-file", "", "ssl_cert_file,client_certificate_file_path", AT(cert_file),
     false, NULL},
    {"ssl-key-file,tls-key-file", "", "ssl_key_file,client_private_key_file_path", AT(key_file),
     false, NULL},
    {"ssl-disable-hostname-verification", "", "ssl_disable_hostname_verification",
     AT(skips_hostname), true, NULL},
    {"ssl-insecure,insecure", "k", "ssl_insecure", AT(is_insecure), true, NULL},
    {"request-timeout,timeout", "t", "request_timeout", AT(timeout), false, "120"},
    {"format", "f", "format", AT(format), false, "table"},
    {"sort", "S", "sort", AT(sort), false, NULL},
    {"sort-reverse", "R", "sort_reverse", AT(sort_reverse), true, NULL},
    {"depth", "d", "depth", AT(depth), false, "1"},
    {"quiet,non-interactive", "q", "", AT(quiet), true, NULL},
    {"help", "h", "", AT(wants_help), true, NULL},
    {"version", "", "", AT(wants_version), true, NULL},
    {"bash-completion", "", "", AT(wants_completion), true, NULL},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* Whether `name` is one of `names`. */
static bool is_among(const char *names, const char *name, size_t len) {
    while (*names != '\0') {
        const size_t one = strcspn(names, ",");
        if (one == len && strncmp(names, name, len) == 0)
            return true;
        names += one + (names[one] == ',');
    }
    return false;
}

const struct setting *setting_find(const char *name, size_t len, bool is_letter) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_letter ? len == 1 && strchr(rows[i].letters, name[0]) != NULL
                      : is_among(rows[i].names, name, len))
            return &rows[i];
    }
    return NULL;
}

bool setting_is_flag(const struct setting *setting) {
    return setting->is_flag;
}

static const char **value_of(struct settings *settings, const struct setting *row) {
    return (const char **)(void *)((char *)settings + row->place);
}

void setting_set(struct settings *settings, const struct setting *setting, const char *value) {
    *value_of(settings, setting) = value;
}

static const char *keep(struct settings *settings, const char *text, size_t len) {
    char *kept = strndup(text, len);

    if (settings->kept_count == SETTINGS_KEPT_MAX) {
        free(kept);
        return NULL;
    }
    return settings->kept[settings->kept_count++] = kept;
}

/* --- the file --- */

/* Without blanks around it, a comment behind it, or quotes. */
static void trim(const char **text, size_t *len) {
    const char *comment = memchr(*text, '#', *len);

    if (comment != NULL && (comment == *text || isspace((unsigned char)comment[-1])))
        *len = (size_t)(comment - *text);
    while (*len > 0 && isspace((unsigned char)(*text)[*len - 1]))
        (*len)--;
    while (*len > 0 && isspace((unsigned char)**text)) {
        (*text)++;
        (*len)--;
    }
    if (*len >= 2 && strchr("'\"", **text) != NULL && (*text)[*len - 1] == **text) {
        (*text)++;
        *len -= 2;
    }
}

static bool is_false(const char *value) {
    return strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0 || value[0] == '\0';
}

/* `key = value`; keys that mean nothing to us are passed over, as the file may be another tool's too. */
static void take_line(struct settings *settings, const char *line) {
    const size_t key_end = strcspn(line, "=:");
    const char *key = line, *value = line + key_end + (line[key_end] != '\0');
    size_t key_len = key_end, value_len = strlen(value);

    trim(&key, &key_len);
    trim(&value, &value_len);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!is_among(rows[i].keys, key, key_len) || *value_of(settings, &rows[i]) != NULL)
            continue;
        const char *kept = keep(settings, value, value_len);
        if (kept != NULL && !(rows[i].is_flag && is_false(kept)))
            setting_set(settings, &rows[i], kept);
    }
}

static bool is_section(const char *line, const char *name) {
    const size_t len = strcspn(line + 1, "]");
    return strlen(name) == len && strncmp(line + 1, name, len) == 0;
}

/* True when the section is there. */
static bool read_section(struct settings *settings, FILE *file, const char *name) {
    char *line = NULL;
    size_t size = 0;
    bool is_inside = false, was_found = false;

    while (getline(&line, &size, file) > 0) {
        if (line[0] == '[') {
            is_inside = is_section(line, name);
            was_found |= is_inside;
        } else if (is_inside && strchr("#;\n", line[0]) == NULL) {
            take_line(settings, line);
        }
    }
    free(line);
    return was_found;
}

static bool read_file(struct settings *settings, const char *path, struct text *error) {
    const char *name = settings->node == NULL ? "default" : settings->node;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        text_append_format(error, "Could not read config file '%s'", path);
        return settings->config == NULL; /* the usual one need not be there */
    }
    const bool is_there = read_section(settings, file, name);
    fclose(file);
    if (is_there || strcmp(name, "default") == 0)
        return true;
    text_append_format(error, "Could not read section '%s' in config file '%s'", name, path);
    return false;
}

static bool read_configuration(struct settings *settings, struct text *error) {
    const char *home = getenv("HOME");
    struct text path = {0};

    if (settings->config == NULL && home == NULL)
        return true;
    if (settings->config != NULL)
        text_append_format(&path, "%s", settings->config);
    else
        text_append_format(&path, "%s/.rabbitmqadmin.conf", home);
    const bool done = read_file(settings, text_chars(&path), error);
    text_clear(&path);
    if (done)
        text_clear(error);
    return done;
}

/* --- SCHEME://USER:PASSWORD@HOST:PORT --- */

static void put_part(struct settings *settings, const char **place, const char *text, size_t len) {
    if (len > 0)
        *place = keep(settings, text, len);
}

static void take_login(struct settings *settings, const char *text, size_t len) {
    const char *colon = memchr(text, ':', len);
    const size_t user_len = colon == NULL ? len : (size_t)(colon - text);

    put_part(settings, &settings->user, text, user_len);
    if (colon != NULL)
        put_part(settings, &settings->password, colon + 1, len - user_len - 1);
}

static void take_host(struct settings *settings, const char *text, size_t len) {
    const char *colon = NULL;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == ':')
            colon = text + i;
    }
    const size_t host_len = colon == NULL ? len : (size_t)(colon - text);
    const bool is_bracketed = host_len > 2 && text[0] == '[' && text[host_len - 1] == ']';
    put_part(settings, &settings->host, text + is_bracketed, host_len - 2u * is_bracketed);
    if (colon != NULL)
        put_part(settings, &settings->port, colon + 1, len - host_len - 1);
}

/* What it says counts more than the options; its path does not count. */
static void take_base_uri(struct settings *settings) {
    const char *uri = settings->base_uri;
    const char *authority = strstr(uri, "://");

    if (strncmp(uri, "https://", 8) == 0)
        settings->is_tls = "";
    authority = authority == NULL ? uri : authority + 3;
    const size_t len = strcspn(authority, "/");
    const char *at = memchr(authority, '@', len);
    const size_t login_len = at == NULL ? 0 : (size_t)(at - authority);
    if (at != NULL)
        take_login(settings, authority, login_len);
    take_host(settings, authority + login_len + (at != NULL), len - login_len - (at != NULL));
    if (authority[len] == '/' && authority[len + 1] != '\0')
        fputs("WARNING: path in --base-uri is ignored. Please specify --vhost and/or --path-prefix "
              "separately.\n\n",
              stderr);
}

bool settings_complete(struct settings *settings, struct text *error) {
    if (!read_configuration(settings, error))
        return false;
    if (settings->base_uri != NULL)
        take_base_uri(settings);
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (*value_of(settings, &rows[i]) == NULL)
            setting_set(settings, &rows[i], rows[i].otherwise);
    return true;
}

void settings_clear(struct settings *settings) {
    for (size_t i = 0; i < settings->kept_count; i++)
        free(settings->kept[i]);
}

void settings_append_names(struct text *names) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].names[0] != '\0')
            text_append_format(names, " --%.*s", (int)strcspn(rows[i].names, ","), rows[i].names);
    }
}
