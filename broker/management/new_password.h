/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash of a password that somebody sets, by the configured algorithm. A slow one is computed on the
 * broker's worker while everybody else is served; any other is there at once. Each belongs to one
 * request over HTTP or one call on the control socket, whose numbers bound theirs.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_NEW_PASSWORD_H
#define LEVERET_BROKER_MANAGEMENT_NEW_PASSWORD_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/entities/password.h"

struct broker;
struct new_password;

/* Copies the clear text. `on_made` is called in a later tick unless the hash is there already; or NULL. */
struct new_password *new_password_create(struct broker *broker, struct slice cleartext,
                                         void (*on_made)(void *context), void *context);

/* Also when it is not made yet: then nobody is told any more. NULL is allowed. */
void new_password_destroy(struct new_password *made);

/* NULL while it is not made. */
const struct password *new_password_hash(const struct new_password *made);

#endif
