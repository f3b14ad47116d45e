/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file of the configuration looks like, as RabbitMQ's: `key = value` lines; `#` begins a
 * comment, unless inside 'single quotes'; ''' begins a value of several lines that ends with the next
 * '''; `$(NAME)` in a value is the variable of the environment; `include FILE` or `include PATTERN`
 * reads others there and then, relative to the file that says so.
 */
#ifndef LEVERET_BROKER_CONFIG_SYNTAX_H
#define LEVERET_BROKER_CONFIG_SYNTAX_H

#include "broker/config.h"

/* Lines of a file; `error` gets a line `name:number: ...` for everything that is wrong. */
bool config_read(struct config *config, const char *name, struct slice content, struct text *error);
bool config_read_file(struct config *config, const char *path, struct text *error);

#endif
