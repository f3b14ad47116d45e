/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table values as RabbitMQ's reply texts show them: Erlang terms.
 */
#ifndef LEVERET_BROKER_ENTITIES_VALUE_TEXT_H
#define LEVERET_BROKER_ENTITIES_VALUE_TEXT_H

#include "amqp/table.h"
#include "broker/base/text.h"

/* 1000, true, 1.5, <<"text">>, [{longstr,<<"a">>}], [{<<"key">>,signedint,5}]. */
void value_text_append(struct text *text, const struct amqp_value *value);

/* The same, but a string or byte array stands as it is, without <<"">>: inside '...'. */
void value_text_append_bare(struct text *text, const struct amqp_value *value);

#endif
