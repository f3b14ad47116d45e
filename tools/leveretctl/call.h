/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of leveretctl, read off the command line and checked against the command's usage. Options may
 * stand anywhere; `--name value` and `--name=value` are the same; `--` ends them.
 */
#ifndef LEVERET_TOOLS_LEVERETCTL_CALL_H
#define LEVERET_TOOLS_LEVERETCTL_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/base/command.h"
#include "broker/base/text.h"

#define CALL_WORDS_MAX 256

enum call_format { CALL_FORMAT_TABLE, CALL_FORMAT_CSV, CALL_FORMAT_JSON };

struct call_option {
    const char *name;
    const char *value; /* "" when the option has none */
};

/* Texts are those of the command line, or kept in `names`. */
struct call {
    enum command_id command; /* COMMAND_COUNT: none was given */
    const char *arguments[CALL_WORDS_MAX];
    size_t argument_count;
    struct call_option options[CALL_WORDS_MAX]; /* the command's own */
    size_t option_count;
    char *names[CALL_WORDS_MAX]; /* of options given as --name=value */
    size_t name_count;

    /* the client's own */
    const char *socket;
    const char *data_directory;
    enum call_format format;
    bool quiet;
    bool wants_help;
    bool wants_version;
};

/* EX_OK, or EX_USAGE with one or more lines in `error`. */
int call_parse(struct call *call, int argc, char **argv, struct text *error);
void call_clear(struct call *call);

/* NULL when it was not given. */
const char *call_option(const struct call *call, const char *name);

#endif
