/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's line about messages that are dropped because they would go round in a circle of
 * dead-letter queues, RabbitMQ's, once for each circle. Which were logged is remembered as numbers,
 * CYCLE_LOG_MAX of them: a circle that was forgotten is logged again.
 */
#ifndef LEVERET_BROKER_ENTITIES_CYCLE_LOG_H
#define LEVERET_BROKER_ENTITIES_CYCLE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"

struct log;

#define CYCLE_LOG_MAX 256

struct cycle_log {
    uint32_t seen[CYCLE_LOG_MAX]; /* hashes; the oldest gives way */
    size_t next;
    size_t count;
};

/* `queue` was left out for a message with these headers, x-death among them. */
void cycle_log_dropped(struct cycle_log *cycles, const struct log *log, struct slice headers,
                       struct slice queue);

#endif
