/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Password hashes, in RabbitMQ's formats so that definitions travel both ways, and a slow one of our
 * own. The name of an algorithm is that of RabbitMQ's module:
 *
 *   rabbit_password_hashing_sha256           salt (4 octets), SHA-256 of salt and password
 *   rabbit_password_hashing_sha512           salt (4 octets), SHA-512 of salt and password
 *   rabbit_password_hashing_md5              salt (4 octets), MD5 of salt and password
 *   leveret_password_hashing_pbkdf2_sha256   iterations (32 bit), salt (16 octets), PBKDF2-HMAC-SHA-256
 *
 * A hash without octets belongs to a user without a password: nothing verifies against it.
 */
#ifndef LEVERET_BROKER_ENTITIES_PASSWORD_H
#define LEVERET_BROKER_ENTITIES_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/env.h"

enum password_algorithm {
    PASSWORD_SHA256,
    PASSWORD_SHA512,
    PASSWORD_MD5,
    PASSWORD_PBKDF2,
};

#define PASSWORD_OCTETS_MAX        68
#define PASSWORD_PBKDF2_ITERATIONS 600000
/* A definitions file must not keep the worker busy for ever. */
#define PASSWORD_PBKDF2_ITERATIONS_MAX 10000000

struct password {
    enum password_algorithm algorithm;
    uint8_t len; /* 0: no password */
    uint8_t octets[PASSWORD_OCTETS_MAX];
};

const char *password_algorithm_name(enum password_algorithm algorithm);
/* By RabbitMQ's name of its module; false when it is none of them. */
bool password_algorithm_find(struct slice name, enum password_algorithm *ret_algorithm);

/* The hash of `cleartext` with a fresh salt; no password when that is empty. */
void password_set(struct password *password, enum password_algorithm algorithm,
                  const struct env *env, struct slice cleartext);

/*
 * The same in two steps, so that the long one can be done off the loop: the first chooses the salt, the
 * second is pure and may run on any thread.
 */
void password_begin(struct password *password, enum password_algorithm algorithm,
                    const struct env *env, struct slice cleartext);
void password_compute(struct password *password, struct slice cleartext);

/* A hash as it stands in definitions; false when it does not have the algorithm's form. */
bool password_import(struct password *password, enum password_algorithm algorithm,
                     struct slice octets);

/*
 * Takes as long for a wrong password as for a right one, and for a user without a password. The empty
 * password is never right. Pure: may run on any thread.
 */
bool password_verify(const struct password *password, struct slice cleartext);

/* A hash nobody knows a password of, to verify against for users that do not exist. */
void password_set_unknown(struct password *password, enum password_algorithm algorithm);

/* True when verifying takes so long that it must not be done on the loop. */
bool password_is_slow(const struct password *password);

#endif
