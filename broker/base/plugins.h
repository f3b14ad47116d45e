/* SPDX-License-Identifier: Apache-2.0 */
/* RabbitMQ's plugins whose whole function is built in: there is nothing to enable, and no way to disable them. */
#ifndef LEVERET_BROKER_BASE_PLUGINS_H
#define LEVERET_BROKER_BASE_PLUGINS_H

#include <stdbool.h>

/* Sorted; ends with NULL. */
extern const char *const builtin_plugins[];

bool plugin_is_builtin(const char *name);

#endif
