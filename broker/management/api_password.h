/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords with a slow hash (entities/user.h): verified on the broker's worker while the request waits
 * (http_response.again) and everybody else is served. An answer of no is kept until its request has
 * taken it, for API_PASSWORD_KEPT_MS at most; a right password is remembered by user.c. Limit:
 * API_PASSWORDS_MAX at a time, beyond that requests wait for their turn and in the end for their deadline.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_API_PASSWORD_H
#define LEVERET_BROKER_MANAGEMENT_API_PASSWORD_H

#include "amqp/slice.h"
#include "broker/entities/user.h"

#define API_PASSWORDS_MAX    64
#define API_PASSWORD_KEPT_MS 10000

struct management;

/* LOGIN_SLOW: on its way, ask again in a later tick. */
enum login_answer api_password_check(struct management *management, struct slice name,
                                     struct slice password, struct user **ret_user);

/* Nobody asks any more. */
void api_passwords_abandon(struct management *management);

#endif
