/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users: name, password, tags, limits; what they may do is in permission.h. Every change is durable
 * and counts at once: for logins from the next one on, for open connections at their next method. A
 * user that has open connections is deleted with forced_close_user() (protocol/forced_close.h).
 *
 * A password that was found right against a slow hash is remembered by a keyed digest, in memory only,
 * so that connection churn pays for the slow hash once.
 */
#ifndef LEVERET_BROKER_ENTITIES_USER_H
#define LEVERET_BROKER_ENTITIES_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/map.h"
#include "broker/entities/password.h"
#include "broker/entities/refusal.h"

struct broker;

#define USER_DIGEST_SIZE  32
#define USER_TAGS_MAX     32
#define USER_TAGS_LEN_MAX 4096

/* RabbitMQ's: negative means no limit, 0 none at all. */
struct user_limits {
    int64_t max_connections;
    int64_t max_channels;
};

struct user {
    struct broker *broker;
    struct slice name; /* owned */
    UT_hash_handle by_name;
    struct password password;
    struct slice tags;  /* owned; separated by commas, in the order they were given */
    bool impersonator;  /* has that tag: may publish with another user-id */
    bool loopback_only; /* may log in from loopback peers only */
    struct user_limits limits;
    uint32_t connection_count;              /* open ones */
    uint32_t channel_count;                 /* of these */
    struct list permissions;                /* link: user_link (permission.h) */
    uint8_t right_digest[USER_DIGEST_SIZE]; /* of the password that was right last */
    bool has_right_digest;
};

/*
 * Adds a user, or replaces the password of one. The hash is of settings.password_algorithm; an empty
 * password means that there is none and password logins are refused. The name has at most 255 octets.
 */
struct user *user_add(struct broker *broker, struct slice name, struct slice password);

/* The same with a hash, as definitions have it. */
struct user *user_add_hashed(struct broker *broker, struct slice name,
                             const struct password *password);

/* NULL when there is none. */
struct user *user_find(const struct broker *broker, struct slice name);

/* These users, there already or to come, may log in from loopback peers only; all others from anywhere. */
void users_set_loopback_only(struct broker *broker, const struct slice *names, size_t count);

/* Tags separated by commas; blanks around them go. False when there are too many. */
bool user_set_tags(struct user *user, struct slice tags, struct refusal *refusal);
bool user_has_tag(const struct user *user, struct slice tag);

/* The next tag at `*at` of user->tags, which starts at 0; false behind the last. */
bool user_next_tag(const struct user *user, size_t *at, struct slice *ret_tag);

/* Durably; they count for what is opened from now on. */
void user_set_limits(struct user *user, struct user_limits limits);

/* With its permissions. No connection is its any more. */
void user_delete(struct user *user);

/* The end of the broker: all users go, but not from the journal. */
void users_destroy(struct broker *broker);

/* --- passwords --- */

enum login_answer {
    LOGIN_RIGHT,
    LOGIN_WRONG,
    LOGIN_SLOW, /* not known yet: has to be verified off the loop, see protocol/auth.c */
};

/*
 * Is this the user's password? `ret_user` only when it is right. Takes as long for a user that does not
 * exist as for one with a hash of the configured algorithm.
 */
enum login_answer user_try_password(const struct broker *broker, struct slice name,
                                    struct slice password, struct user **ret_user);

/* What to verify against for LOGIN_SLOW: the user's hash, or nobody's. */
struct password user_expected_password(const struct broker *broker, struct slice name);

/* The answer to user_expected_password() was yes: the next login with it is fast. */
void user_remember_password(struct user *user, struct slice password);

/* user_try_password(), slow hashes included: the user when name and password are right, else NULL. */
struct user *user_authenticate(const struct broker *broker, struct slice name,
                               struct slice password);

#endif
