/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL mechanisms (compat 1.5). Each parses its response and asks the users; what a refused or
 * malformed response does to the connection is decided in methods_connection.c. Why a login was
 * refused is said in the log alone: the peer must not learn which half was wrong.
 */
#include "broker/protocol/auth.h"

#include "amqp/cursor.h"
#include "amqp/table.h"
#include "broker/base/env.h"
#include "broker/base/log.h"
#include "broker/entities/broker.h"
#include "broker/entities/user.h"

static enum auth_result check_password(const struct broker *broker, const char *mechanism,
                                       struct slice name, struct slice password,
                                       struct user **ret_user) {
    struct user *user = user_authenticate(broker, name, password);
    if (user == NULL) {
        log_write_about(&broker->env->log, LOG_CATEGORY_CONNECTION, LOG_WARNING,
                        "%s login refused: user '" SLICE_FMT "' - invalid credentials", mechanism,
                        SLICE_ARG(name));
        return AUTH_REFUSED;
    }
    *ret_user = user;
    return AUTH_OK;
}

static bool is_always_offered(const struct broker *broker) {
    (void)broker;
    return true;
}

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
static enum auth_result authenticate_plain(const struct broker *broker, struct slice response,
                                           struct user **ret_user) {
    struct cursor cursor = cursor_over(response);
    struct slice name, password;

    if (!take_plain_part(&cursor, &name) || !take_plain_part(&cursor, &password) ||
        !cursor_at_end(&cursor))
        return AUTH_MALFORMED;
    return check_password(broker, "PLAIN", name, password, ret_user);
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
static enum auth_result authenticate_amqplain(const struct broker *broker, struct slice response,
                                              struct user **ret_user) {
    struct slice name, password;

    if (!amqp_table_is_valid(response) || !find_text(response, SLICE("LOGIN"), &name) ||
        !find_text(response, SLICE("PASSWORD"), &password))
        return AUTH_MALFORMED;
    return check_password(broker, "AMQPLAIN", name, password, ret_user);
}

static bool anonymous_is_offered(const struct broker *broker) {
    return !slice_is_empty(slice_from_text(broker->settings.anonymous_user)) &&
           !slice_is_empty(slice_from_text(broker->settings.anonymous_password));
}

/* The response is trace information and says nothing about who it is. */
static enum auth_result authenticate_anonymous(const struct broker *broker, struct slice response,
                                               struct user **ret_user) {
    (void)response;
    return check_password(broker, "ANONYMOUS", slice_from_text(broker->settings.anonymous_user),
                          slice_from_text(broker->settings.anonymous_password), ret_user);
}

/* In the order they are offered. */
static const struct auth_mechanism mechanisms[] = {
    {"PLAIN", is_always_offered, authenticate_plain},
    {"AMQPLAIN", is_always_offered, authenticate_amqplain},
    {"ANONYMOUS", anonymous_is_offered, authenticate_anonymous},
};

#define MECHANISM_COUNT (sizeof mechanisms / sizeof mechanisms[0])

const struct auth_mechanism *auth_mechanism_find(const struct broker *broker, struct slice name) {
    for (size_t i = 0; i < MECHANISM_COUNT; i++) {
        if (slice_equal(slice_from_text(mechanisms[i].name), name))
            return mechanisms[i].is_offered(broker) ? &mechanisms[i] : NULL;
    }
    return NULL;
}

void auth_append_mechanisms(const struct broker *broker, struct text *text) {
    const char *separator = "";

    for (size_t i = 0; i < MECHANISM_COUNT; i++) {
        if (!mechanisms[i].is_offered(broker))
            continue;
        text_append_format(text, "%s%s", separator, mechanisms[i].name);
        separator = " ";
    }
}

enum auth_result auth_login(const struct broker *broker, const struct auth_mechanism *mechanism,
                            struct slice response, bool peer_is_loopback, struct user **ret_user) {
    struct user *user;
    enum auth_result result = mechanism->authenticate(broker, response, &user);

    if (result != AUTH_OK)
        return result;
    /* Only after the password: whoever does not know it learns nothing about the user. */
    if (user->loopback_only && !peer_is_loopback) {
        log_write_about(&broker->env->log, LOG_CATEGORY_CONNECTION, LOG_WARNING,
                        "%s login refused: user '" SLICE_FMT "' can only connect via localhost",
                        mechanism->name, SLICE_ARG(user->name));
        return AUTH_REFUSED;
    }
    *ret_user = user;
    return AUTH_OK;
}
