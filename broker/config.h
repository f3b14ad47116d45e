/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server can be told, as one table: key, type, default, limits and one line of help.
 * RabbitMQ's key names where RabbitMQ has the key. Sources: `key = value` files, `--set key=value`,
 * and the short options of main.c; the later one wins.
 *
 * A file has one `key = value` per line; `#` begins a comment, unless inside 'single quotes'. A key
 * that is not in the table is refused with the nearest one that is: a misspelt limit must not
 * silently be no limit.
 */
#ifndef LEVERET_BROKER_CONFIG_H
#define LEVERET_BROKER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/log.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"

#define CONFIG_LISTENERS_MAX 16

struct config_listener {
    const char *name;    /* what follows `listeners.tcp.` */
    const char *address; /* NULL: every interface */
    uint16_t port;
};

struct config_text {
    struct list link;
    char chars[];
};

struct config {
    struct broker_settings broker;
    const char *default_user;
    const char *default_pass;
    struct config_listener listeners[CONFIG_LISTENERS_MAX];
    size_t listener_count;
    bool tcp_disabled; /* listeners.tcp = none */
    uint16_t backlog;
    const char *loopback_users[CONFIG_LISTENERS_MAX];
    size_t loopback_user_count;
    enum log_level log_level;
    double memory_watermark;            /* fraction of the memory there is */
    uint64_t memory_watermark_absolute; /* octets; 0: the fraction counts */
    uint64_t disk_free_limit;           /* octets */
    uint64_t journal_segment_size;      /* octets of a file of the journal */
    struct list texts;                  /* owns every text above: struct config_text */
};

/* Everything at its default. */
void config_init(struct config *config);
void config_clear(struct config *config);

/* False with one sentence in `error`. */
bool config_set(struct config *config, struct slice key, struct slice value, struct text *error);

/* The same from `key=value`. */
bool config_set_assignment(struct config *config, const char *assignment, struct text *error);

/* Lines of a file; `error` gets a line `name:number: ...` for everything that is wrong. */
bool config_read(struct config *config, const char *name, struct slice content, struct text *error);
bool config_read_file(struct config *config, const char *path, struct text *error);

/* One listener instead of those configured; a NULL address or port -1 leaves what was there. */
void config_override_listener(struct config *config, const char *address, int port);

/* The last step before use: the default listener when none was set, and what cannot work together.
 */
bool config_finish(struct config *config, struct text *error);

/* The table for people: key, default and help, one line each. */
void config_describe(struct text *description);

#endif
