/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions at the start (load_definitions, definitions.local.path): a file, or the *.json of a folder
 * in alphabetical order. What cannot be imported stops the start.
 */
#ifndef LEVERET_BROKER_DEFINITIONS_BOOT_H
#define LEVERET_BROKER_DEFINITIONS_BOOT_H

#include <stdbool.h>

#include "broker/base/text.h"
#include "broker/config.h"

struct broker;

/* False with one sentence in `error`; without definitions in the configuration nothing happens. */
bool definitions_boot(struct broker *broker, const struct config *config, struct text *error);

#endif
