/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Definitions: everything administrators and applications have declared, as RabbitMQ's JSON (compat
 * 4.4), out and in. A file that RabbitMQ has written makes the same topology here, and back.
 *
 * Left out of an export are what no other broker could have: exclusive queues, the exchanges that every
 * vhost has, the bindings of the default exchange, what is named `internal...` among the global parameters.
 *
 * JSON knows fewer types than field tables: what was a short integer comes back as a long one. The journal
 * keeps the tables themselves; definitions are for people, files and other brokers.
 */
#ifndef LEVERET_BROKER_ENTITIES_DEFINITIONS_H
#define LEVERET_BROKER_ENTITIES_DEFINITIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "amqp/slice.h"
#include "broker/base/json_out.h"
#include "broker/base/text.h"

struct broker;
struct vhost;

/* The whole broker, as one object. */
void definitions_export(const struct broker *broker, struct json_out *out);

/* Of one vhost: parameters, policies, queues, exchanges, bindings, without its name in them. */
void definitions_export_vhost(const struct vhost *vhost, struct json_out *out);

/*
 * Makes what the object says, section by section in RabbitMQ's order. Users, vhosts, permissions, policies and
 * parameters replace those of the same name; queues, exchanges and bindings that exist stay as they are.
 * With `vhost` everything belongs to that one, and only the sections of definitions_export_vhost() are read.
 * False with one sentence in `error` at the first that cannot be made; what came before it stays, as in
 * RabbitMQ. Nobody's connection is closed.
 */
bool definitions_import(struct broker *broker, const json_t *definitions, struct vhost *vhost,
                        struct text *error);

/* The same from the text of a file. */
bool definitions_import_text(struct broker *broker, struct slice json, struct text *error);

#endif
