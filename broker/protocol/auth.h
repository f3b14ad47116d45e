/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL mechanisms of connection.start-ok (compat 1.5). A mechanism turns a response into a user, an
 * honest refusal or a syntax error; how each is answered is the handler's business.
 *
 * A login that needs a slow hash is told apart: slow_login.h has it verified off the loop.
 */
#ifndef LEVERET_BROKER_PROTOCOL_AUTH_H
#define LEVERET_BROKER_PROTOCOL_AUTH_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

struct broker;
struct tls_peer;
struct user;

enum auth_result {
    AUTH_OK,
    AUTH_REFUSED,   /* wrong user or password, or not from this address */
    AUTH_MALFORMED, /* the response does not parse: silent close */
    AUTH_SLOW,      /* nobody knows yet: the password has to be verified off the loop */
};

/* What a response says. Borrowed from the response, the settings or the certificate. */
struct credentials {
    struct slice name;
    struct slice password;
    bool is_certified; /* TLS has vouched for the name: there is no password */
};

struct auth_mechanism {
    const char *name;
    bool (*is_offered)(const struct broker *broker, const struct tls_peer *tls);
    /* AUTH_OK, AUTH_MALFORMED, or AUTH_REFUSED when there is nobody to ask about. */
    enum auth_result (*read)(const struct broker *broker, const struct tls_peer *tls,
                             struct slice response, struct credentials *ret_credentials);
};

/* Where a login comes from. */
struct auth_peer {
    bool is_loopback;
    const struct tls_peer *tls; /* NULL without TLS */
};

/* NULL when unknown or not offered to this peer. */
const struct auth_mechanism *auth_mechanism_find(const struct broker *broker,
                                                 const struct auth_peer *peer, struct slice name);

/* Appends the offered mechanisms, space separated, PLAIN first. */
void auth_append_mechanisms(const struct broker *broker, const struct auth_peer *peer,
                            struct text *text);

/*
 * AUTH_REFUSED for a loopback-only user elsewhere, otherwise as the mechanism says. AUTH_SLOW leaves the
 * credentials to verify in `ret_credentials`, and can be had only while broker->worker is there.
 */
enum auth_result auth_login(struct broker *broker, const struct auth_mechanism *mechanism,
                            struct slice response, const struct auth_peer *peer,
                            struct user **ret_user, struct credentials *ret_credentials);

/* The password was verified: AUTH_OK unless the user may not come from there. NULL: it was wrong. */
enum auth_result auth_finish(const struct broker *broker, const struct auth_mechanism *mechanism,
                             const struct auth_peer *peer, struct slice name, struct user *user);

#endif
