/* SPDX-License-Identifier: Apache-2.0 */
/* A message as `get` and `peek` show it. */
#ifndef LEVERET_BROKER_MANAGEMENT_MESSAGE_JSON_H
#define LEVERET_BROKER_MANAGEMENT_MESSAGE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/json_out.h"

struct entry;
struct message;
struct queue;

/* How much of the payload is wanted, and how it is written. */
struct message_view {
    bool always_base64;
    int64_t truncate; /* octets; -1: all */
};

/* "auto": UTF-8 as it is, everything else in base64; "base64". False for other words. */
bool message_view_set_encoding(struct message_view *view, struct slice word);

/* As far as the answer shows it. */
size_t message_view_octets(const struct message_view *view, const struct message *message);

/* The keys of an object; `left` messages are ready behind this one. */
void message_json_write(struct json_out *out, const struct queue *queue, const struct entry *entry,
                        size_t left, const struct message_view *view);

#endif
