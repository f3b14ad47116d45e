/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RABBITMQ_* variables as settings: those of the server (compat/drop-in.md C.4), those that its Docker
 * image once had and people still set, and a few of another image. A variable counts when it is set
 * and not empty; rabbitmq-env.conf gives those that the environment does not, without the RABBITMQ_.
 */
#ifndef LEVERET_BROKER_CONFIG_ENVIRONMENT_H
#define LEVERET_BROKER_CONFIG_ENVIRONMENT_H

#include "broker/config.h"

#define ENVIRONMENT_FILE_MAX 64

/* Zero-initialised: the environment of the process alone. */
struct environment {
    char *names[ENVIRONMENT_FILE_MAX]; /* owned, of the file; without RABBITMQ_ */
    char *values[ENVIRONMENT_FILE_MAX];
    size_t count;
};

/*
 * Reads rabbitmq-env.conf: NAME=value, export NAME=value, quotes as in a shell, # comments. False with a
 * line for everything that is no assignment: other shell commands are not executed.
 */
bool environment_read_file(struct environment *environment, const char *path, struct text *error);
void environment_clear(struct environment *environment);

/* The value of RABBITMQ_`name`, NULL when there is none. */
const char *environment_get(const struct environment *environment, const char *name);

/* Everything that wins over the files. False with a line for everything that is wrong. */
bool environment_apply(const struct environment *environment, struct config *config,
                       struct text *error);

/* The plain listener that RABBITMQ_NODE_PORT and _NODE_IP_ADDRESS ask for when no file does. */
bool environment_apply_listener(const struct environment *environment, struct config *config,
                                struct text *error);

#endif
