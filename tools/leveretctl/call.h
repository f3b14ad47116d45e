/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of leveretctl, read off the command line and checked against the command's usage. Options may
 * stand anywhere; `--name value` and `--name=value` are the same; `--` ends them.
 *
 * The name under which the program was started counts: under RabbitMQ's names it talks as RabbitMQ's tools
 * do, and rabbitmq-plugins is the same as leveretctl plugins.
 */
#ifndef LEVERET_TOOLS_LEVERETCTL_CALL_H
#define LEVERET_TOOLS_LEVERETCTL_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/base/command.h"
#include "broker/base/text.h"

#define CALL_WORDS_MAX 256

enum call_format {
    CALL_FORMAT_TABLE,
    CALL_FORMAT_PRETTY_TABLE,
    CALL_FORMAT_CSV,
    CALL_FORMAT_JSON,
    CALL_FORMAT_JSON_STREAM,
    CALL_FORMAT_ERLANG,
};

struct call_option {
    const char *name;
    const char *value; /* "" when the option has none */
};

/* Texts are those of the command line, or kept in `names`. */
struct call {
    enum command_id command; /* COMMAND_COUNT: none was given */
    const char *arguments[CALL_WORDS_MAX];
    size_t argument_count;
    const char *shown_argument; /* what banners show for the first one; NULL: itself */
    struct call_option options[CALL_WORDS_MAX]; /* the command's own */
    size_t option_count;
    char *names[CALL_WORDS_MAX]; /* of options given as --name=value */
    size_t name_count;

    const char *program; /* the name it was started under */
    bool is_rabbitmq;    /* which is one of RabbitMQ's */

    /* the client's own */
    const char *socket;
    const char *data_directory;
    const char *node; /* which must answer (node.h); where it is asked depends on the socket only */
    const char *vhost;   /* NULL: as the command has it */
    const char *timeout; /* as given, NULL: as the command has it */
    int timeout_s;       /* 0: none */
    enum call_format format;
    bool longnames;  /* nodes' names have domains */
    bool quiet;      /* no banner */
    bool silent;     /* nor names of columns */
    bool no_headers; /* the latter only */
    bool offline;    /* without a broker */
    bool dry_run;    /* checked, not done */
    bool wants_help;
    bool wants_version;
};

/* EX_OK, or EX_USAGE with one or more lines in `error`. */
int call_parse(struct call *call, int argc, char **argv, struct text *error);
void call_clear(struct call *call);

/* NULL when it was not given. */
const char *call_option(const struct call *call, const char *name);

#endif
