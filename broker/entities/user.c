/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and their passwords. A login costs one hash of the configured algorithm whether the user
 * exists or not, and comparing does not stop at the first difference, so that the time taken tells
 * nothing.
 */
#include "broker/entities/user.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/store.h"

/* --- life --- */

static bool is_loopback_only(const struct broker *broker, struct slice name) {
    for (size_t i = 0; i < broker->loopback_user_count; i++) {
        if (slice_equal(broker->loopback_users[i], name))
            return true;
    }
    return false;
}

static struct user *create(struct broker *broker, struct slice name) {
    struct user *user = xcalloc(1, sizeof *user + name.len);
    uint8_t *octets = (uint8_t *)(user + 1);

    if (name.len > 0)
        memcpy(octets, name.data, name.len);
    user->broker = broker;
    user->name = slice_of(octets, name.len);
    user->limits = (struct user_limits){.max_connections = -1, .max_channels = -1};
    user->loopback_only = is_loopback_only(broker, name);
    list_init(&user->permissions);
    MAP_ADD(broker->users, by_name, broker->env->hash_seed, user->name, user);
    return user;
}

struct user *user_add_hashed(struct broker *broker, struct slice name,
                             const struct password *password) {
    struct user *user = user_find(broker, name);

    if (user == NULL)
        user = create(broker, name);
    user->password = *password;
    user->has_right_digest = false;
    store_put_user(user);
    return user;
}

struct user *user_add(struct broker *broker, struct slice name, struct slice password) {
    struct password hashed;

    password_set(&hashed, broker->settings.password_algorithm, broker->env, password);
    return user_add_hashed(broker, name, &hashed);
}

struct user *user_find(const struct broker *broker, struct slice name) {
    struct user *user = NULL;

    if (name.len > 0)
        MAP_FIND(broker->users, by_name, broker->env->hash_seed, name, user);
    return user;
}

static void forget_loopback_users(struct broker *broker) {
    while (broker->loopback_user_count > 0)
        free_slice(broker->loopback_users[--broker->loopback_user_count]);
    free(broker->loopback_users);
    broker->loopback_users = NULL;
}

void users_set_loopback_only(struct broker *broker, const struct slice *names, size_t count) {
    struct user *user, *next;

    forget_loopback_users(broker);
    broker->loopback_users = xcalloc(count, sizeof *broker->loopback_users);
    for (size_t i = 0; i < count; i++)
        broker->loopback_users[i] = xcopy_slice(names[i]);
    broker->loopback_user_count = count;
    MAP_FOR_EACH(broker->users, by_name, user, next) {
        user->loopback_only = is_loopback_only(broker, user->name);
    }
}

static void destroy(struct user *user) {
    struct list *link;

    while ((link = list_first(&user->permissions)) != NULL)
        permission_destroy(LIST_ITEM(link, struct permission, user_link));
    free_slice(user->tags);
    OPENSSL_cleanse(user->right_digest, sizeof user->right_digest);
    free(user);
}

void users_destroy(struct broker *broker) {
    struct user *user, *next;

    MAP_FOR_EACH(broker->users, by_name, user, next) {
        MAP_REMOVE(broker->users, by_name, user);
        destroy(user);
    }
    forget_loopback_users(broker);
}

void user_delete(struct user *user) {
    struct broker *broker = user->broker;
    struct list *link;

    store_begin_atomic(broker);
    while ((link = list_first(&user->permissions)) != NULL)
        permission_delete(LIST_ITEM(link, struct permission, user_link));
    store_delete_user(user);
    store_end_atomic(broker);
    MAP_REMOVE(broker->users, by_name, user);
    destroy(user);
}

/* --- tags and limits --- */

