/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL mechanisms of connection.start-ok (compat 1.5). A mechanism turns a response into a user, an
 * honest refusal or a syntax error; how each is answered is the handler's business.
 */
#ifndef LEVERET_BROKER_PROTOCOL_AUTH_H
#define LEVERET_BROKER_PROTOCOL_AUTH_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

struct broker;
struct user;

enum auth_result {
    AUTH_OK,
    AUTH_REFUSED,   /* wrong user or password, or not from this address */
    AUTH_MALFORMED, /* the response does not parse: silent close */
};

struct auth_mechanism {
    const char *name;
    bool (*is_offered)(const struct broker *broker);
    enum auth_result (*authenticate)(const struct broker *broker, struct slice response,
                                     struct user **ret_user);
};

/* NULL when unknown or not offered. */
const struct auth_mechanism *auth_mechanism_find(const struct broker *broker, struct slice name);

/* Appends the offered mechanisms, space separated, PLAIN first. */
void auth_append_mechanisms(const struct broker *broker, struct text *text);

/* AUTH_REFUSED for a loopback-only user elsewhere, otherwise as the mechanism says. */
enum auth_result auth_login(const struct broker *broker, const struct auth_mechanism *mechanism,
                            struct slice response, bool peer_is_loopback, struct user **ret_user);

#endif
