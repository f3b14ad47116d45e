/* SPDX-License-Identifier: Apache-2.0 */
/* The fourteen properties of a message as JSON and back. */
#ifndef LEVERET_BROKER_MANAGEMENT_PROPERTIES_JSON_H
#define LEVERET_BROKER_MANAGEMENT_PROPERTIES_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "broker/base/json_out.h"

/* An object with those that are there. */
void properties_json_write(struct json_out *out, const struct amqp_properties *properties);

/*
 * The properties an object means; texts are borrowed from it, headers are built in `builder`. False, with
 * the key in *ret_key, for one of a wrong type or too long; unknown keys are passed over, as by RabbitMQ.
 */
bool properties_json_read(const json_t *object, struct amqp_table_builder *builder,
                          struct amqp_properties *properties, const char **ret_key);

#endif
