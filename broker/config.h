/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server can be told, in RabbitMQ's words. The keys are one table (config_keys.c: name,
 * reader, place in struct config, default, limits, reloadable or not, one line of help); what RabbitMQ
 * knows and Leveret does not do is another (config_foreign.c). A key that is in neither is refused
 * with the nearest one that is: a misspelt limit must not silently be no limit.
 *
 *     config_init -> config_set, config_read, config_read_file ... -> config_finish -> (config_clear)
 *
 * Every setting has an origin - `file:line`, `--set`, the name of a variable of the environment - and
 * the later setting of a key wins. config_sources.h says which files and variables there are, and in
 * which order; config_syntax.h what a file looks like.
 *
 * Texts live in a pool that a reloaded configuration shares with the one before (config_init_again),
 * so whoever holds a text of the old one still may.
 */
#ifndef LEVERET_BROKER_CONFIG_H
#define LEVERET_BROKER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/log.h"
#include "broker/base/secret.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/vhost_defaults.h"

#define CONFIG_LISTENERS_MAX 16
#define CONFIG_ITEMS_MAX     64

struct config_texts;

/* `auth_mechanisms.1 = PLAIN`: name 1, value PLAIN. Sorted: numbers as such, then names. */
struct config_item {
    const char *name;
    const char *value;
};

struct config_list {
    struct config_item items[CONFIG_ITEMS_MAX];
    size_t count;
};

struct config_listener {
    const char *name;    /* what follows `listeners.tcp.` */
    const char *address; /* NULL: every interface */
    uint16_t port;
};

struct config_listeners {
    struct config_listener items[CONFIG_LISTENERS_MAX];
    size_t count;
    bool disabled; /* listeners.tcp = none */
};

/* ssl_options.*, and the same words below management.ssl and prometheus.ssl. */
struct config_tls {
    const char *certfile; /* NULL: not set, like every text here */
    const char *keyfile;
    const char *cacertfile;
    struct secret password;    /* of the key file */
    bool verify_peer;          /* ssl_options.verify */
    bool fail_if_no_peer_cert; /* only with verify_peer */
    bool honor_cipher_order;
    uint16_t depth;              /* certificates between the peer's and the root's */
    struct config_list versions; /* tlsv1.2, tlsv1.3; empty: both */
    struct config_list ciphers;  /* OpenSSL's names; empty: its own choice */
    struct config_list
        sni_certfiles; /* more certificates, for clients that ask for one of their names */
    struct config_list sni_keyfiles; /* of the same names */
};

/* A port that serves HTTP: management.*, prometheus.*. */
struct config_http {
    const char *tcp_address; /* NULL: every interface */
    const char *ssl_address;
    int tcp_port;      /* -1: no plain listener; 0: any free port */
    int ssl_port;      /* -1: no TLS listener */
    int listener_port; /* management.listener.port, the only one if set; -1: not set */
    const char *listener_address;
    bool listener_is_tls;
    struct config_tls tls;
};

struct config_management {
    struct config_http http;
    const char *path_prefix;         /* "" or "/something" */
    struct config_list cors_origins; /* management.cors.allow_origins.N */
    uint32_t cors_max_age_s;
    uint32_t session_minutes; /* of a login with a cookie */
    uint64_t max_body_size;   /* octets of a definitions upload */
};

struct config_prometheus {
    struct config_http http;
    const char *path; /* "/metrics" */
    bool return_per_object_metrics;
};

enum config_log_format { CONFIG_LOG_PLAINTEXT, CONFIG_LOG_JSON };
enum config_log_side { CONFIG_LOG_STDOUT, CONFIG_LOG_STDERR };

struct config_log_output {
    bool is_on;
    enum log_level level;
    enum config_log_format format;
};

/* A file of log lines and when to begin a new one. */
struct config_log_file {
    const char *name;          /* relative to `directory`; NULL: none */
    const char *rotation_date; /* RabbitMQ's $D0, $W0D4H2, ...; "" : not by date */
    uint64_t rotation_size;    /* octets; 0: not by size */
    uint32_t rotation_count;   /* old files to keep */
    enum log_level level;      /* of a category's file; config_finish() */
};

struct config_log {
    struct config_log_output console;
    enum config_log_side console_stdio;
    struct config_log_output file;
    struct config_log_file
        files[LOG_CATEGORY_COUNT]; /* the first: of all without one of their own */
    const char *directory;         /* log.dir */
    enum log_level categories[LOG_CATEGORY_COUNT];
};

enum config_login_from {
    LOGIN_FROM_DISTINGUISHED_NAME,
    LOGIN_FROM_COMMON_NAME,
    LOGIN_FROM_SUBJECT_ALTERNATIVE_NAME
};

enum config_san_type { SAN_DNS, SAN_IP, SAN_EMAIL, SAN_URI, SAN_OTHER_NAME };

