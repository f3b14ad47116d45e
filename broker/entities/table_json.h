/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMQP field tables as JSON and back (compat 4.4). JSON loses types: every whole number comes back as a
 * 64-bit integer, every text as a long string.
 */
#ifndef LEVERET_BROKER_ENTITIES_TABLE_JSON_H
#define LEVERET_BROKER_ENTITIES_TABLE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "amqp/slice.h"
#include "amqp/table.h"
#include "broker/base/json_out.h"

/* An object; a name that occurs twice is written once, the first of them, as RabbitMQ reads it. */
void table_json_write(struct json_out *out, struct slice table);

/*
 * Builds the table an object means into `builder`, which was initialised. False for what no table can
 * hold: null, more than AMQP_TABLE_DEPTH_MAX levels or AMQP_TABLE_ENTRIES_MAX entries, names over 255.
 */
bool table_json_read(const json_t *object, struct amqp_table_builder *builder);

#endif
