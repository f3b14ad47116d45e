/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the configuration comes from, and in which order: the later wins.
 *
 *   1. the file: --config FILE...; otherwise $RABBITMQ_CONFIG_FILE, /etc/leveret/leveret.conf or
 *      /etc/rabbitmq/rabbitmq.conf (or .config), the first that is named or there
 *   2. unless --config was given: conf.d/ *.conf beside it in alphabetical order (or what
 *      $RABBITMQ_CONFIG_FILES says), advanced.config (or $RABBITMQ_ADVANCED_CONFIG_FILE), and
 *      enabled_plugins (or $RABBITMQ_ENABLED_PLUGINS_FILE)
 *   3. RABBITMQ_* variables, also from rabbitmq-env.conf (config_environment.h)
 *   4. --set KEY=VALUE
 *   5. the options of their own: --port, --bind
 */
#ifndef LEVERET_BROKER_CONFIG_SOURCES_H
#define LEVERET_BROKER_CONFIG_SOURCES_H

#include "broker/config.h"

/* Borrowed: outlives what is made of it, so that a reload can look again. */
struct config_sources {
    const char *etc;          /* "/etc", or where a test has its files */
    const char *const *files; /* of --config */
    size_t file_count;
    const char *const *assignments; /* of --set */
    size_t assignment_count;
    const char *address; /* NULL: not given */
    int port;            /* -1: not given */
};

/*
 * Reads everything into `config`, which has been initialised, and finishes it. False with a line in
 * `error` for everything that is wrong.
 */
bool config_load(struct config *config, const struct config_sources *sources, struct text *error);

#endif