struct config {
    struct broker_settings broker;
    struct config_listeners tcp;
    struct config_listeners ssl;
    const char *given_address; /* --bind; NULL: not given */
    int given_port;            /* --port; -1: not given */
    uint16_t backlog;
    bool tcp_nodelay;
    bool tcp_keepalive;
    uint32_t tcp_sndbuf; /* octets; 0: the kernel's choice */
    uint32_t tcp_recbuf;
    bool proxy_protocol;
    struct config_list
        proxy_sources; /* leveret.proxy_protocol.sources.N: address or address/bits */
    struct config_tls tls;
    uint32_t ssl_handshake_timeout_ms;
    enum config_login_from ssl_cert_login_from;
    enum config_san_type ssl_cert_login_san_type;
    uint16_t ssl_cert_login_san_index;
    const char *node_name; /* rabbit@HOST; NULL: made from the host's name */

    const char *default_user;
    struct secret default_pass;
    struct config_list default_user_tags; /* value "true" or "false"; empty: administrator */
    const char *default_permissions_configure;
    const char *default_permissions_write;
    const char *default_permissions_read;
    struct vhost_defaults
        vhost_defaults;                 /* default_users.*, default_limits.*, default_policies.* */
    struct config_list loopback_users;  /* names; value "true" */
    struct config_list auth_mechanisms; /* empty: all there are */
    struct config_list vhosts; /* leveret.vhosts.N: made at first, beside the default one */

    double memory_watermark;            /* fraction of the memory there is */
    uint64_t memory_watermark_absolute; /* octets; 0: the fraction counts */
    uint64_t memory_available;     /* total_memory_available_override_value; 0: ask the system */
    double disk_free_relative;     /* of the memory there is; 0: the absolute one counts */
    uint64_t disk_free_limit;      /* octets */
    uint64_t message_memory_limit; /* octets of messages of all queues; more go to disk */
    uint64_t journal_segment_size; /* octets of a file of the journal */

    const char *definitions_path; /* file or directory; NULL: none */
    bool definitions_skip_if_unchanged;
    struct config_management management;
    struct config_prometheus prometheus;
    struct config_log log;
    const char *control_socket; /* path; NULL: in the data directory, "": none */
    const char *pid_file;       /* NULL: none */
    bool keep_pid_file;
    bool plugins_are_named;     /* there is a file enabled_plugins, or the variable */
    struct config_list plugins; /* the plugins named there; value "true" */

    struct list settings;       /* struct config_setting, what was set and where */
    struct list notices;        /* struct config_notice, to be logged once */
    struct config_texts *texts; /* owns every text above */
};

/* What somebody has set; the last one of a name is the one that counts. */
struct config_setting {
    struct list link;
    const struct config_key *key;
    const char *name; /* as written, for example listeners.tcp.default */
    const char *value;
    const char *origin;
};

/* The value for people: a secret is not shown. */
const char *config_setting_shown(const struct config_setting *setting);

/* Each key in the table's order: what was set last, with its origin, or the default. Values for people. */
typedef void config_show(void *context, const char *key, const char *value, const char *origin);
void config_each_setting(const struct config *config, config_show *show, void *context);

struct config_notice {
    struct list link;
    enum log_level level;
    const char *sentence;
};

/* Everything at its default. */
void config_init(struct config *config);
/* The same, sharing the pool of texts with `before`: for reading everything again. */
void config_init_again(struct config *config, const struct config *before);
void config_clear(struct config *config);

/* A copy of `text` that lives as long as the pool. */
const char *config_keep_text(struct config *config, struct slice text);

/* False with one sentence in `error`. `origin` is where the setting comes from. */
bool config_set(struct config *config, const char *origin, struct slice key, struct slice value,
                struct text *error);

/* The same for a value out of Erlang terms: where it is not used here it may be anything, as RabbitMQ checks
 * nothing there. */
bool config_set_term(struct config *config, const char *origin, struct slice key,
                     struct slice value, struct text *error);

/* The same from `key=value`. */
bool config_set_assignment(struct config *config, const char *assignment, struct text *error);

/* Remembers a sentence to be logged once at start. */
void config_notice(struct config *config, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether somebody has set `name`, a key without a `$`. */
bool config_is_set(const struct config *config, const char *name);

/* One plain listener instead of those configured; a NULL address or port -1 leaves what was there. */
void config_override_listener(struct config *config, const char *origin, const char *address,
                              int port);

/*
 * Of a configuration that was read again: the settings of `next`, but for those that count at the start
 * only, which stay as in `config`. False with one sentence in `error`, and nothing changed. The result
 * counts with config_replace(), so that it can be tried before.
 */
bool config_merge(const struct config *config, const struct config *next, struct config *ret_merged,
                  struct text *error);
/* What was in `config` is cleared; `from` is empty afterwards. */
void config_replace(struct config *config, struct config *from);

/* Without a word about ports: the usual one, moved by as much as --port moved 5672; with a TLS port only,
 * no plain one, as in RabbitMQ. For config_finish(). */
void config_finish_http(struct config *config, struct config_http *http, int usual_port);

/* The last step before use: the default listener when none was set, and what cannot work together. */
bool config_finish(struct config *config, struct text *error);

/* The table for people: key, default and help, one line each. */
void config_describe(struct text *description);

/* Names of the keys whose settings differ and that count only after a restart, one for each line. */
void config_list_unreloadable(const struct config *old, const struct config *new_config,
                              struct text *names);

#endif
