/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many messages and octets a queue has and where they are (compat 5.2), for the API, leveretctl and the
 * metrics. All of it is counted as messages come and go, nothing is looked through. The names are those of
 * the API.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_FIGURES_H
#define LEVERET_BROKER_ENTITIES_QUEUE_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

struct queue;

struct queue_figures {
    uint64_t messages;
    uint64_t messages_persistent;
    uint64_t messages_ram; /* all but those that are on disk only */
    uint64_t messages_ready_ram;
    uint64_t messages_paged_out;
    uint64_t message_bytes; /* of bodies, as all of these */
    uint64_t message_bytes_ready;
    uint64_t message_bytes_unacknowledged;
    uint64_t message_bytes_persistent;
    uint64_t message_bytes_ram;
    uint64_t message_bytes_paged_out;
    uint64_t memory; /* octets for the queue, its entries and its messages, more or less */
};

struct queue_figures queue_figures(const struct queue *queue);

/* The timestamp of the message that is next, in seconds; false when it has none or is on disk only. */
bool queue_head_timestamp(const struct queue *queue, uint64_t *ret_seconds);

/* Milliseconds since 1970 when something last happened to its messages; false: within the last second. */
bool queue_idle_since(const struct queue *queue, int64_t *ret_wall_ms);

#endif
