/* SPDX-License-Identifier: Apache-2.0 */
/* Which directory holds what is durable, when nobody says. Never depends on the host's name. */
#ifndef LEVERET_BROKER_DATA_DIRECTORY_H
#define LEVERET_BROKER_DATA_DIRECTORY_H

#include <stdbool.h>

#include "broker/base/text.h"

/*
 * Appends the path: `given` (--data-dir) if any, else RABBITMQ_MNESIA_DIR, else RABBITMQ_MNESIA_BASE
 * with /leveret behind it, else /var/lib/leveret where that can be written, else
 * $XDG_STATE_HOME/leveret (~/.local/state/leveret). Makes the directories above it. False with a
 * sentence in `error` when none of them can be had.
 */
bool data_directory_find(const char *given, struct text *path, struct text *error);

/* The same without making anything: where a broker of this user would be. */
bool data_directory_name(const char *given, struct text *path, struct text *error);

#endif
