/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and password checks. A log-in costs one SHA-256 whether the user exists or not, and the
 * comparison does not stop at the first difference, so that the time taken tells nothing.
 */
#include "broker/entities/user.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/entities/broker.h"

/* Salt, then SHA-256 of salt and password: rabbit_password_hashing_sha256. */
static void hash_password(const uint8_t salt[PASSWORD_SALT_SIZE], struct slice password,
                          uint8_t ret_hash[PASSWORD_HASH_SIZE]) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
               EVP_DigestUpdate(digest, salt, PASSWORD_SALT_SIZE) == 1 &&
               EVP_DigestUpdate(digest, password.data, password.len) == 1 &&
               EVP_DigestFinal_ex(digest, ret_hash + PASSWORD_SALT_SIZE, NULL) == 1;

    EVP_MD_CTX_free(digest);
    if (!done)
        abort(); /* no memory, or a libcrypto without SHA-256: nobody could log in */
    memcpy(ret_hash, salt, PASSWORD_SALT_SIZE);
}

static struct user *user_create(struct slice name) {
    struct user *user = xcalloc(1, sizeof *user + name.len);
    uint8_t *octets = (uint8_t *)(user + 1);

    if (name.len > 0)
        memcpy(octets, name.data, name.len);
    user->name = slice_of(octets, name.len);
    return user;
}

struct user *user_add(struct broker *broker, struct slice name, struct slice password) {
    struct user *user = user_find(broker, name);
    uint8_t salt[PASSWORD_SALT_SIZE];

    if (user == NULL) {
        user = user_create(name);
        MAP_ADD(broker->users, by_name, broker->env->hash_seed, user->name, user);
    }
    broker->env->fill_random(broker->env->random_context, salt, sizeof salt);
    hash_password(salt, password, user->password_hash);
    return user;
}

struct user *user_find(const struct broker *broker, struct slice name) {
    struct user *user = NULL;

    if (name.len > 0)
        MAP_FIND(broker->users, by_name, broker->env->hash_seed, name, user);
    return user;
}

void user_destroy(struct user *user) {
    free(user);
}

struct user *user_authenticate(const struct broker *broker, struct slice name,
                               struct slice password) {
    static const uint8_t nobody[PASSWORD_HASH_SIZE];
    struct user *user = user_find(broker, name);
    const uint8_t *expected = user == NULL ? nobody : user->password_hash;
    uint8_t hash[PASSWORD_HASH_SIZE];

    hash_password(expected, password, hash);
    bool is_equal = CRYPTO_memcmp(hash, expected, sizeof hash) == 0;
    return is_equal && password.len > 0 ? user : NULL;
}
