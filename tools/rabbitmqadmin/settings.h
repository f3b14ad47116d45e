/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the API is, who asks and how answers are shown: from the command line, else from a section of a file,
 * else as RabbitMQ's tools have it. The file is ~/.rabbitmqadmin.conf or the one of --config, the section
 * `default` or the one of --node; values may stand in quotes, as those of the second version do.
 */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_SETTINGS_H
#define LEVERET_TOOLS_RABBITMQADMIN_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/base/text.h"

#define SETTINGS_KEPT_MAX 64

/* Texts are those of the command line, or kept. NULL: not given, while reading; afterwards none. */
struct settings {
    const char *config;
    const char *node;
    const char *base_uri;
    const char *host;
    const char *port;
    const char *path_prefix;
    const char *user;
    const char *password;
    const char *vhost;         /* NULL: all, of lists */
    const char *declare_vhost; /* what else is done without a vhost is done in this one */
    const char *ca_file;       /* of PEM; NULL: the system's */
    const char *cert_file;
    const char *key_file;
    const char *timeout; /* seconds */
    const char *format;
    const char *sort;
    const char *depth; /* of tables without columns */
    const char *is_tls;
    const char *is_insecure;    /* nothing about the certificate is checked */
    const char *skips_hostname; /* its name is not */
    const char *sort_reverse;
    const char *quiet;
    const char *wants_help;
    const char *wants_version;
    const char *wants_completion;
    char *kept[SETTINGS_KEPT_MAX];
    size_t kept_count;
};

/* An option of the program's own: NULL when `name`, of `len`, is none. */
struct setting;
const struct setting *setting_find(const char *name, size_t len, bool is_letter);
bool setting_is_flag(const struct setting *setting);
/* The later of two counts. */
void setting_set(struct settings *settings, const struct setting *setting, const char *value);

/* What the command line left open. False with a sentence in `error`. */
bool settings_complete(struct settings *settings, struct text *error);
void settings_clear(struct settings *settings);

/* The long names of all options, for completion: separated by blanks. */
void settings_append_names(struct text *names);

#endif
