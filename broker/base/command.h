/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of leveretctl's commands, shared by the client, which checks and explains, and the broker,
 * which does. The rows are in commands.def.
 */
#ifndef LEVERET_BROKER_BASE_COMMAND_H
#define LEVERET_BROKER_BASE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum command_place { COMMAND_LOCAL, COMMAND_BROKER, COMMAND_ABSENT };

struct command {
    const char *name;
    const char *usage;
    enum command_place place;
    const char *group;
    const char *banner;  /* what RabbitMQ's tools say before the answer; "": nothing */
    const char *help;    /* half a line */
    const char *details; /* lines, "" when there is no more to say */
};

enum command_id {
#define COMMAND(identifier, ...) COMMAND_##identifier,
#include "broker/base/commands.def"
#undef COMMAND
    COMMAND_COUNT
};

extern const struct command commands[COMMAND_COUNT];

/* The command that the first word or the first two words name; COMMAND_COUNT when there is none. `ret_words`
 * is how many they were. */
enum command_id command_find(const char *const *words, size_t count, size_t *ret_words);

/* What is most like `name`; NULL when nothing is. */
const struct command *command_nearest(const char *name);

/* Whether the usage has `--name` (without the dashes here), and whether a value follows it. */
bool command_has_option(const struct command *command, const char *name, bool *ret_takes_value);

/* How many arguments the usage asks for and allows; SIZE_MAX: any number. */
void command_argument_bounds(const struct command *command, size_t *ret_minimum,
                             size_t *ret_maximum);

#endif