static struct slice trim(struct slice text) {
    while (text.len > 0 && text.data[0] == ' ')
        text = slice_of(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* The part of `list` in front of the next comma from `*at` on, blanks removed. */
static bool next_of_list(struct slice list, size_t *at, struct slice *ret_part) {
    if (*at >= list.len)
        return false;
    size_t end = *at;
    while (end < list.len && list.data[end] != ',')
        end++;
    *ret_part = trim(slice_of(list.data + *at, end - *at));
    *at = end + 1;
    return true;
}

bool user_set_tags(struct user *user, struct slice tags, struct refusal *refusal) {
    struct text joined = {0};
    struct slice tag;
    size_t count = 0;

    for (size_t at = 0; next_of_list(tags, &at, &tag);) {
        if (slice_is_empty(tag))
            continue;
        text_append(&joined, count++ > 0 ? SLICE(",") : SLICE(""));
        text_append(&joined, tag);
    }
    if (count > USER_TAGS_MAX || joined.len > USER_TAGS_LEN_MAX) {
        text_clear(&joined);
        return refuse(refusal, AMQP_PRECONDITION_FAILED, "user has more than %d tags",
                      USER_TAGS_MAX);
    }
    free_slice(user->tags);
    user->tags = slice_of(joined.chars, joined.len);
    user->impersonator = user_has_tag(user, SLICE("impersonator"));
    store_put_user(user);
    return true;
}

bool user_next_tag(const struct user *user, size_t *at, struct slice *ret_tag) {
    return next_of_list(user->tags, at, ret_tag);
}

bool user_has_tag(const struct user *user, struct slice tag) {
    struct slice own;

    for (size_t at = 0; user_next_tag(user, &at, &own);) {
        if (slice_equal(own, tag))
            return true;
    }
    return false;
}

void user_set_limits(struct user *user, struct user_limits limits) {
    user->limits = limits;
    store_put_user(user);
}

/* --- passwords --- */

/* Under a key that nobody knows, so that it is worth nothing outside of this process. */
static void digest_password(const struct broker *broker, struct slice password,
                            uint8_t ret_digest[USER_DIGEST_SIZE]) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(digest, broker->login_key, sizeof broker->login_key) == 1 &&
                EVP_DigestUpdate(digest, password.data, password.len) == 1 &&
                EVP_DigestFinal_ex(digest, ret_digest, NULL) == 1;

    EVP_MD_CTX_free(digest);
    if (!done)
        abort(); /* no memory, or a libcrypto without SHA-256 */
}

static bool is_remembered(const struct user *user, struct slice password) {
    uint8_t digest[USER_DIGEST_SIZE];

    if (user == NULL || !user->has_right_digest)
        return false;
    digest_password(user->broker, password, digest);
    return CRYPTO_memcmp(digest, user->right_digest, sizeof digest) == 0;
}

void user_remember_password(struct user *user, struct slice password) {
    digest_password(user->broker, password, user->right_digest);
    user->has_right_digest = true;
}

struct password user_expected_password(const struct broker *broker, struct slice name) {
    const struct user *user = user_find(broker, name);
    struct password expected;

    if (user != NULL && user->password.len > 0)
        return user->password;
    password_set_unknown(&expected, broker->settings.password_algorithm);
    return expected;
}

enum login_answer user_try_password(const struct broker *broker, struct slice name,
                                    struct slice password, struct user **ret_user) {
    struct user *user = user_find(broker, name);
    struct password expected = user_expected_password(broker, name);
    bool is_right = is_remembered(user, password);

    if (!is_right && password_is_slow(&expected))
        return LOGIN_SLOW;
    if (!is_right)
        is_right = password_verify(&expected, password) && user != NULL && user->password.len > 0;
    if (!is_right)
        return LOGIN_WRONG;
    *ret_user = user;
    return LOGIN_RIGHT;
}

struct user *user_authenticate(const struct broker *broker, struct slice name,
                               struct slice password) {
    struct user *user = NULL;

    if (user_try_password(broker, name, password, &user) != LOGIN_SLOW)
        return user;
    struct password expected = user_expected_password(broker, name);
    user = user_find(broker, name);
    if (!password_verify(&expected, password) || user == NULL || user->password.len == 0)
        return NULL;
    user_remember_password(user, password);
    return user;
}
