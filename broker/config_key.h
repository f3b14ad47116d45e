/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row of the table of keys, and the readers that turn what is written into a field. To add a key:
 * a field in struct config or struct broker_settings, and a row in config_keys.c; help, defaults,
 * errors and the check on reload follow. A word `$name` in a key stands for any one word.
 */
#ifndef LEVERET_BROKER_CONFIG_KEY_H
#define LEVERET_BROKER_CONFIG_KEY_H

#include "broker/config.h"

/* What a setting is about: the row, the name as written, and the words that stand for `$name`. */
struct config_match {
    const struct config_key *key;
    struct slice name;
    struct slice word;
};

/* Puts the value into its field. False with one sentence in `error`, and nothing changed. */
typedef bool config_reader(struct config *config, const struct config_match *match,
                           struct slice value, struct text *error);

enum config_when { CONFIG_AT_START, CONFIG_RELOADABLE };

struct config_key {
    const char *name;
    config_reader *read;
    size_t offset;    /* of the field in struct config */
    uint64_t minimum; /* of numbers and sizes */
    uint64_t maximum;
    const char *const *choices; /* of read_choice, in the order of the enum; ends with NULL */
    const char *initially;      /* the default as one would write it; NULL: nothing */
    enum config_when when;
    const char *help;
};

/* config_keys.c */
extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* --- config_values.c --- */

/* A whole number within the key's limits. */
bool config_read_number(const struct config_match *match, struct slice value, uint64_t *ret_number,
                        struct text *error);
/* The same for a size with RabbitMQ's units. */
bool config_read_size(const struct config_match *match, struct slice value, uint64_t *ret_size,
                      struct text *error);
/* Says what is allowed; a secret's value is not shown. Always false. */
bool config_refuse(const struct config_match *match, struct slice value, const char *wanted,
                   struct text *error);
bool config_key_is_secret(const struct config_key *key);

config_reader read_uint16, read_uint32, read_uint64; /* from minimum to maximum */
config_reader read_limit;                            /* uint32_t; `infinity` is 0 */
config_reader read_size;                             /* uint64_t with RabbitMQ's units */
config_reader read_size32;                           /* the same, uint32_t */
config_reader read_fraction;                         /* double from 0.0 to 1.0 */
config_reader read_ratio;                            /* double, not negative */
config_reader read_port;                             /* int */
config_reader read_boolean;
config_reader read_queue_type;   /* one of classic, quorum, stream */
config_reader read_only_default; /* no field: what the broker does is the only choice */
config_reader read_text;
config_reader read_address;      /* a text that is an IP address */
config_reader read_text_or_none; /* `none` is the empty text */
config_reader read_file;         /* a text that names something readable */
config_reader read_secret;
config_reader read_secret_or_none; /* `none` is the empty one */
config_reader
    read_path_prefix; /* a text that begins with / and does not end with one, or is empty */
config_reader read_login_field; /* read_choice, and what RabbitMQ 3 called one of them */
config_reader read_choice;      /* an enum */
config_reader read_verify;      /* bool: verify_peer or verify_none */
config_reader read_log_level;
config_reader read_log_file;            /* struct config_log: a name, or `false` */
config_reader read_rotation_date;       /* a text of log_file.h */
config_reader read_item;                /* struct config_list, the word is the item's name */
config_reader read_flag_item;           /* the same, true or false */
config_reader read_no_items;            /* `none` empties the struct config_list */
config_reader read_tls_version;         /* struct config_list of tlsv1, ... tlsv1.3 */
config_reader read_mechanism;           /* struct config_list: a SASL mechanism */
config_reader read_definitions_backend; /* no field: `local_filesystem` is the only one */
config_reader read_backend;             /* no field: `internal` is the only one */

/* Sets or replaces the item called `name`; false when the list is full. */
bool config_list_put(struct config *config, struct config_list *list, struct slice name,
                     struct slice value);

/* --- config_listeners.c --- */

config_reader read_listener;     /* struct config_listeners */
config_reader read_no_listeners; /* `none` */

/* --- config_vhost_defaults.c: of an entry with the word as its name --- */
config_reader read_entry_text, read_entry_pattern, read_entry_secret, read_entry_number,
    read_entry_size, read_entry_duration; /* ms; with a unit of RabbitMQ's: 90s, 1h, 1d12h */

/* --- config_allowed.c --- */

/* Whether `value` is one of `values`: `off|<integer>`, words and kinds; config_allowed.c has the kinds. */
bool config_is_allowed(const char *values, struct slice value);
/* The same for people: `off or a whole number`. */
void config_describe_allowed(const char *values, struct text *description);

#define CONFIG_TLS_VERSIONS "tlsv1.2|tlsv1.3" /* those that are offered */

/* --- config_foreign.c --- */

/* A key that RabbitMQ knows and that has no row in config_keys. */
struct config_foreign {
    const char *pattern; /* $x: any word; a final *: all that follow */
    const char *reason;  /* why it means nothing, or cannot be had */
    const char *
        values; /* that RabbitMQ takes, config_is_allowed(); NULL: any. Of a key that cannot be had:
                            those that ask for nothing; NULL: none */
};

/* NULL when RabbitMQ does not know it either. `ret_refused`: the server must not start with it, unless its
 * value asks for nothing. */
const struct config_foreign *config_foreign_find(struct slice name, bool *ret_refused);

/* Whether `name` is `pattern`, word by word; `$x` takes any word, a final `*` all that follow. */
bool config_name_matches(const char *pattern, struct slice name, struct slice *ret_word);

#endif
