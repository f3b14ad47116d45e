/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in Erlang's words, as RabbitMQ's tools show tables of arguments. */
#ifndef LEVERET_TOOLS_LEVERETCTL_ERLANG_TERM_H
#define LEVERET_TOOLS_LEVERETCTL_ERLANG_TERM_H

#include <jansson.h>
#include <stdbool.h>

#include "broker/base/text.h"

/* Objects are [{"key",value}], texts "text"; with `as_binaries` <<"text">>. */
void erlang_term_append(struct text *text, const json_t *value, bool as_binaries);

#endif
