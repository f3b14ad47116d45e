/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clear-text passwords in definitions, where new passwords get a slow hash: each is hashed on the broker's
 * worker before the import, one after the other, so that logins come in between.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_DEFINITIONS_PASSWORDS_H
#define LEVERET_BROKER_MANAGEMENT_DEFINITIONS_PASSWORDS_H

#include <jansson.h>
#include <stdbool.h>

struct broker;
struct definitions_passwords;

/*
 * Keeps a reference of the definitions, in which hashes replace clear texts. NULL when there is nothing to
 * wait for. `on_made` is called in a later tick; or NULL.
 */
struct definitions_passwords *definitions_passwords_hash(struct broker *broker, json_t *definitions,
                                                         void (*on_made)(void *context),
                                                         void *context);

/* Also when not all are made: then nobody is told any more. NULL is allowed. */
void definitions_passwords_destroy(struct definitions_passwords *passwords);

bool definitions_passwords_are_made(const struct definitions_passwords *passwords);

/* To be imported once they are made; borrowed. */
const json_t *definitions_passwords_result(const struct definitions_passwords *passwords);

#endif
