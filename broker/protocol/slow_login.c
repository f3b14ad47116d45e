/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/slow_login.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/worker.h"
#include "broker/entities/broker.h"
#include "broker/entities/password.h"
#include "broker/entities/user.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/methods_connection.h"

struct slow_login {
    struct job job;                /* first */
    struct connection *connection; /* NULL once it has ended */
    struct broker *broker;
    const struct auth_mechanism *mechanism;
    struct password expected;
    bool is_right;
    atomic_bool is_abandoned; /* nobody waits: the thread need not work for it */
    size_t name_len;
    size_t password_len;
    uint8_t octets[]; /* name, password */
};

static struct slice name_of(const struct slow_login *login) {
    return slice_of(login->octets, login->name_len);
}

static struct slice password_of(const struct slow_login *login) {
    return slice_of(login->octets + login->name_len, login->password_len);
}

/* On the worker's thread. */
static void verify(struct job *job) {
    struct slow_login *login = (struct slow_login *)(void *)job;

    if (atomic_load(&login->is_abandoned))
        return;
    login->is_right = password_verify(&login->expected, password_of(login));
}

/* The user, unless its password was changed meanwhile, or the user deleted. */
static struct user *right_user(const struct slow_login *login) {
    struct user *user = login->is_right ? user_find(login->broker, name_of(login)) : NULL;

    if (user == NULL || user->password.len != login->expected.len ||
        memcmp(user->password.octets, login->expected.octets, user->password.len) != 0)
        return NULL;
    user_remember_password(user, password_of(login));
    return user;
}

static void finish(struct job *job) {
    struct slow_login *login = (struct slow_login *)(void *)job;
    struct connection *connection = login->connection;

    if (connection != NULL) {
        const struct auth_peer peer = connection_auth_peer(connection);
        struct user *user = right_user(login);
        enum auth_result result =
            auth_finish(login->broker, login->mechanism, &peer, name_of(login), user);
        connection->slow_login = NULL;
        connection->current_method = AMQP_CONNECTION_START_OK;
        endpoint_pause_input(&connection->endpoint, false);
        finish_login(connection, login->mechanism, result, user);
    }
    explicit_bzero(login->octets, login->name_len + login->password_len);
    free(login);
}

static void append(uint8_t *octets, struct slice text) {
    if (text.len > 0)
        memcpy(octets, text.data, text.len);
}

void slow_login_start(struct connection *connection, const struct auth_mechanism *mechanism,
                      const struct credentials *credentials) {
    size_t len = credentials->name.len + credentials->password.len; /* within a frame */
    struct slow_login *login = xcalloc(1, sizeof *login + len);

    login->job = (struct job){.run = verify, .finish = finish};
    login->connection = connection;
    login->broker = connection->broker;
    login->mechanism = mechanism;
    login->expected = user_expected_password(connection->broker, credentials->name);
    login->name_len = credentials->name.len;
    login->password_len = credentials->password.len;
    append(login->octets, credentials->name);
    append(login->octets + login->name_len, credentials->password);
    connection->slow_login = login;
    endpoint_pause_input(&connection->endpoint, true);
    worker_submit(connection->broker->worker, &login->job);
}

void slow_login_abandon(struct connection *connection) {
    if (connection->slow_login == NULL)
        return;
    connection->slow_login->connection = NULL;
    atomic_store(&connection->slow_login->is_abandoned, true);
    connection->slow_login = NULL;
}
