/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and passwords. Hashes are RabbitMQ's (salt of 4 octets, SHA-256 of salt and password), so that
 * definitions can travel. Comparing takes the same time whether the user exists or not.
 */
#ifndef LEVERET_BROKER_ENTITIES_USER_H
#define LEVERET_BROKER_ENTITIES_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/map.h"

struct broker;

#define PASSWORD_SALT_SIZE 4
#define PASSWORD_HASH_SIZE (PASSWORD_SALT_SIZE + 32)

struct user {
    struct slice name; /* owned */
    UT_hash_handle by_name;
    uint8_t password_hash[PASSWORD_HASH_SIZE];
    bool loopback_only; /* may log in from loopback peers only */
    bool impersonator;  /* may publish with another user-id */
};

/* Adds, or replaces the password of, a user. */
struct user *user_add(struct broker *broker, struct slice name, struct slice password);
struct user *user_find(const struct broker *broker, struct slice name);
void user_destroy(struct user *user);

/*
 * The user when name and password are right, NULL otherwise. An empty password is never right.
 */
struct user *user_authenticate(const struct broker *broker, struct slice name,
                               struct slice password);

#endif
