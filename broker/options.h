/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the server. */
#ifndef LEVERET_BROKER_OPTIONS_H
#define LEVERET_BROKER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/config_sources.h"

#define OPTIONS_MAX 64

/* Texts are those of argv. */
struct options {
    const char *files[OPTIONS_MAX]; /* --config */
    size_t file_count;
    const char *assignments[OPTIONS_MAX]; /* --set */
    size_t assignment_count;
    const char *address;
    const char *data_directory; /* NULL: not given */
    bool ephemeral;
    int port; /* -1: not given */
    bool json;
    bool check_config;
    bool detached;
};

/*
 * EX_OK to go on, -1 when everything asked for was done (--help), EX_USAGE when the reason has been
 * written to stderr.
 */
int options_parse(struct options *options, int argc, char **argv);

/* What of them is about the configuration; borrows from `options`. */
struct config_sources options_sources(const struct options *options);

#endif
