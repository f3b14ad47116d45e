/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL mechanisms (compat 1.5). Each reads its response, then the users are asked; what a refused or
 * malformed response does to the connection is decided in methods_connection.c. Why a login was
 * refused is said in the log alone: the peer must not learn which half was wrong.
 */
#include "broker/protocol/auth.h"

#include <string.h>

#include "amqp/cursor.h"
#include "amqp/table.h"
#include "broker/base/env.h"
#include "broker/base/log.h"
#include "broker/base/tls_peer.h"
#include "broker/entities/broker.h"
#include "broker/entities/user.h"

/* --- what is offered --- */

/* `auth_mechanisms`: names separated by blanks; all but EXTERNAL when none is named. */
static bool is_configured(const struct broker *broker, const char *name) {
    const char *names = broker->settings.auth_mechanisms;
    size_t len = strlen(name);

    if (names[0] == '\0')
        return strcmp(name, "EXTERNAL") != 0;
    for (const char *at = names; (at = strstr(at, name)) != NULL; at += len) {
        if ((at == names || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
            return true;
    }
    return false;
}

static bool is_always_offered(const struct broker *broker, const struct tls_peer *tls) {
    (void)broker;
    (void)tls;
    return true;
}

static bool anonymous_is_offered(const struct broker *broker, const struct tls_peer *tls) {
    (void)tls;
    return !slice_is_empty(slice_from_text(broker->settings.anonymous_user)) &&
           !slice_is_empty(secret_octets(broker->settings.anonymous_password));
}

/* Also to those who have shown no certificate, so that they can be told no. */
static bool external_is_offered(const struct broker *broker, const struct tls_peer *tls) {
    (void)broker;
    return tls != NULL;
}

/* --- reading responses --- */

/* What follows a NUL, up to the next NUL or the end. False when there is no NUL to begin with. */
static bool take_plain_part(struct cursor *cursor, struct slice *ret_part) {
    if (cursor_at_end(cursor) || cursor_u8(cursor) != 0)
        return false;
    struct cursor ahead = *cursor;
    struct slice rest = cursor_rest(&ahead);
    size_t len = 0;
    while (len < rest.len && rest.data[len] != 0)
        len++;
    *ret_part = cursor_bytes(cursor, len);
    return true;
}

/* NUL user NUL password. RabbitMQ takes neither an authorization id in front nor anything behind.
 */
static enum auth_result read_plain(const struct broker *broker, const struct tls_peer *tls,
                                   struct slice response, struct credentials *ret_credentials) {
    struct cursor cursor = cursor_over(response);

    (void)broker;
    (void)tls;
    if (!take_plain_part(&cursor, &ret_credentials->name) ||
        !take_plain_part(&cursor, &ret_credentials->password) || !cursor_at_end(&cursor))
        return AUTH_MALFORMED;
    return AUTH_OK;
}

static bool find_text(struct slice table, struct slice name, struct slice *ret_text) {
    struct amqp_value value;

    if (!amqp_table_find(table, name, &value) ||
        (value.tag != AMQP_TAG_TEXT && value.tag != AMQP_TAG_BINARY))
        return false;
    *ret_text = value.bytes;
    return true;
}

/* A field table without its length, with LOGIN and PASSWORD. */
static enum auth_result read_amqplain(const struct broker *broker, const struct tls_peer *tls,
                                      struct slice response, struct credentials *ret_credentials) {
    (void)broker;
    (void)tls;
    if (!amqp_table_is_valid(response) ||
        !find_text(response, SLICE("LOGIN"), &ret_credentials->name) ||
        !find_text(response, SLICE("PASSWORD"), &ret_credentials->password))
        return AUTH_MALFORMED;
    return AUTH_OK;
}

/* The response is trace information and says nothing about who it is. */
static enum auth_result read_anonymous(const struct broker *broker, const struct tls_peer *tls,
                                       struct slice response, struct credentials *ret_credentials) {
    (void)tls;
    (void)response;
    ret_credentials->name = slice_from_text(broker->settings.anonymous_user);
    ret_credentials->password = secret_octets(broker->settings.anonymous_password);
    return AUTH_OK;
}

/* The certificate says who it is; the response may say anything. */
static enum auth_result read_external(const struct broker *broker, const struct tls_peer *tls,
                                      struct slice response, struct credentials *ret_credentials) {
    (void)response;
    if (tls == NULL || tls->login_name == NULL) {
        log_write_about(&broker->env->log, LOG_CATEGORY_CONNECTION, LOG_WARNING,
                        "EXTERNAL login refused: connection peer presented no TLS "
                        "(x.509) certificate that names a user");
        return AUTH_REFUSED;
    }
    ret_credentials->name = slice_from_text(tls->login_name);
    ret_credentials->is_certified = true;
    return AUTH_OK;
}

/* In the order they are offered. */
static const struct auth_mechanism mechanisms[] = {
    {"PLAIN", is_always_offered, read_plain},
    {"AMQPLAIN", is_always_offered, read_amqplain},
    {"ANONYMOUS", anonymous_is_offered, read_anonymous},
    {"EXTERNAL", external_is_offered, read_external},
};

#define MECHANISM_COUNT (sizeof mechanisms / sizeof mechanisms[0])

static bool is_offered(const struct auth_mechanism *mechanism, const struct broker *broker,
                       const struct auth_peer *peer) {
    return is_configured(broker, mechanism->name) && mechanism->is_offered(broker, peer->tls);
}

const struct auth_mechanism *auth_mechanism_find(const struct broker *broker,
                                                 const struct auth_peer *peer, struct slice name) {
    for (size_t i = 0; i < MECHANISM_COUNT; i++) {
        if (slice_equal(slice_from_text(mechanisms[i].name), name))
            return is_offered(&mechanisms[i], broker, peer) ? &mechanisms[i] : NULL;
    }
    return NULL;
}

void auth_append_mechanisms(const struct broker *broker, const struct auth_peer *peer,
                            struct text *text) {
    const char *separator = "";

    for (size_t i = 0; i < MECHANISM_COUNT; i++) {
        if (!is_offered(&mechanisms[i], broker, peer))
            continue;
        text_append_format(text, "%s%s", separator, mechanisms[i].name);
        separator = " ";
    }
}

/* --- logging in --- */

/* Whoever has no worker verifies slow hashes on the spot. */
static enum auth_result check_password(struct broker *broker, const struct credentials *credentials,
                                       struct user **ret_user) {
    *ret_user = NULL;
    if (broker->worker == NULL)
        *ret_user = user_authenticate(broker, credentials->name, credentials->password);
    else if (user_try_password(broker, credentials->name, credentials->password, ret_user) ==
             LOGIN_SLOW)
        return AUTH_SLOW;
    return AUTH_OK;
}

enum auth_result auth_finish(const struct broker *broker, const struct auth_mechanism *mechanism,
                             const struct auth_peer *peer, struct slice name, struct user *user) {
    if (user == NULL) {
        log_write_about(&broker->env->log, LOG_CATEGORY_CONNECTION, LOG_WARNING,
                        "%s login refused: user '" SLICE_FMT "' - invalid credentials",
                        mechanism->name, SLICE_ARG(name));
        return AUTH_REFUSED;
    }
    /* Only after the password: whoever does not know it learns nothing about the user. */
    if (user->loopback_only && !peer->is_loopback) {
        log_write_about(&broker->env->log, LOG_CATEGORY_CONNECTION, LOG_WARNING,
                        "%s login refused: user '" SLICE_FMT "' can only connect via localhost",
                        mechanism->name, SLICE_ARG(user->name));
        return AUTH_REFUSED;
    }
    return AUTH_OK;
}

enum auth_result auth_login(struct broker *broker, const struct auth_mechanism *mechanism,
                            struct slice response, const struct auth_peer *peer,
                            struct user **ret_user, struct credentials *ret_credentials) {
    struct user *user = NULL;

    *ret_credentials = (struct credentials){.is_certified = false};
    enum auth_result result = mechanism->read(broker, peer->tls, response, ret_credentials);
    if (result == AUTH_OK && ret_credentials->is_certified)
        user = user_find(broker, ret_credentials->name);
    else if (result == AUTH_OK)
        result = check_password(broker, ret_credentials, &user);
    if (result == AUTH_OK)
        result = auth_finish(broker, mechanism, peer, ret_credentials->name, user);
    if (result == AUTH_OK)
        *ret_user = user;
    return result;
}
