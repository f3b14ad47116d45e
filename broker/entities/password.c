/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define SALT_SIZE        4
#define PBKDF2_SALT_SIZE 16
#define PBKDF2_HASH_SIZE 32
#define PBKDF2_HEAD_SIZE (4 + PBKDF2_SALT_SIZE)

static const struct algorithm {
    const char *name;
    const EVP_MD *(*digest)(void);
    uint8_t head_size; /* octets in front of the hash */
    uint8_t hash_size;
} algorithms[] = {
    [PASSWORD_SHA256] = {"rabbit_password_hashing_sha256", EVP_sha256, SALT_SIZE, 32},
    [PASSWORD_SHA512] = {"rabbit_password_hashing_sha512", EVP_sha512, SALT_SIZE, 64},
    [PASSWORD_MD5] = {"rabbit_password_hashing_md5", EVP_md5, SALT_SIZE, 16},
    [PASSWORD_PBKDF2] = {"leveret_password_hashing_pbkdf2_sha256", EVP_sha256, PBKDF2_HEAD_SIZE,
                         PBKDF2_HASH_SIZE},
};

#define ALGORITHM_COUNT (sizeof algorithms / sizeof algorithms[0])

const char *password_algorithm_name(enum password_algorithm algorithm) {
    return algorithms[algorithm].name;
}

bool password_algorithm_find(struct slice name, enum password_algorithm *ret_algorithm) {
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        if (!slice_equal(slice_from_text(algorithms[i].name), name))
            continue;
        *ret_algorithm = (enum password_algorithm)i;
        return true;
    }
    return false;
}

/* --- hashing --- */

static uint32_t iterations_of(const uint8_t *octets) {
    return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 |
           octets[3];
}

static void put_iterations(uint8_t *octets, uint32_t iterations) {
    for (int i = 0; i < 4; i++)
        octets[i] = (uint8_t)(iterations >> (24 - 8 * i));
}

static bool hash_salted(const struct algorithm *row, const uint8_t *salt, struct slice cleartext,
                        uint8_t *ret_hash) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool done = digest != NULL && EVP_DigestInit_ex(digest, row->digest(), NULL) == 1 &&
                EVP_DigestUpdate(digest, salt, SALT_SIZE) == 1 &&
                EVP_DigestUpdate(digest, cleartext.data, cleartext.len) == 1 &&
                EVP_DigestFinal_ex(digest, ret_hash, NULL) == 1;

    EVP_MD_CTX_free(digest);
    return done;
}

static bool hash_slowly(const uint8_t *head, struct slice cleartext, uint8_t *ret_hash) {
    return PKCS5_PBKDF2_HMAC((const char *)cleartext.data, (int)cleartext.len, head + 4,
                             PBKDF2_SALT_SIZE, (int)iterations_of(head), EVP_sha256(),
                             PBKDF2_HASH_SIZE, ret_hash) == 1;
}

/* False when libcrypto will not (it may refuse MD5): nobody logs in with such a hash. */
static bool hash(enum password_algorithm algorithm, const uint8_t *head, struct slice cleartext,
                 uint8_t *ret_hash) {
    return algorithm == PASSWORD_PBKDF2
               ? hash_slowly(head, cleartext, ret_hash)
               : hash_salted(&algorithms[algorithm], head, cleartext, ret_hash);
}

static uint8_t whole_size(enum password_algorithm algorithm) {
    return (uint8_t)(algorithms[algorithm].head_size + algorithms[algorithm].hash_size);
}

void password_begin(struct password *password, enum password_algorithm algorithm,
                    const struct env *env, struct slice cleartext) {
    *password = (struct password){.algorithm = algorithm};
    if (slice_is_empty(cleartext))
        return;
    password->len = whole_size(algorithm);
    env->fill_random(env->random_context, password->octets, algorithms[algorithm].head_size);
    if (algorithm == PASSWORD_PBKDF2)
        put_iterations(password->octets, PASSWORD_PBKDF2_ITERATIONS);
}

void password_compute(struct password *password, struct slice cleartext) {
    uint8_t *octets = password->octets;

    if (password->len == 0)
        return;
    if (!hash(password->algorithm, octets, cleartext,
              octets + algorithms[password->algorithm].head_size))
        abort(); /* no memory, or a libcrypto without the algorithm: nobody could log in */
}

void password_set(struct password *password, enum password_algorithm algorithm,
                  const struct env *env, struct slice cleartext) {
    password_begin(password, algorithm, env, cleartext);
    password_compute(password, cleartext);
}

bool password_import(struct password *password, enum password_algorithm algorithm,
                     struct slice octets) {
    if (octets.len != 0 && octets.len != whole_size(algorithm))
        return false;
    if (algorithm == PASSWORD_PBKDF2 && octets.len != 0 &&
        (iterations_of(octets.data) == 0 ||
         iterations_of(octets.data) > PASSWORD_PBKDF2_ITERATIONS_MAX))
        return false;
    *password = (struct password){.algorithm = algorithm, .len = (uint8_t)octets.len};
    if (octets.len > 0)
        memcpy(password->octets, octets.data, octets.len);
    return true;
}

void password_set_unknown(struct password *password, enum password_algorithm algorithm) {
    *password = (struct password){.algorithm = algorithm, .len = whole_size(algorithm)};
    if (algorithm == PASSWORD_PBKDF2)
        put_iterations(password->octets, PASSWORD_PBKDF2_ITERATIONS);
}

/* Somebody without a password is no faster to refuse. */
bool password_verify(const struct password *password, struct slice cleartext) {
    struct password expected = *password;
    uint8_t actual[PASSWORD_OCTETS_MAX];

    if (password->len == 0)
        password_set_unknown(&expected, password->algorithm);
    const struct algorithm *row = &algorithms[expected.algorithm];
    bool is_hashed = hash(expected.algorithm, expected.octets, cleartext, actual);
    bool is_equal =
        is_hashed && CRYPTO_memcmp(actual, expected.octets + row->head_size, row->hash_size) == 0;
    return is_equal && password->len > 0 && cleartext.len > 0;
}

bool password_is_slow(const struct password *password) {
    return password->algorithm == PASSWORD_PBKDF2;
}
