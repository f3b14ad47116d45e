/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a data directory to a broker that goes on where it stopped: opens the journal, rebuilds
 * definitions, queues and messages, and leaves the journal open in broker->journal.
 */
#ifndef LEVERET_BROKER_RECOVERY_H
#define LEVERET_BROKER_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/base/text.h"

struct broker;
struct journal_options;

/*
 * 0, or an exit code of sysexits with the reason, file and offset in `error`: 65 damaged, 74 input or
 * output failed, 76 written by a newer version. Log lines tell progress and what was found.
 */
int recovery_run(struct broker *broker, const struct journal_options *options, struct text *error);

#endif
